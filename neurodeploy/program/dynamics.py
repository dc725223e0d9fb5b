"""Populations of a Program whose neurons are equations of `fixedpoint.dynamics`, and every kind by its name.

Axes: N neurons of a layer.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, make_dataclass
from typing import Any, ClassVar

import numpy as np

from neurodeploy.fixedpoint import rules
from neurodeploy.fixedpoint.dynamics.equations import SENT, SPIKES, VALUES, Dynamics
from neurodeploy.fixedpoint.dynamics.step import COEFFICIENT_LIMIT, integer_step, together
from neurodeploy.fixedpoint.dynamics.table import known
from neurodeploy.fixedpoint.rules import IntArray
from neurodeploy.program.layer import Layer, SigmaDelta
from neurodeploy.program.neurons import Bounds, Neurons, States
from neurodeploy.program.products import SpikeProducts


@dataclass(frozen=True, eq=False, kw_only=True)
class DynamicsLayer(Neurons):
    """What all such populations share; `layer_type` adds the numbers of one neuron as integer arrays (N,).

    The neurons begin at zero, and sleep until the step at which input can arrive. On the chip a step counter of the
    neuron program does that. A bias would otherwise act before the network's first step.

    Attributes:
        name, start, shape: As in `Layer`.
        fraction_bits: Coefficients are in units of 2^-fraction_bits.
        bias: Added to what the synapses send every step (N,), state units.
        vth: Threshold of the potential (N,), state units, not shifted; of neurons that spike.
        message_exp: Bits that a message leaves off the potential, floor; of neurons that send values.
        u_per_unit, v_per_unit, u_offset, v_offset: As in `Layer`; v is the potential, u every other state.
    """

    dynamics: ClassVar[Dynamics]
    units = ("u_per_unit", "v_per_unit", "u_offset", "v_offset")
    input_shift = 0

    name: str
    start: int
    fraction_bits: int
    bias: IntArray
    u_per_unit: np.ndarray
    v_per_unit: np.ndarray
    u_offset: np.ndarray
    v_offset: np.ndarray
    shape: tuple[int, ...] = ()
    message_exp: int = 0

    @property
    def n_neurons(self) -> int:
        return len(self.bias)

    @property
    def u_width(self) -> int:
        return max(1, len(self.dynamics.others)) * self.n_neurons

    @property
    def n_states(self) -> int:
        return len(self.dynamics.memory)

    @property
    def threshold(self) -> Any:
        """The threshold in state units (N,); None where values are sent."""
        return getattr(self, "vth", None)

    @property
    def potential_unit(self) -> np.ndarray:
        return self.v_per_unit if self.threshold is None else self.threshold

    @property
    def numbers(self) -> dict[str, IntArray]:
        return {key: getattr(self, key) for key in self.integers}

    def own_widths(self) -> dict[str, int]:
        # A sign, a whole part of one bit and the fraction.
        fractions = dict.fromkeys(self.dynamics.coefficients, self.fraction_bits + 2)
        return dict.fromkeys(self.integers, rules.STATE_BITS) | fractions

    def bounds(self) -> Bounds:
        most = COEFFICIENT_LIMIT << self.fraction_bits
        state = (1 - rules.STATE_LIMIT, rules.STATE_LIMIT - 1)
        fractions = self.dynamics.coefficients
        return {key: (-most, most) if key in fractions else state for key in self.integers}

    def at_rest(self, n_samples: int) -> States:
        zero = np.zeros((n_samples, self.n_neurons), np.int64)
        return dict.fromkeys(self.dynamics.states, zero) | {SENT: zero if self.graded else zero.astype(np.bool_)}

    def step(self, states: States, activation: Any, now: int, numbers: Mapping[str, Any]) -> States:
        """Return the states after step `now`; before `start` nothing moves."""
        if now < self.start:
            return states
        after = integer_step(self.dynamics, states, states[SENT], activation, numbers, fraction_bits=self.fraction_bits)
        potential = after[self.dynamics.potential]
        after[SENT] = potential >> self.message_exp if self.graded else potential > numbers["vth"]
        return after

    def traced(self, states: States, joined: Callable[..., Any] = np.concatenate) -> tuple[Any, Any]:
        return together(self.dynamics, states, joined)

    def overflows(self, states: States) -> dict[str, Any]:
        full = [(abs(states[one]) == rules.STATE_LIMIT - 1).sum() for one in self.dynamics.states]
        return {"wrapped": 0, "saturated": sum(full)}


@functools.lru_cache(maxsize=64)
def layer_type(dynamics: Dynamics) -> type[DynamicsLayer]:
    """Return the class of one neuron's populations: its numbers are fields."""
    spikes = dynamics.sends == SPIKES
    integers = (*dynamics.numbers, "bias", *(("vth",) if spikes else ()))
    fields: list[Any] = [(key, np.ndarray) for key in integers if key != "bias"]
    members: dict[str, Any] = {
        "dynamics": dynamics,
        "kind": dynamics.name,
        "graded": dynamics.sends == VALUES,
        "integers": integers,
        "plain": ("name", "start", "fraction_bits", "shape", *(() if spikes else ("message_exp",))),
        "__module__": __name__,
        "__doc__": f"Neurons called {dynamics.name}: {'; '.join(dynamics.equations)}.",
        # A pickle makes a layer again from its values: its class is no name in a module.
        "__reduce__": lambda layer: (_from_values, (layer.dynamics, dict(vars(layer)))),
    }
    title = dynamics.name.title().replace("_", "")
    return make_dataclass(title, fields, bases=(DynamicsLayer,), namespace=members, frozen=True, eq=False, kw_only=True)


AnyLayer = Layer | SigmaDelta | SpikeProducts | DynamicsLayer


def type_called(kind: str, definition: dict[str, Any] | None = None) -> Any:
    """Return the class of a kind of population.

    Args:
        definition: A neuron's equations where a file brings them, as `Dynamics.to_dict` gave them.

    Raises:
        ProgramError: there is no such kind, or the file means another one by that name.
    """
    own: dict[str, Any] = {one.kind: one for one in (Layer, SigmaDelta, SpikeProducts)}
    return own.get(kind) or layer_type(known(kind, definition))


def _from_values(dynamics: Dynamics, values: dict[str, Any]) -> DynamicsLayer:
    return layer_type(dynamics)(**values)
