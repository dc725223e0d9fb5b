"""What a part of a network takes of a chip, and what arrives at it.

Behind spikes a layer adds up weights. Behind numbers it multiplies each by its weights, which a chip of spiking neurons
does with the graded messages of sigma-delta neurons and integrators.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import Any, NamedTuple

ACCUMULATES, WEIGHS, MULTIPLIES = "accumulate only", "values by weights", "two activations"
NEURONS, FOLDED, NO_NEURON, HOST = "neurons", "in the weights", "no such neuron", "host"
COLUMNS = (ACCUMULATES, WEIGHS, MULTIPLIES, NEURONS, NO_NEURON, HOST)
"""Of a table; what is in the weights takes nothing of its own."""
STOPS = (MULTIPLIES, NO_NEURON)
"""What no chip of this kind does."""


class Kind(IntEnum):
    """What a signal is. Sums of weighted spikes count as spikes: they are further synapses of whatever hears them."""

    SPIKES = 0
    SUMS = 1
    VALUES = 2


class Origin(NamedTuple):
    """What made the numbers of a signal, and what would have to change for spikes in their place."""

    name: str
    change: str


class Signal(NamedTuple):
    """What arrives at a module, or leaves it.

    Attributes:
        origins: Of values.
        shape: Channels, rows and columns, of pictures.
    """

    kind: Kind
    origins: tuple[Origin, ...] = ()
    shape: tuple[int, ...] = ()

    def joined(self, other: "Signal") -> "Signal":
        """Return the sum of both, or both side by side."""
        return Signal(max(self.kind, other.kind), tuple(dict.fromkeys(self.origins + other.origins)), self.shape)


class Part(NamedTuple):
    """A layer, or one of several things that a module does.

    Attributes:
        name: Of the module in the network; called as the reference calls its arrays.
        stage: The shortcut that it lies beside, or else the first word of its name.
        module: Its class, or what it does.
        what: "accumulate only", ...: one of `COLUMNS`, or "in the weights".
        macs: Multiplications and additions at a step (frame) of one sample, were all of them made.
        reason: How it is done, or why it is not; may be empty.
        change: What would have to change for spikes alone; may be empty.
    """

    name: str
    stage: str
    module: str
    what: str
    macs: int = 0
    reason: str = ""
    change: str = ""


def told(parts: Sequence[Part]) -> dict[str, Any]:
    """Return what was found of a network as plain values.

    Returns:
        `parts`, the fields of each; `stages`, for each by `COLUMNS` the sum of its multiply-adds, or else the classes
        of its modules, None for nothing; `reasons` {what, reason, change, parts}, each once; and `ok`: no chip of this
        kind lacks what a part needs.
    """
    stages, reasons = dict[str, list[Part]](), dict[tuple[str, ...], list[str]]()
    for one in parts:
        stages.setdefault(one.stage, []).append(one)
        if one.reason:
            reasons.setdefault((one.what, one.reason, one.change), []).append(one.name)
    return {
        "ok": not any(one.what in STOPS for one in parts),
        "parts": [one._asdict() for one in parts],
        "stages": [{"stage": name} | {word: _cell(some, word) for word in COLUMNS} for name, some in stages.items()],
        "reasons": [
            {"what": what, "reason": reason, "change": change, "parts": names}
            for (what, reason, change), names in reasons.items()
        ],
    }


def _cell(parts: list[Part], what: str) -> int | str | None:
    some = [one for one in parts if one.what == what]
    return sum(one.macs for one in some) or ", ".join(dict.fromkeys(one.module for one in some)) or None
