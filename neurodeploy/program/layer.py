"""The populations of a Program: leaky integrate-and-fire neurons, and sigma-delta neurons.

Axes: N neurons of a layer.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from neurodeploy.fixedpoint import rules, sigma_delta
from neurodeploy.fixedpoint.dynamics.equations import SENT
from neurodeploy.fixedpoint.rules import IntArray
from neurodeploy.fixedpoint.sigma_delta import SigmaDeltaState
from neurodeploy.memory import alike
from neurodeploy.program.neurons import Bounds, Neurons, States


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
        rest_init: Steps from the first on in which the potential stays at `v_init`, 0..63.
        at_threshold: Spikes where the potential reaches the threshold, not only above it, as Lava's LIF does.
        clear_every: Current and potential are set to 0 before every step that is `clear_offset`
            modulo this number, counted from 1 (Lava's LIFReset); 0 for never.
    """

    kind = "lif"
    integers = ("du", "dv", "vth", "bias_mant", "u_init", "v_init")
    units = ("u_per_unit", "v_per_unit", "u_offset", "v_offset")
    later = ("rest_init", "at_threshold")
    plain = ("name", "bias_exp", "reset", "start", "shape", "refractory", "clear_every", "clear_offset", *later)

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
    rest_init: int = 0
    at_threshold: bool = False

    @property
    def n_neurons(self) -> int:
        return len(self.vth)

    @property
    def rests(self) -> bool:
        """True where potentials stand still for some steps, which Lava's own LIF has no number for."""
        return self.refractory > 0 or self.rest_init > 0

    @property
    def shared(self) -> bool:
        """True where all neurons share decays and threshold; Lava's own LIF takes arrays of them too."""
        return all(alike(value) for value in (self.du, self.dv, self.vth))

    def own_widths(self) -> dict[str, int]:
        # A bias, a mantissa of 13 bits, lies beside the current of 24 bits and needs no room of its own.
        return {"du": rules.DECAY_BITS, "dv": rules.DECAY_BITS, "vth": rules.THRESHOLD_BITS}

    @property
    def potential_unit(self) -> np.ndarray:
        return np.where(self.vth == rules.NEVER, self.v_per_unit, np.maximum(self.vth, 1) << rules.ALIGN_SHIFT)

    @cached_property
    def numbers(self) -> dict[str, IntArray]:
        return {
            "kept_u": rules.kept_of_current(self.du),
            "kept_v": rules.kept_of_potential(self.dv),
            "bias": rules.effective_bias(self.bias_mant, self.bias_exp),
            "threshold": self.vth << rules.ALIGN_SHIFT,
        }

    def at_rest(self, n_samples: int) -> States:
        u, v = (np.tile(one, (n_samples, 1)) for one in (self.u_init, self.v_init))
        never = np.zeros(u.shape, np.bool_)
        return {"u": u, "v": v, "rest": np.full_like(u, self.rest_init), "wrapped": never, SENT: never}

    def step(self, states: States, activation: Any, now: int, numbers: Mapping[str, Any]) -> States:
        u, v, rest = (states[key] for key in ("u", "v", "rest"))
        if self.clears(now):
            u, v = u * 0, v * 0
        resting = rest > 0 if self.rests else None
        how: Any = {"reset": self.reset, "resting": resting, "at_threshold": self.at_threshold}
        after = rules.step(u, v, activation, **numbers, **how)
        if self.rests:
            rest = (rest - 1).clip(0) * ~after.spikes + self.refractory * after.spikes
        return {"u": after.u, "v": after.v, "rest": rest, "wrapped": after.wrapped, SENT: after.spikes}

    def traced(self, states: States, joined: Callable[..., Any] = np.concatenate) -> tuple[Any, Any]:
        return states["u"], states["v"]

    def overflows(self, states: States) -> dict[str, Any]:
        full = abs(states["v"]) == rules.STATE_LIMIT - 1
        return {"wrapped": states["wrapped"].sum(), "saturated": full.sum()}

    def clears(self, step: int) -> bool:
        """Return whether the states are cleared before a step, counted from 0."""
        return self.clear_every > 0 and (step + 1) % self.clear_every == self.clear_offset % self.clear_every

    def bounds(self) -> Bounds:
        bias, state = 1 << rules.BIAS_MANTISSA_BITS - 1, rules.STATE_LIMIT - 1
        decays = {"du": (0, rules.DECAY_ONE - 1), "dv": (0, rules.DECAY_ONE)}
        states = dict.fromkeys(("u_init", "v_init"), (-state, state))
        return decays | {"vth": (0, rules.NEVER), "bias_mant": (-bias, bias - 1)} | states


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

    kind = "sigma_delta"
    graded = True
    integers = ("bias",)
    plain = ("name", "role", "vth", "activation", "start", "spike_exp", "state_exp", "cumulative", "shape")

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

    @cached_property
    def numbers(self) -> dict[str, IntArray]:
        return {"bias": self.bias << self.spike_exp + self.state_exp}

    def at_rest(self, n_samples: int) -> States:
        return dict.fromkeys((*SigmaDeltaState._fields, SENT), np.zeros((n_samples, self.n_neurons), np.int64))

    def step(self, states: States, activation: Any, now: int, numbers: Mapping[str, Any]) -> States:
        after, sent = sigma_delta.step(
            SigmaDeltaState(*(states[key] for key in SigmaDeltaState._fields)),
            activation,
            role=self.role,
            relu=self.activation == sigma_delta.RELU,
            threshold=self.threshold,
            **numbers,
            spike_exp=self.spike_exp,
            state_exp=self.state_exp,
            cumulative=self.cumulative,
        )
        return {**after._asdict(), SENT: sent}

    def traced(self, states: States, joined: Callable[..., Any] = np.concatenate) -> tuple[Any, Any]:
        """Return the sum and the activation."""
        return states["sigma"], states["act"]

    def overflows(self, states: States) -> dict[str, Any]:
        """Return nothing: Lava's wrap in int32, as they are meant to."""
        return {}

    def bounds(self) -> Bounds:
        # Scaled by up to 2^14, both stay within Lava's int32.
        return {"bias": (-(1 << 15), (1 << 15) - 1)}
