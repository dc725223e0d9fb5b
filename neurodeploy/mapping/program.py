"""The integer Program: what the chip, Lava and our own simulator all run.

Integers and steps only; numpy only, because the Lava worker loads it too.
Axes: N neurons of a layer, O neurons a connection ends on, I neurons (or input channels) it starts from.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from neurodeploy.errors import ProgramError
from neurodeploy.fixedpoint import rules
from neurodeploy.fixedpoint.rules import IntArray

INPUT = "input"
"""Source name of a connection that starts from the network's input channels."""


@dataclass(frozen=True, eq=False)
class Layer:
    """One population of neurons.

    Attributes:
        name: Name of the neuron node in the graph.
        du, dv: Decays of current and potential (N,), 12 bit; `du` is one less than what is lost.
        vth: Threshold mantissa (N,), 17 bit, shifted left by 6 before the comparison.
        bias_mant: Bias mantissa (N,), 13 bit signed; `bias_exp`: its shared exponent, 0..7.
        u_init, v_init: State before the first step (N,), 24 bit.
        reset: "zero" or "subtract".
        start: Step at which the first input can arrive: one per connection on the way.
        u_per_unit, v_per_unit: Chip units for a current and a potential of 1 in the graph (N,).
        u_offset, v_offset: Chip units to add to the graph's scaled state to get the chip's (N,).
    """

    name: str
    du: IntArray
    dv: IntArray
    vth: IntArray
    bias_mant: IntArray
    bias_exp: int
    u_init: IntArray
    v_init: IntArray
    reset: str
    start: int
    u_per_unit: np.ndarray
    v_per_unit: np.ndarray
    u_offset: np.ndarray
    v_offset: np.ndarray

    @property
    def n_neurons(self) -> int:
        return len(self.vth)

    @property
    def shared(self) -> bool:
        """True where all neurons share decays and threshold, as Lava's own LIF requires."""
        return all(len(np.unique(value)) <= 1 for value in (self.du, self.dv, self.vth))


@dataclass(frozen=True, eq=False)
class Connection:
    """A dense connection from `source` (a layer or "input") to `target`; costs one step.

    Attributes:
        weight_OI: Integer weights as the synapse memory holds them (mixed signs: even, +-254).
        weight_exp: Shared exponent of base 2, applied after the sum.
    """

    name: str
    source: str
    target: str
    weight_OI: IntArray
    weight_exp: int


@dataclass(frozen=True, eq=False)
class Program:
    """A network in the chip's integers.

    Attributes:
        name, chip: Where it comes from and what it was made for.
        dt_s: What one step stands for, seconds.
        n_inputs: Input channels.
        layers, connections: In the order of the flow.
        output: Layer whose neuron with most spikes is the class.
        plan: The precision choices it was made with (`quantize.plan.Plan` as plain values).
        notes: What the conversion changed, one sentence each.
    """

    name: str
    chip: str
    dt_s: float
    n_inputs: int
    layers: tuple[Layer, ...]
    connections: tuple[Connection, ...]
    output: str
    plan: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check(self)

    def layer(self, name: str) -> Layer:
        """Return the layer called `name`."""
        return next(layer for layer in self.layers if layer.name == name)

    def into(self, target: str) -> list[Connection]:
        """Return the connections that end on the layer called `target`."""
        return [one for one in self.connections if one.target == target]

    @property
    def depth(self) -> int:
        """Extra steps after the last input until every layer has seen all of it."""
        return max(layer.start for layer in self.layers)

    def n_steps(self, n_input_steps: int) -> int:
        """Return the chip steps needed for an input of `n_input_steps`."""
        return n_input_steps + self.depth

    @cached_property
    def digest(self) -> str:
        """SHA-256 over every number the chip sees; two Programs with one digest behave alike."""
        sha = hashlib.sha256()
        for value in arrays_of(self).values():
            sha.update(str(value.shape).encode() + np.ascontiguousarray(value, dtype="<i8").tobytes())
        rest = [self.n_inputs, self.output]
        rest += [(la.name, la.bias_exp, la.reset, la.start) for la in self.layers]
        rest += [(co.name, co.source, co.target, co.weight_exp) for co in self.connections]
        sha.update(repr(rest).encode())
        return sha.hexdigest()


