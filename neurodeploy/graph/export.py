"""A trained network as a NIR graph; quantised where its layers carry a quantiser.

Time constants follow from the decays by forward Euler: tau = dt / (1 - kept part). Gains are
chosen so that w_in dt / tau_syn = r dt / tau_mem = 1, and thresholds are 1.
"""

from __future__ import annotations

from typing import Any

import nir
import numpy as np
import torch

from neurodeploy.graph.metadata import FORMAT, INTEGRATION, ROUNDING, wrapped
from neurodeploy.networks.spiking import SpikingLayer, SpikingNetwork
from neurodeploy.neurons.scan import THRESHOLD
from neurodeploy.program.plan import ConnectionPlan
from neurodeploy.quantize import grid
from neurodeploy.quantize.fake import FakeQuantiser


def to_nir(network: SpikingNetwork, n_inputs: int, dt_s: float, **settings: Any) -> nir.NIRGraph:
    """Return the graph of `network`.

    Args:
        n_inputs: Input channels.
        dt_s: Time step, seconds; recorded in the graph's metadata with the integration method.
        settings: Further entries for the graph's metadata (name, chip, dataset, n_steps).
    """
    nodes: dict[str, nir.NIRNode] = {"input": nir.Input({"input": np.array([n_inputs])})}
    edges: list[tuple[str, str]] = []
    before = "input"
    for index, layer in enumerate(network.layers, start=1):
        assert isinstance(layer, SpikingLayer)
        weights, recurrent, neurons = names(index)
        used = layer.weights()
        quantiser = layer.quantiser if isinstance(layer.quantiser, FakeQuantiser) else None
        plan = None if quantiser is None else quantiser.weight
        nodes[weights] = _dense(used.weight_OI, used.bias_O, quantiser, plan)
        nodes[neurons] = _neurons(layer, used.alpha, used.beta, dt_s, quantiser)
        edges += [(before, weights), (weights, neurons)]
        if used.recurrent_OO is not None:
            plan = None if quantiser is None else quantiser.recurrent
            nodes[recurrent] = _dense(used.recurrent_OO, None, quantiser, plan)
            edges += [(neurons, recurrent), (recurrent, neurons)]
        before = neurons
    nodes["output"] = nir.Output({"output": nodes[before].output_type["output"]})
    edges.append((before, "output"))
    metadata = wrapped(format=FORMAT, dt_s=dt_s, time_unit="s", integration=INTEGRATION, **settings)
    return nir.NIRGraph(nodes, edges, metadata=metadata, type_check=False)


def names(index: int) -> tuple[str, str, str]:
    """Return the node names of layer `index`, from 1: weights, recurrent weights, neurons."""
    return f"fc{index}", f"rec{index}", f"lif{index}"


def _dense(
    weight: torch.Tensor, bias: torch.Tensor | None, quantiser: FakeQuantiser | None, plan: ConnectionPlan | None
) -> nir.NIRNode:
    metadata = {}
    if quantiser is not None and plan is not None:
        metadata = wrapped(
            weight_bits=plan.weight_bits,
            weight_exp=plan.weight_exp,
            weight_scale=float(grid.power(plan.weight_exp, 0)) / quantiser.vth_mant,
            rounding=ROUNDING,
        )
    values = weight.detach().cpu().numpy()
    if bias is None:
        return nir.Linear(weight=values, metadata=metadata)
    return nir.Affine(weight=values, bias=bias.detach().cpu().numpy(), metadata=metadata)


def _neurons(
    layer: SpikingLayer, alpha: torch.Tensor, beta: torch.Tensor, dt_s: float, quantiser: FakeQuantiser | None
) -> nir.NIRNode:
    n_neurons = layer.weight.shape[0]
    full = np.ones(n_neurons)
    tau_mem = dt_s / (1 - beta.detach().double().cpu().numpy()) * full
    metadata = wrapped(reset=layer.neuron.settings.reset, vth_mant=None if quantiser is None else quantiser.vth_mant)
    shared = {
        "r": tau_mem / dt_s,
        "v_leak": 0 * full,
        "v_threshold": THRESHOLD * full,
        "v_reset": 0 * full,
        "metadata": metadata,
    }
    if layer.neuron.nir_type == "LIF":
        return nir.LIF(tau=tau_mem, **shared)
    tau_syn = dt_s / (1 - alpha.detach().double().cpu().numpy()) * full
    return nir.CubaLIF(tau_mem=tau_mem, tau_syn=tau_syn, w_in=tau_syn / dt_s, **shared)
