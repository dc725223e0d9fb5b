"""A Program beside the one that its graph compiles to: every field in which they differ, and where."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from neurodeploy.certificate.difference import digits
from neurodeploy.program.program import SYNAPSE_INTEGERS, Program

OWN = ("dt_s", "input_shape", "graded_input", "encoding", "output", "readout", "decode", "host")
"""The Program's own fields that the graph gives; its name, chip, plan and notes are not numbers of the network."""
ENDS = ("source", "target", "sign", "window")


@dataclass(frozen=True)
class FieldDifference:
    """A field of a Program that is not what the graph gives.

    Attributes:
        part: Layer that it acts in; the Program's name where it is the Program's own.
        field: Its name; of a connection with the connection's.
        index: Where the first of its numbers differs: the neuron, or a place in the weights; empty for one number.
        found, expected: The two values there.
        differing: How many of its numbers differ.
    """

    part: str
    field: str
    index: tuple[int, ...]
    found: Any
    expected: Any
    differing: int

    def __str__(self) -> str:
        """Return it in words.

        >>> str(FieldDifference("lif1", "vth", (3,), 840.0, 420.0, 2))
        'lif1: vth of neuron 3 is 840, the graph gives 420 (2 differ)'
        """
        at = f" of neuron {self.index[0]}" if self.index else ""
        at += f" at {list(self.index[1:])}" if self.index[1:] else ""
        values = [digits(one) if isinstance(one, float) else repr(one) for one in (self.found, self.expected)]
        more = f" ({self.differing} differ)" if self.differing > 1 else ""
        return f"{self.part}: {self.field}{at} is {values[0]}, the graph gives {values[1]}{more}"


def different_fields(found: Program, expected: Program) -> list[FieldDifference]:
    """Return every field in which a Program differs from what its graph compiles to, in the order of the flow.

    Args:
        found: Of the layers, of the same sizes, that `expected` has.
    """
    rows: list[FieldDifference | None] = []
    for key in OWN:
        part = expected.output if key in ("output", "readout", "decode") else expected.name
        rows.append(_plain(part, key, getattr(found, key), getattr(expected, key)))
    wanted = {one.name: one for one in expected.connections}
    there = {one.name: one for one in found.connections}
    for mine in expected.layers:
        other = found.layer(mine.name)
        for name in sorted({one.name for one in [*found.into(mine.name), *expected.into(mine.name)]}):
            if name not in wanted or name not in there:
                missing = "missing" if name in wanted else "there"
                rows.append(FieldDifference(mine.name, f"connection {name}", (), missing, "otherwise", 1))
                continue
            for key in (*ENDS, *SYNAPSE_INTEGERS):
                compare = _plain if key in ENDS else _array
                rows.append(
                    compare(mine.name, f"{key} of {name}", getattr(there[name], key), getattr(wanted[name], key))
                )
        rows.append(_plain(mine.name, "kind", other.kind, mine.kind))
        if other.kind == mine.kind:
            for key in (*mine.plain, *mine.integers, *mine.units):
                compare = _plain if key in mine.plain else _array
                rows.append(compare(mine.name, key, getattr(other, key), getattr(mine, key)))
    return [one for one in rows if one]


def _plain(part: str, field: str, found: Any, expected: Any) -> FieldDifference | None:
    return None if found == expected else FieldDifference(part, field, (), found, expected, 1)


def _array(part: str, field: str, found: np.ndarray, expected: np.ndarray) -> FieldDifference | None:
    if np.shape(found) != np.shape(expected):
        return _plain(part, f"shape of {field}", np.shape(found), np.shape(expected))
    wrong = np.argwhere(np.asarray(found != expected))
    if not len(wrong):
        return None
    at = tuple(int(one) for one in wrong[0])
    return FieldDifference(part, field, at, float(found[at]), float(expected[at]), len(wrong))
