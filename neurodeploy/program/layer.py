"""The populations of a Program: leaky integrate-and-fire neurons, and sigma-delta neurons.

Axes: N neurons of a layer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from neurodeploy.errors import ProgramError
from neurodeploy.fixedpoint import rules, sigma_delta
from neurodeploy.fixedpoint.rules import IntArray


class Neurons:
    """What every kind of population says of itself.

    Attributes:
        kind: Its name in files.
        graded: It sends values instead of spikes.
        integers, units, plain: Names of its integer arrays, its real-valued arrays and the rest.
        input_shift: Bits by which a synaptic sum is shifted left before it meets the state.
    """

    kind: ClassVar[str]
    graded: ClassVar[bool] = False
    integers: ClassVar[tuple[str, ...]] = ()
    units: ClassVar[tuple[str, ...]] = ()
    plain: ClassVar[tuple[str, ...]] = ()
    input_shift: ClassVar[int] = rules.ALIGN_SHIFT

    name: str
    start: int
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(self.shape) or (self.n_neurons,))

    @property
    def n_neurons(self) -> int:
        raise NotImplementedError

    @property
    def u_width(self) -> int:
        """Numbers that a trace holds as u in a step: one for each neuron, or more of those with more states."""
        return self.n_neurons

    @property
    def n_states(self) -> int:
        """States that a neuron keeps from step to step."""
        return 2

    @property
    def potential_unit(self) -> np.ndarray:
        """What differences of potentials are counted in (N,): thresholds, or the graph's unit where there are none."""
        raise NotImplementedError

    def own_widths(self) -> dict[str, int]:
        """Return the bits of each number that neurons hold for themselves where they differ in it."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Layer(Neurons):
    """One population of leaky integrate-and-fire neurons: IF, LIF and CUBA-LIF by their decays.

    Attributes:
        name: Name of the neuron node in the graph.
        du, dv: Decays of current and potential (N,), 12 bit; `du` is one less than what is lost.
        vth: Threshold mantissa (N,), 17 bit, shifted left by 6 before the comparison; `rules.NEVER`
            for a readout whose potential is never reset.
        bias_mant: Bias mantissa (N,), 13 bit signed; `bias_exp`: its shared exponent, 0..7.
        u_init, v_init: State before the first step (N,), 24 bit.
        reset: "zero" or "subtract".
        start: Step at which the first input can arrive: one per connection on the way.
        u_per_unit, v_per_unit: Chip units for a current and a potential of 1 in the graph (N,).
        u_offset, v_offset: Chip units to add to the graph's scaled state to get the chip's (N,).
        shape: Axes of the population, flattened in C order; (N,) when empty.
        refractory: Steps after a spike in which the potential stays at its reset value.
        clear_every: Current and potential are set to 0 before every step that is `clear_offset`
            modulo this number, counted from 1 (Lava's LIFReset); 0 for never.
    """

    kind: ClassVar[str] = "lif"
    integers: ClassVar[tuple[str, ...]] = ("du", "dv", "vth", "bias_mant", "u_init", "v_init")
    units: ClassVar[tuple[str, ...]] = ("u_per_unit", "v_per_unit", "u_offset", "v_offset")
    plain: ClassVar[tuple[str, ...]] = (
        "name",
        "bias_exp",
        "reset",
        "start",
        "shape",
        "refractory",
        "clear_every",
        "clear_offset",
    )

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
    shape: tuple[int, ...] = ()
    refractory: int = 0
    clear_every: int = 0
    clear_offset: int = 0

    @property
    def n_neurons(self) -> int:
        return len(self.vth)

    @property
    def shared(self) -> bool:
        """True where all neurons share decays and threshold; Lava's own LIF takes arrays of them too."""
        return all(len(np.unique(value)) <= 1 for value in (self.du, self.dv, self.vth))

    def own_widths(self) -> dict[str, int]:
        # A bias, a mantissa of 13 bits, lies beside the current of 24 bits and needs no room of its own.
        return {"du": rules.DECAY_BITS, "dv": rules.DECAY_BITS, "vth": rules.THRESHOLD_BITS}

    @property
    def potential_unit(self) -> np.ndarray:
        return np.where(self.vth == rules.NEVER, self.v_per_unit, np.maximum(self.vth, 1) << rules.ALIGN_SHIFT)

    def clears(self, step: int) -> bool:
        """Return whether the states are cleared before a step, counted from 0."""
        return self.clear_every > 0 and (step + 1) % self.clear_every == self.clear_offset % self.clear_every

    def check(self) -> None:
        """Check that every number fits its field.

        Raises:
            ProgramError: with the layer, the value and the range.
        """
        bounds = {
            "du": (0, rules.DECAY_ONE - 1),
            "dv": (0, rules.DECAY_ONE),
            "vth": (0, rules.NEVER),
            "bias_mant": (-(1 << rules.BIAS_MANTISSA_BITS - 1), (1 << rules.BIAS_MANTISSA_BITS - 1) - 1),
            "u_init": (1 - rules.STATE_LIMIT, rules.STATE_LIMIT - 1),
            "v_init": (1 - rules.STATE_LIMIT, rules.STATE_LIMIT - 1),
        }
        check_arrays(self, bounds)
        within(self.name, "bias_exp", self.bias_exp, 0, rules.BIAS_EXPONENT_MAX)
        within(self.name, "refractory", self.refractory, 0, rules.REFRACTORY_MAX)
        within(self.name, "clear_every", self.clear_every, 0, 1 << 30)
        if self.reset not in rules.RESETS:
            raise ProgramError(f"{self.name}: reset {self.reset!r} is not one of {', '.join(rules.RESETS)}")


@dataclass(frozen=True, eq=False)
class SigmaDelta(Neurons):
    """One population of sigma-delta neurons, which send graded messages.

    Attributes:
        role: "sigma", "delta" or "sigma_delta", see `fixedpoint.sigma_delta`.
        vth: Threshold of a change, before `spike_exp` and `state_exp`, shared by the neurons.
        bias: Added before the activation (N,), before the exponents.
        activation: "relu" or "unit".
        spike_exp, state_exp: Exponents of base 2 of messages and states, 0..7.
        cumulative: Compare the change summed up since the last message with the threshold.
        start, shape: As in `Layer`.
    """

    kind: ClassVar[str] = "sigma_delta"
    graded: ClassVar[bool] = True
    integers: ClassVar[tuple[str, ...]] = ("bias",)
    plain: ClassVar[tuple[str, ...]] = (
        "name",
        "role",
        "vth",
        "activation",
        "start",
        "spike_exp",
        "state_exp",
        "cumulative",
        "shape",
    )

    name: str
    role: str
    vth: int
    bias: IntArray
    activation: str
    start: int
    spike_exp: int = 0
    state_exp: int = 0
    cumulative: bool = False
    shape: tuple[int, ...] = ()

    @property
    def n_neurons(self) -> int:
        return len(self.bias)

    @property
    def n_states(self) -> int:
        """The sum, the activation, and what was sent."""
        return 3

    def own_widths(self) -> dict[str, int]:
        return {"bias": 16}

    @property
    def threshold(self) -> int:
        """The threshold in state units."""
        return self.vth << self.spike_exp + self.state_exp

    @property
    def effective_bias(self) -> IntArray:
        """The bias in state units (N,)."""
        return self.bias << self.spike_exp + self.state_exp

    def check(self) -> None:
        """Check that every number fits its field.

        Raises:
            ProgramError: with the layer, the value and the range.
        """
        # Scaled by up to 2^14, both stay within Lava's int32.
        check_arrays(self, {"bias": (-(1 << 15), (1 << 15) - 1)})
        within(self.name, "vth", self.vth, 0, (1 << 16) - 1)
        for key in ("spike_exp", "state_exp"):
            within(self.name, key, getattr(self, key), 0, 7)
        for key, allowed in (("role", sigma_delta.ROLES), ("activation", sigma_delta.ACTIVATIONS)):
            if getattr(self, key) not in allowed:
                raise ProgramError(f"{self.name}: {key} {getattr(self, key)!r} is not one of {', '.join(allowed)}")


def check_arrays(layer: Any, bounds: dict[str, tuple[int, int]]) -> None:
    """Check the shape and range of a layer's arrays, its shape and its start."""
    for key, (low, high) in bounds.items():
        value = getattr(layer, key)
        if not isinstance(value, np.ndarray):
            raise ProgramError(f"{layer.name}: {key} is a {type(value).__name__}, an array is needed")
        if value.shape != (layer.n_neurons,):
            raise ProgramError(f"{layer.name}: {key} has shape {value.shape}, ({layer.n_neurons},) was expected")
        whole(layer.name, key, value)
        within(layer.name, key, value, low, high)
    if math.prod(layer.shape) != layer.n_neurons or min(layer.shape) < 1:
        raise ProgramError(f"{layer.name}: shape {layer.shape} does not hold {layer.n_neurons} neurons")
    if layer.start < 1:
        raise ProgramError(f"{layer.name}: start {layer.start} is before the first connection's step, 1")


def within(where: str, what: str, value: Any, low: int, high: int) -> None:
    """Check a range.

    Raises:
        ProgramError: a value lies outside.
    """
    value = np.asarray(value)
    if value.size and (value.min() < low or value.max() > high):
        raise ProgramError(f"{where}: {what} {value.min()}..{value.max()} is outside {low}..{high}")


def whole(where: str, what: str, value: Any) -> None:
    """Check that numbers are integers: a fraction would be cut off without a word.

    Raises:
        ProgramError: they are of another kind.
    """
    value = np.asarray(value)
    if value.dtype.kind not in "iu":
        raise ProgramError(f"{where}: {what} holds {value.dtype}, integers are needed; round first")
