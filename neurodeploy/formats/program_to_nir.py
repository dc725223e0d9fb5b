"""An integer Program as a NIR graph of standard nodes, with the chip's integers in their metadata.

For every reader the nodes say in real numbers what the chip does: a potential of 1 is 64 chip units, so
weights and thresholds are the chip's own numbers, times 2 to the exponent. Rounding, saturation, rests and
cleared states have no such numbers; with everything else they stand in the metadata, from which
`formats.nir_to_program` makes the same Program again.

Sigma-delta neurons send values, which no NIR neuron does. They are written as the sums and differences
that they work with: an integrator, and the value less the value one step before. Threshold, activation and
bias stand in the metadata only. Integrators that send their potential are `I` nodes, in the graph's own unit; both
halves of wide weights are one node.

Axes: N neurons of a layer, O and I the ends of a connection, K output channel of a convolution.
"""

import json
from typing import Any

import nir
import numpy as np

from neurodeploy.errors import ProgramError
from neurodeploy.fixedpoint import rules, sigma_delta
from neurodeploy.fixedpoint.dynamics.integrator import INTEGRATOR
from neurodeploy.graph.metadata import FORMAT, INTEGRATION, wrapped
from neurodeploy.phrases import plural
from neurodeploy.program.connection import Connection
from neurodeploy.program.dynamics import AnyLayer
from neurodeploy.program.layer import Layer, SigmaDelta
from neurodeploy.program.program import INPUT, SYNAPSE_INTEGERS, Program
from neurodeploy.quantize import grid

PROGRAM, INTEGERS, PLAIN = "program", "integers", "plain"
"""Keys of our metadata: of the graph, of a node, and in the latter what is no array."""
PROGRAM_FORMAT = 1
KEPT = ("name", "chip", "n_inputs", "output", "plan", "notes", "input_shape", "graded_input", "encoding")
UNIT = 1 << rules.ALIGN_SHIFT
FOREVER = float(1 << 40)
"""Steps of a time constant that stands for none, where a node must have one."""
Nodes = dict[str, nir.NIRNode]
Edges = list[tuple[str, str]]


def program_graph(program: Program) -> nir.NIRGraph:
    """Return the graph of a Program.

    Raises:
        ProgramError: it holds neurons that only the graph they came from can say.
    """
    names = node_names(program)
    nodes: Nodes = {"input": nir.Input({"input": np.array(program.input_shape)})}
    edges: Edges = []
    placed: set[str] = set()
    low = program.low_halves
    for place, one in enumerate(program.connections):
        if one in low.values():
            continue
        through, ends = _weights(program, one, place, names, low.get(one))
        nodes |= through
        edges += ends
        placed |= {one.target} if any(getattr(node, "bias", None) is not None for node in through.values()) else set()
    for place, layer in enumerate(program.layers):
        nodes[names[layer.name]] = _neurons(program, layer, place, biased=layer.name in placed)
    last = names[program.output]
    nodes["output"] = nir.Output({"output": np.array(program.layer(program.output).shape)})
    edges.append((last, "output"))
    header = {"format": PROGRAM_FORMAT} | {key: getattr(program, key) for key in KEPT}
    metadata = wrapped(
        format=FORMAT,
        dt_s=program.dt_s,
        time_unit="s",
        integration=INTEGRATION,
        readout=program.readout,
        decode=None if program.decode is None else program.decode.text,
        host=None if program.host is None else program.host.text,
        **program.settings | {"counts": program.graded_input or None},
        **{PROGRAM: json.dumps(header, sort_keys=True)},
    )
    return nir.NIRGraph(nodes, edges, metadata=metadata, type_check=False)


