"""What the reader had to put right in a stored graph, one sentence each."""

from __future__ import annotations

from dataclasses import dataclass

TYPING = "typing"
"""Of a mend that NIR's type check needs and that no target here does."""


@dataclass(frozen=True)
class Mend:
    """One thing that was read otherwise than it is written.

    Attributes:
        node: Name, `outer.inner` in nested graphs; empty for the graph itself.
        kind: "edges", "shapes", "scalars", "fields" or "typing".
        text: What was found and what it was read as.
    """

    node: str
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.node}: {self.text}" if self.node else self.text


class Mends(list[Mend]):
    """What was put right, in order."""
