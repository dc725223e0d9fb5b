"""Two traces beside each other: how much agrees, and the first state that differs.

Axes: B sample, T step, N neuron.
"""

from dataclasses import dataclass

import numpy as np

from neurodeploy.backends.trace import Trace
from neurodeploy.errors import ProgramError


@dataclass(frozen=True)
class Difference:
    """The first place where something is not as it should be.

    Attributes:
        what: "spikes", "u" (current) or "v" (potential).
        layer, step, sample, neuron: Where; steps and samples count from 0.
        found, expected: The two values.
    """

    what: str
    layer: str
    step: int
    sample: int
    neuron: int
    found: float
    expected: float

    def __str__(self) -> str:
        return (
            f"{self.what} of layer {self.layer} at step {self.step}, sample {self.sample}, neuron {self.neuron}: "
            f"found {digits(self.found)}, expected {digits(self.expected)}"
        )


def digits(value: float) -> str:
    """Return a number in words: whole ones with every digit, so that two that differ read differently.

    >>> digits(-8388607.0), digits(0.25)
    ('-8388607', '0.25')
    """
    return str(int(value)) if float(value).is_integer() else f"{value:.9g}"


def first_where(
    what: str, layer: str, wrong_BTN: np.ndarray, found: np.ndarray, expected: np.ndarray
) -> Difference | None:
    """Return the earliest True of `wrong_BTN`, by step, then sample, then neuron."""
    steps = wrong_BTN.any(axis=(0, 2))
    if not steps.any():
        return None
    step = int(steps.argmax())
    sample, neuron = (int(index) for index in np.argwhere(wrong_BTN[:, step])[0])
    at = (sample, step, neuron)
    return Difference(what, layer, step, sample, neuron, float(found[at]), float(expected[at]))


def earliest(differences: list[Difference | None]) -> Difference | None:
    """Return the one with the lowest step; among equals the first of the list."""
    present = [one for one in differences if one is not None]
    return min(present, key=lambda one: one.step, default=None)


def first_unequal(found: Trace, expected: Trace) -> Difference | None:
    """Return the first spike, current or potential that differs between two integer traces.

    Raises:
        ProgramError: the traces belong to different Programs or inputs.
    """
    if not found.layers or found.layers.keys() != expected.layers.keys():
        raise ProgramError("traces: layers differ or were not recorded; run both on one Program")
    differences = []
    for name, mine in found.layers.items():
        theirs = expected.layers[name]
        if mine.u_BTN.shape != theirs.u_BTN.shape:
            raise ProgramError(
                f"traces: {name} has shape {mine.u_BTN.shape} and {theirs.u_BTN.shape}; run both on one input"
            )
        for what in ("u", "v", "spikes"):
            a, b = getattr(mine, f"{what}_BTN"), getattr(theirs, f"{what}_BTN")
            differences.append(first_where(what, name, a != b, a, b))
    return earliest(differences)


def holds_spikes(sent: np.ndarray) -> bool:
    """Return whether what a layer sent are spikes, and not values."""
    return sent.dtype.kind in "bu"


def spike_agreement(found: np.ndarray, expected: np.ndarray) -> float | None:
    """Return twice the common spikes over the sum of both: 1 when equal, 0 when disjoint, None when both are silent.

    Counting silent entries as agreement would make any sparse network look good. Of values that are sent, None too.
    """
    if not (holds_spikes(found) and holds_spikes(expected)):
        return None
    both = int(found.sum(dtype=np.int64)) + int(expected.sum(dtype=np.int64))
    return 2.0 * int((found & expected).sum(dtype=np.int64)) / both if both else None
