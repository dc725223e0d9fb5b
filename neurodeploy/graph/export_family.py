"""A folded network of the SiLIF family as a NIR graph of standard nodes; quantised where it has quantisers.

    input -> fc1 (Affine) -> silif1 (sub-graph, with rec1 around it where it recurs) -> ... -> readout (LI) -> output

The readout's time constant follows by forward Euler, tau = dt / (1 - alpha), and r = tau / dt.
"""

from __future__ import annotations

from typing import Any

import nir
import numpy as np

from neurodeploy.fixedpoint.rules import SOFTMAX
from neurodeploy.graph.dynamics import subgraph
from neurodeploy.graph.metadata import FORMAT, INTEGRATION, ROUNDING, TOWARD_ZERO, wrapped
from neurodeploy.program.plan import ConnectionPlan, Plan
from neurodeploy.quantize.fake import numbers_of
from neurodeploy.quantize.folded import CellQuantiser, FoldedNetwork, FoldedReadout, ReadoutQuantiser


def family_to_nir(network: FoldedNetwork, dt_s: float, **settings: Any) -> nir.NIRGraph:
    """Return the graph of `network`.

    Args:
        dt_s: Time step, seconds; recorded in the graph's metadata and in every Delay.
        settings: Further entries for the graph's metadata (name, chip, dataset, binning).
    """
    nodes: dict[str, nir.NIRNode] = {"input": nir.Input({"input": np.array([network.n_inputs])})}
    edges: list[tuple[str, str]] = []
    before = "input"
    for index, (name, layer) in enumerate(zip(network.names, network.hidden, strict=False), start=1):
        used, quantiser = layer.values(), layer.quantiser
        numbers = {key: numbers_of(used.numbers[key]) for key in layer.dynamics.numbers}
        plan = None if quantiser is None else quantiser.weight
        nodes[weights_name(index)] = nir.Affine(
            numbers_of(used.weight_NI), numbers_of(used.bias_N), metadata=_precision(plan)
        )
        nodes[name] = subgraph(
            layer.dynamics,
            numbers,
            np.full(layer.n_outputs, layer.v_threshold),
            dt_s,
            wrapped(
                cell=layer.dynamics.name,
                model=layer.model,
                vth_mant=None if quantiser is None else quantiser.unit,
                fraction_bits=None if quantiser is None else quantiser.fraction_bits,
                rounding=None if quantiser is None else TOWARD_ZERO,
            ),
        )
        edges += [(before, weights_name(index)), (weights_name(index), name)]
        if used.recurrent_NN is not None:
            plan = None if quantiser is None else quantiser.recurrent
            nodes[recurrent_name(index)] = nir.Linear(numbers_of(used.recurrent_NN), metadata=_precision(plan))
            edges += [(name, recurrent_name(index)), (recurrent_name(index), name)]
        before = name
    weights, readout = _readout(network.readout, dt_s)
    last = weights_name(len(network.hidden) + 1)
    nodes |= {last: weights, network.names[-1]: readout}
    nodes["output"] = nir.Output({"output": np.array([len(network.readout.bias)])})
    edges += [(before, last), (last, network.names[-1]), (network.names[-1], "output")]
    metadata = wrapped(format=FORMAT, dt_s=dt_s, time_unit="s", integration=INTEGRATION, readout=SOFTMAX, **settings)
    return nir.NIRGraph(nodes, edges, metadata=metadata, type_check=False)


def weights_name(index: int) -> str:
    """Return the node of layer `index`, from 1, that holds its weights; the readout is the last layer."""
    return f"fc{index}"


def recurrent_name(index: int) -> str:
    """Return the node that holds a layer's recurrent weights."""
    return f"rec{index}"


def attach_plan(network: FoldedNetwork, plan: Plan) -> None:
    """Give every layer the quantiser that `plan`, made for the network's graph, asks for."""
    *names, last = network.names
    for index, (name, layer) in enumerate(zip(names, network.hidden, strict=True), start=1):
        layer.quantiser = CellQuantiser(
            name,
            layer.dynamics,
            plan.vth_mant[name],
            plan.fraction_bits[name],
            plan.connections[weights_name(index)],
            plan.connections.get(recurrent_name(index)),
        )
    network.readout.quantiser = ReadoutQuantiser(
        plan.vth_mant[last], plan.connections[weights_name(len(network.hidden) + 1)]
    )


def _readout(readout: FoldedReadout, dt_s: float) -> tuple[nir.NIRNode, nir.NIRNode]:
    used, quantiser = readout.values(), readout.quantiser
    tau = dt_s / (1 - numbers_of(used.numbers["alpha"]))
    plan = None if quantiser is None else quantiser.weight
    weights = nir.Affine(numbers_of(used.weight_NI), numbers_of(used.bias_N), metadata=_precision(plan))
    metadata = wrapped(vth_mant=None if quantiser is None else quantiser.vth_mant)
    return weights, nir.LI(tau=tau, r=tau / dt_s, v_leak=0 * tau, metadata=metadata)


def _precision(plan: ConnectionPlan | None) -> dict[str, Any]:
    if plan is None:
        return {}
    return wrapped(weight_bits=plan.weight_bits, row_exps=np.array(plan.weight_exp), rounding=ROUNDING)
