"""What every kind of population of a Program has in common, and the checks of their fields.

Axes: B sample, N neuron of a layer.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from neurodeploy.errors import ProgramError
from neurodeploy.fixedpoint import rules
from neurodeploy.fixedpoint.rules import IntArray
from neurodeploy.program.fields import check_fields

States = dict[str, Any]
Bounds = dict[str, tuple[int, int]]


class Neurons:
    """What every kind of population says of itself.

    Attributes:
        kind: Its name in files.
        graded: It sends values instead of spikes.
        on_host: No chip runs it: the host does, between two steps.
        integers, units, plain: Names of its integer arrays, its real-valued arrays and the rest.
        later: Of the rest, what came later: files and digests have it only where it is not 0, so that they stay.
        input_shift: Bits by which a synaptic sum is shifted left before it meets the state.
    """

    kind: ClassVar[str]
    graded: ClassVar[bool] = False
    on_host: ClassVar[bool] = False
    integers: ClassVar[tuple[str, ...]] = ()
    units: ClassVar[tuple[str, ...]] = ()
    plain: ClassVar[tuple[str, ...]] = ()
    later: ClassVar[tuple[str, ...]] = ()
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
    def plain_values(self) -> dict[str, Any]:
        """The values of `plain` by name."""
        found = {key: getattr(self, key) for key in self.plain}
        return {key: value for key, value in found.items() if value or key not in self.later}

    @property
    def numbers(self) -> dict[str, IntArray]:
        """What a step needs, by name (N,)."""
        raise NotImplementedError

    def at_rest(self, n_samples: int) -> States:
        """Return the states before the first step by name, and as `SENT` what was sent, each (B, N)."""
        raise NotImplementedError

    def step(self, states: States, activation: Any, now: int, numbers: Mapping[str, Any]) -> States:
        """Return the states after step `now`, counted from 0; arrays of numpy, or tensors of torch.

        Args:
            activation: Sum of the synapses after their weight exponent (B, N), int32 in int64.
            numbers: `self.numbers`, as arrays or tensors.
        """
        raise NotImplementedError

    def traced(self, states: States, joined: Callable[..., Any] = np.concatenate) -> tuple[Any, Any]:
        """Return what a trace calls u and v; `joined` puts arrays after one another."""
        raise NotImplementedError

    def overflows(self, states: States) -> dict[str, Any]:
        """Return how many currents wrapped in a step, and how many states stand at the ends of their range."""
        raise NotImplementedError

    @property
    def potential_unit(self) -> np.ndarray:
        """What differences of potentials are counted in (N,): thresholds, or the graph's unit where there are none."""
        raise NotImplementedError

    def bounds(self) -> Bounds:
        """Return the smallest and the largest number that each integer array may hold."""
        raise NotImplementedError

    def check(self) -> None:
        """Check that every field is what it may be, and every number fits it.

        Raises:
            ProgramError: with the layer, the value and the range.
        """
        check_fields(self.name, self.plain_values)
        for key, (low, high) in self.bounds().items():
            value = getattr(self, key)
            if not isinstance(value, np.ndarray):
                raise ProgramError(f"{self.name}: {key} is a {type(value).__name__}, an array is needed")
            if value.shape != (self.n_neurons,):
                raise ProgramError(f"{self.name}: {key} has shape {value.shape}, ({self.n_neurons},) was expected")
            whole(self.name, key, value)
            within(self.name, key, value, low, high)
        for key in self.units:
            unit = np.asarray(getattr(self, key))
            if unit.shape != (self.n_neurons,) or unit.dtype.kind not in "iuf":
                raise ProgramError(f"{self.name}: {key} is {unit.dtype} of shape {unit.shape}, a number each is needed")
        if math.prod(self.shape) != self.n_neurons:
            raise ProgramError(f"{self.name}: shape {self.shape} does not hold {self.n_neurons} neurons")

    def own_widths(self) -> dict[str, int]:
        """Return the bits of each number that neurons hold for themselves where they differ in it."""
        raise NotImplementedError


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