def losses(program: Program) -> list[str]:
    """Return what other readers of the graph do not see, one sentence each."""
    found = []
    for layer in program.layers:
        if isinstance(layer, SigmaDelta):
            found.append(
                f"{layer.name}: NIR has no neurons that send values, so sigma-delta neurons are a sub-graph of sums "
                "and differences; threshold, activation and bias are in our metadata only"
            )
        elif isinstance(layer, Layer):
            unseen = [
                *(["rests after spikes"] if layer.refractory else []),
                *(["spikes at its threshold, and not only above it"] if layer.at_threshold else []),
                *([f"clears its states every {plural(layer.clear_every, 'step')}"] if layer.clear_every else []),
                *(["does not begin at 0"] if layer.u_init.any() or layer.v_init.any() else []),
                *([f"rests for the first {plural(layer.rest_init, 'step')}"] if layer.rest_init else []),
            ]
            if unseen:
                found.append(f"{layer.name}: {' and '.join(unseen)}, which NIR cannot say; it is in our metadata only")
    for one in program.connections:
        if one.window is not None and one.window.groups > 1 and not pools(one):
            found.append(f"{one.name}: has groups, which NIR 1.0.8's type check miscounts; nir.read(type_check=False)")
    return found


def node_names(program: Program) -> dict[str, str]:
    """Return a node's name for every layer; their own, which HDF5 must be able to hold."""
    names = {layer.name: layer.name.replace("/", "|") for layer in program.layers}
    taken = [*names.values(), *(one.name.replace("/", "|") for one in program.connections), "input", "output"]
    if len(set(taken)) != len(taken) or "" in taken or "." in taken:
        twice = next((one for one in taken if taken.count(one) > 1), "")
        raise ProgramError(f"{program.name}: the name {twice!r} is no node's, or stands for two; rename it")
    return names


def _unit(program: Program, one: Connection) -> float:
    """Return what a node's weights are multiplied by: integrators have a unit, and send their upper bits."""
    ends: Any = [None if name == INPUT else program.layer(name) for name in (one.source, one.target)]
    source, target = ends
    unit = 1.0
    if _integrates(source):
        unit = source.v_per_unit[0] / (1 << source.message_exp)
    return float(unit / target.v_per_unit[0] if _integrates(target) else unit)


def _integrates(layer: Any) -> bool:
    """Return whether a NIR `I` says what a layer does."""
    return layer is not None and layer.kind == INTEGRATOR.name and bool((layer.alpha == 1 << layer.fraction_bits).all())


def _weights(
    program: Program, one: Connection, place: int, names: dict[str, str], low: Connection | None
) -> tuple[Nodes, Edges]:
    """Return the nodes of a connection, and the edges from its source through them to its target."""
    source = "input" if one.source == INPUT else names[one.source]
    target, name = names[one.target], one.name.replace("/", "|")
    plain = {key: getattr(one, key) for key in ("name", "source", "target", "sign")} | {"place": place}
    plain |= {"weight": int(one.weight.flat[0])} if pools(one) else {}
    unit, exponent = _unit(program, one), one.weight_exp
    whole: np.ndarray = one.weight.astype(np.float32)
    plain |= {"unit": unit} if unit != 1 else {}
    if low is not None:
        plain |= {"low": program.connections.index(low)}
        whole, exponent = grid.joined(one.weight, low.weight).astype(np.float32), exponent - grid.HIGH_EXPONENT
    window = None if one.window is None else vars(one.window)
    carried: dict[str, Any] = {
        "weight_exp": stored(one.weight_exp, shared=one.weight_exp.ndim == 0),
        "delay": stored(one.delay, shared=one.delay.ndim == 0),
        PLAIN: json.dumps(plain | {"window": window}, sort_keys=True),
    }
    metadata = wrapped(**{INTEGERS: carried})
    exponents = exponent.reshape(exponent.shape + (1,) * (one.weight.ndim - exponent.ndim))
    weight = np.ldexp(whole, exponents.astype(int)) * np.float32(unit)
    steps = arrival(program, one)
    nodes: Nodes = {}
    chain = [source]
    if one.window is None and len(_shape(program, one.source)) > 1:
        nodes[f"{name}_flat"] = nir.Flatten({"input": np.array(_shape(program, one.source))}, start_dim=0)
        chain.append(f"{name}_flat")
    if steps.ndim and not ((steps == steps[:1]).all() or (steps == steps[:, :1]).all()):
        raise ProgramError(
            f"{one.name}: delays differ from synapse to synapse, which takes as many NIR nodes as there are delays; "
            "write .npz or .net"
        )
    early = steps.ndim == 0 or bool((steps == steps[:1]).all())
    wait = steps if steps.ndim == 0 else steps[0] if early else steps[:, 0]
    delay = nir.Delay(delay=np.broadcast_to(wait, one.n_inputs if early else one.n_outputs) * program.dt_s)
    waits = bool(wait.any()) and not (one.source == one.target and (wait == 1).all())
    layer = program.layer(one.target)
    bias = None if (waits and not early) or program.into(one.target)[0] is not one else _placed_bias(program, layer)
    if waits and early:
        nodes[f"{name}_wait"] = nir.Delay(
            np.reshape(delay.delay, _shape(program, one.source)) if one.window else delay.delay
        )
        chain.append(f"{name}_wait")
    nodes[name] = _linear(one, weight, bias, metadata)
    chain.append(name)
    if isinstance(nodes[name], nir.SumPool2d) and weight.flat[0] != 1:
        assert one.window is not None
        nodes[f"{name}_scale"] = nir.Scale(scale=np.full(one.window.output_shape, weight.flat[0]))
        chain.append(f"{name}_scale")
    if waits and not early:
        nodes[f"{name}_wait"] = delay
        chain.append(f"{name}_wait")
    return nodes, list(zip(chain, [*chain[1:], target], strict=True))