LAYER_INTEGERS = ("du", "dv", "vth", "bias_mant", "u_init", "v_init")
LAYER_UNITS = ("u_per_unit", "v_per_unit", "u_offset", "v_offset")


def arrays_of(program: Program) -> dict[str, IntArray]:
    """Return every integer array of the Program by a path-like name."""
    found = {f"layer/{la.name}/{key}": getattr(la, key) for la in program.layers for key in LAYER_INTEGERS}
    found |= {f"connection/{co.name}/weight": co.weight_OI for co in program.connections}
    return found


def check(program: Program) -> None:
    """Check that the parts fit together and every number fits its field.

    Raises:
        ProgramError: with the layer or connection, the value and the range.
    """
    where = program.name
    sizes = {INPUT: program.n_inputs} | {layer.name: layer.n_neurons for layer in program.layers}
    if not program.layers:
        raise ProgramError(f"{where}: has no layers, at least one is needed")
    if program.output not in sizes:
        raise ProgramError(f"{where}: output {program.output!r} is not a layer")
    for layer in program.layers:
        _check_layer(layer)
    for one in program.connections:
        for end in (one.source, one.target):
            if end not in sizes:
                raise ProgramError(f"{one.name}: connects {end!r}, which is not a layer")
        wanted = (sizes[one.target], sizes[one.source])
        if one.weight_OI.shape != wanted:
            raise ProgramError(f"{one.name}: weights are {one.weight_OI.shape}, {wanted} was expected")
        _within(one.name, "weight", one.weight_OI, -256, 255)
        _within(one.name, "weight_exp", one.weight_exp, rules.WEIGHT_EXPONENT_MIN, rules.WEIGHT_EXPONENT_MAX)
    for layer in program.layers:
        _check_sum(program, layer)


def _check_layer(layer: Layer) -> None:
    bounds = {
        "du": (0, rules.DECAY_ONE - 1),
        "dv": (0, rules.DECAY_ONE),
        "vth": (0, (1 << rules.THRESHOLD_BITS) - 1),
        "bias_mant": (-(1 << rules.BIAS_MANTISSA_BITS - 1), (1 << rules.BIAS_MANTISSA_BITS - 1) - 1),
        "u_init": (1 - rules.STATE_LIMIT, rules.STATE_LIMIT - 1),
        "v_init": (1 - rules.STATE_LIMIT, rules.STATE_LIMIT - 1),
    }
    for key, (low, high) in bounds.items():
        value = getattr(layer, key)
        if value.shape != (layer.n_neurons,):
            raise ProgramError(f"{layer.name}: {key} has shape {value.shape}, ({layer.n_neurons},) was expected")
        _within(layer.name, key, value, low, high)
    _within(layer.name, "bias_exp", layer.bias_exp, 0, rules.BIAS_EXPONENT_MAX)
    if layer.reset not in rules.RESETS:
        raise ProgramError(f"{layer.name}: reset {layer.reset!r} is not one of {', '.join(rules.RESETS)}")
    if layer.start < 1:
        raise ProgramError(f"{layer.name}: start {layer.start} is before the first connection's step, 1")


def _check_sum(program: Program, layer: Layer) -> None:
    """The synaptic sum must stay within Lava's int32 whatever the activity."""
    most = sum(
        np.abs(one.weight_OI).sum(axis=1) << max(one.weight_exp, 0) << rules.ALIGN_SHIFT
        for one in program.into(layer.name)
    )
    _within(layer.name, "largest synaptic sum", most, 0, (1 << 31) - 1 - 2 * rules.STATE_LIMIT)


def _within(where: str, what: str, value: Any, low: int, high: int) -> None:
    value = np.asarray(value)
    if value.size and (value.min() < low or value.max() > high):
        raise ProgramError(f"{where}: {what} {value.min()}..{value.max()} is outside {low}..{high}")
