"""Words for what a network contains, so that a test can ask whether random ones contain everything."""

import itertools
from collections.abc import Iterator

import numpy as np

from neurodeploy.fixedpoint import rules, sigma_delta
from neurodeploy.fixedpoint.dynamics.step import COEFFICIENT_LIMIT, MAX_FRACTION_BITS, MIN_FRACTION_BITS
from neurodeploy.fixedpoint.dynamics.table import SHIPPED
from neurodeploy.program.connection import Connection
from neurodeploy.program.dynamics import AnyLayer, DynamicsLayer
from neurodeploy.program.layer import Layer, SigmaDelta
from neurodeploy.program.program import INPUT, READOUTS, Program

KINDS = (
    *("dense", "conv 1-D", "conv 2-D", "stride", "padding", "dilation", "groups", "sum pool", "average pool"),
    *("flatten", "recurrent", "feedback", "skip", "shared delay", "delays per synapse", "delay 63"),
    *("join", "concatenation", "way made longer"),
    *("exponents per row", "exponent -8", "exponent 7", "graded messages"),
    *(f"sign {sign}" for sign in rules.SIGNS),
    *("no memory", "IF", "LIF", "CUBA", "own parameters", "refractory", "never fires", "clears"),
    *("bias", "bias exponent", "initial state", "at the threshold", *(f"reset {reset}" for reset in rules.RESETS)),
    *(*sigma_delta.ROLES, *sigma_delta.ACTIVATIONS, "cumulative"),
    *(*(one.name for one in SHIPPED), "fraction bits 4", "fraction bits 15", "largest coefficient"),
    *("graded input", "silent input", "full input", "several samples"),
    *(f"readout {readout}" for readout in READOUTS),
)
"""Every word that `kinds_of` knows."""


def kinds_of(program: Program, spikes: np.ndarray) -> tuple[str, ...]:
    """Return the words that apply, in the order of `KINDS`."""
    found = {f"readout {program.readout}"}
    found |= {"graded input"} if program.graded_input else set()
    found |= {"several samples"} if len(spikes) > 1 else set()
    found |= {"silent input"} if not spikes.any() else {"full input"} if spikes.all() else set()
    for layer in program.layers:
        found.update(_of_layer(layer))
        found.update(_of_sources(program, layer))
    order = [INPUT, *(layer.name for layer in program.layers)]
    for one in program.connections:
        found.update(_of_connection(program, one))
        ways = {"recurrent": 0, "feedback": -1, "skip": 2}
        step = order.index(one.target) - order.index(one.source)
        found |= {word for word, way in ways.items() if way == max(-1, min(step, 2))}
    return tuple(word for word in (*KINDS, *sorted(found - {*KINDS})) if word in found)


def _of_sources(program: Program, layer: AnyLayer) -> Iterator[str]:
    starts = {INPUT: 0} | {one.name: one.start for one in program.layers}
    into = [one for one in program.into(layer.name) if starts[one.source] < layer.start]
    if len({one.source for one in into}) > 1:
        yield "join"
    rows = [one.weight.any(axis=1) for one in into if one.window is None]
    if any((a ^ b).all() and a.any() and b.any() for a, b in itertools.combinations(rows, 2)):
        yield "concatenation"
    missing = {one.name: layer.start - starts[one.source] - 1 for one in into}
    if any(missing[one.name] and (one.delay == missing[one.name]).all() for one in into[1:]):
        yield "way made longer"


def _of_layer(layer: AnyLayer) -> Iterator[str]:
    if isinstance(layer, SigmaDelta):
        yield layer.role
        if layer.role == sigma_delta.SIGMA_DELTA:
            yield layer.activation
        if layer.cumulative and layer.role != sigma_delta.SIGMA:
            yield "cumulative"
    elif isinstance(layer, DynamicsLayer):
        yield layer.kind
        if layer.fraction_bits in (MIN_FRACTION_BITS, MAX_FRACTION_BITS):
            yield f"fraction bits {layer.fraction_bits}"
        largest = max(int(np.abs(getattr(layer, key)).max()) for key in layer.dynamics.coefficients)
        if largest == COEFFICIENT_LIMIT << layer.fraction_bits:
            yield "largest coefficient"
    elif isinstance(layer, Layer):
        yield from _of_lif(layer)


def _of_lif(layer: Layer) -> Iterator[str]:
    no_memory = (rules.kept_of_current(layer.du) == 0).all()
    yield "CUBA" if not no_memory else "LIF" if layer.dv.any() else "IF"
    if no_memory and (rules.kept_of_potential(layer.dv) == 0).all():
        yield "no memory"
    never = (layer.vth == rules.NEVER).all()
    yield "never fires" if never else f"reset {layer.reset}"
    words = {
        "own parameters": not layer.shared,
        "refractory": layer.refractory and not never,
        "clears": layer.clear_every,
        "bias": layer.bias_mant.any(),
        "bias exponent": layer.bias_mant.any() and layer.bias_exp,
        "initial state": layer.u_init.any() or layer.v_init.any(),
        "at the threshold": layer.at_threshold,
    }
    yield from (word for word, present in words.items() if present)


def _of_connection(program: Program, one: Connection) -> Iterator[str]:
    axes = len(program.input_shape if one.source == INPUT else program.layer(one.source).shape)
    window = one.window
    words = {
        "flatten": window is None and axes == 3,
        "shared delay": np.ndim(one.delay) == 0 and one.largest_delay,
        "delays per synapse": np.ndim(one.delay) and one.largest_delay,
        "delay 63": one.largest_delay == rules.DELAY_MAX,
        "exponents per row": np.ndim(one.weight_exp),
        "exponent -8": np.min(one.weight_exp) == rules.WEIGHT_EXPONENT_MIN,
        "exponent 7": np.max(one.weight_exp) == rules.WEIGHT_EXPONENT_MAX,
        "graded messages": program.graded(one.source),
        "dense": window is None,
        f"sign {one.sign}": window is None,
        "stride": window and max(window.stride) > 1,
        "padding": window and max(window.padding) > 0,
        "dilation": window and max(window.dilation) > 1,
        "groups": window and window.groups > 1,
    }
    yield from (word for word, present in words.items() if present)
    if window:
        pools = window.groups == window.input_shape[0] == window.out_channels
        if pools and len(np.unique(one.weight)) == 1 and one.weight.min() > 0:
            yield "average pool" if np.min(one.weight_exp) < 0 else "sum pool"
        else:
            yield "conv 1-D" if window.input_shape[1] == window.kernel[0] == 1 else "conv 2-D"