def _linear(one: Connection, weight: np.ndarray, bias: np.ndarray | None, metadata: dict[str, Any]) -> nir.NIRNode:
    if one.window is None:
        if bias is None:
            return nir.Linear(weight=weight, metadata=metadata)
        return nir.Affine(weight=weight, bias=bias, metadata=metadata)
    window = one.window
    if pools(one) and (window.kernel, window.stride, window.padding) == ((1, 1), (1, 1), (0, 0)):
        return nir.Scale(scale=np.full(window.input_shape, weight.flat[0]), metadata=metadata)
    if pools(one):
        sizes = (np.array(size) for size in (window.kernel, window.stride, window.padding))
        return nir.SumPool2d(*sizes, metadata=metadata)
    return nir.Conv2d(
        input_shape=window.input_shape[1:],
        weight=weight,
        stride=np.array(window.stride),
        padding=np.array(window.padding),
        dilation=np.array(window.dilation),
        groups=window.groups,
        bias=np.zeros(window.out_channels) if bias is None else bias,
        metadata=metadata,
    )


def pools(one: Connection) -> bool:
    """True where every channel is summed up on its own, with one weight: NIR has pools and scales for it.

    NIR 1.0.8's type check miscounts the channels of convolutions with groups.
    """
    window = one.window
    if window is None or one.weight_exp.ndim or window.dilation != (1, 1):
        return False
    alone = window.groups == window.input_shape[0] == window.out_channels
    return alone and bool((one.weight == one.weight.flat[0]).all())


def arrival(program: Program, one: Connection) -> np.ndarray:
    """Return the steps (), or (O, I), that a spike takes in a graph in which connections take none.

    Raises:
        ProgramError: it would have to arrive before it is sent.
    """
    begins = {layer.name: layer.start for layer in program.layers} | {INPUT: 0}
    found = uniform(one.delay) + 1 - (begins[one.target] - begins[one.source])
    if found.min() < 0:
        raise ProgramError(f"{one.name}: arrives {-found.min()} step(s) before a graph could send it; write .npz")
    return found


def _placed_bias(program: Program, layer: AnyLayer) -> np.ndarray | None:
    """Return the bias as a weight node has it, (O,) or (K,), or None where it must be the neurons' own.

    It may pass the current where that keeps nothing.
    """
    if _integrates(layer):
        return layer.bias / layer.v_per_unit if layer.bias.any() else None  # type: ignore[union-attr]
    if not isinstance(layer, Layer) or not layer.bias_mant.any() or (layer.du != rules.DECAY_ONE - 1).any():
        return None
    bias = rules.effective_bias(layer.bias_mant, layer.bias_exp) / UNIT
    into = program.into(layer.name)[0]
    window = into.window
    if window is None:
        return bias
    if pools(into):
        return None
    full = bias.reshape(window.out_channels, -1)
    return full[:, 0].copy() if (full == full[:, :1]).all() else None


def _neurons(program: Program, layer: AnyLayer, place: int, *, biased: bool) -> nir.NIRNode:
    if not (isinstance(layer, Layer | SigmaDelta) or _integrates(layer)):
        raise ProgramError(
            f"{layer.name}: {layer.kind} neurons are said by the graph that the Program was compiled from; name that"
        )
    plain = layer.plain_values | {"kind": layer.kind, "place": place}
    arrays = {key: stored(getattr(layer, key)) for key in (*layer.integers, *layer.units)}
    carried = wrapped(**{INTEGERS: arrays | {PLAIN: json.dumps(plain, sort_keys=True)}})
    if isinstance(layer, SigmaDelta):
        return _sigma_delta(layer, program.dt_s, carried)
    if not isinstance(layer, Layer):
        return nir.I(r=np.ones(layer.shape) / program.dt_s, metadata=carried)
    bias = rules.effective_bias(layer.bias_mant, layer.bias_exp) / UNIT
    if _placed_bias(program, layer) is not None and biased:
        bias = 0 * bias
    last = layer.name == program.output and all(one.source != layer.name for one in program.connections)
    return _leaky(layer, program.dt_s, bias, carried, readout=last and bool((layer.vth == rules.NEVER).all()))


def _leaky(layer: Layer, dt_s: float, bias: np.ndarray, carried: dict[str, Any], *, readout: bool) -> nir.NIRNode:
    one = np.ones(layer.shape)
    tau_mem = _time_constant(layer.dv, dt_s).reshape(layer.shape)
    tau_syn = _time_constant(layer.du + 1, dt_s).reshape(layer.shape)
    common = {"r": tau_mem / dt_s, "v_leak": bias.reshape(layer.shape) * tau_mem / dt_s}
    spiking = {} if readout else {"v_threshold": layer.vth.reshape(layer.shape) * one, "v_reset": 0 * one}
    how = {"reset": layer.reset, "at_threshold": layer.at_threshold or None}
    entries = carried if readout else wrapped(**carried["neurodeploy"], **how)
    if (layer.du == rules.DECAY_ONE - 1).all():
        if not layer.dv.any() and not bias.any():
            return (nir.I if readout else nir.IF)(r=one / dt_s, **spiking, metadata=entries)
        return (nir.LI if readout else nir.LIF)(tau=tau_mem, **common, **spiking, metadata=entries)
    common |= {"tau_mem": tau_mem, "tau_syn": tau_syn, "w_in": tau_syn / dt_s}
    return (nir.CubaLI if readout else nir.CubaLIF)(**common, **spiking, metadata=entries)


def _time_constant(lost: np.ndarray, dt_s: float) -> np.ndarray:
    """Return the time constant (N,), seconds, of a state that loses `lost` of 4096 in a step."""
    return dt_s * np.where(lost > 0, rules.DECAY_ONE / np.maximum(lost, 1), FOREVER)


def _sigma_delta(layer: SigmaDelta, dt_s: float, carried: dict[str, Any]) -> nir.NIRGraph:
    one = np.ones(layer.shape)
    parts: Nodes = {
        "input": nir.Input({"input": np.array(layer.shape)}),
        "sigma": nir.I(r=one / dt_s),
        "before": nir.Delay(delay=dt_s * one),
        "minus": nir.Scale(scale=-one),
        "output": nir.Output({"output": np.array(layer.shape)}),
    }
    edges = [("input", "sigma")] if layer.role != sigma_delta.DELTA else []
    value = "sigma" if edges else "input"
    edges.append((value, "output"))
    if layer.role != sigma_delta.SIGMA:
        edges += [(value, "before"), ("before", "minus"), ("minus", "output")]
    kept = [name for name in parts if any(name in edge for edge in edges)]
    return nir.NIRGraph({name: parts[name] for name in kept}, edges, metadata=carried, type_check=False)


def _shape(program: Program, source: str) -> tuple[int, ...]:
    return program.input_shape if source == INPUT else program.layer(source).shape


def uniform(values: np.ndarray) -> np.ndarray:
    """Return one number where all are the same."""
    values = np.asarray(values)
    return values.ravel()[0].reshape(()) if values.size and (values == values.ravel()[0]).all() else values


def stored(values: np.ndarray, *, shared: bool = True) -> Any:
    """Return what metadata hold of an array: one number where all are the same, unless its shape matters."""
    found = uniform(values) if shared else np.asarray(values)
    return found.item() if found.ndim == 0 else found


SYNAPSES = tuple(key for key in SYNAPSE_INTEGERS if key != "weight")
