"""Rows of the NIR paper's comparison, a platform each: what was measured here beside what the paper has."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from neurodeploy.papers.nir.cited import title_of

HERE = {
    "reference": "our reference",
    "fixed": "our integers",
    "lava": "Lava 0.10.0",
    "snntorch": "snnTorch",
    "norse": "Norse",
    "spikingjelly": "SpikingJelly",
}
"""What a backend is called; the paper's platform of the same key stands in its row."""


@dataclass(frozen=True)
class Row:
    """One platform of one task that classifies.

    Attributes:
        key: Backend, or the paper's platform.
        here: The measured row (see `papers.nir.classify`); None where it did not run here.
        paper: Accuracy in the paper, 0..1; None where it has none.
    """

    key: str
    title: str
    here: dict[str, Any] | None
    paper: float | None


def rows_of(task: dict[str, Any]) -> list[Row]:
    """Return the platforms that ran here in their order, then the paper's others, the best first."""
    paper = {one["platform"]: one["accuracy"] for one in task["paper"]}
    mine = [Row(one["backend"], _title(one), one, paper.get(one["backend"])) for one in task["rows"]]
    others = sorted(paper.keys() - {row.key for row in mine}, key=lambda name: (-paper[name], name))
    return mine + [Row(name, title_of(name), None, paper[name]) for name in others]


def short(title: str) -> str:
    """Return a platform's name without its version.

    >>> short("Lava 0.10.0"), short("SpiNNaker2 in Brian2")
    ('Lava', 'SpiNNaker2 in Brian2')
    """
    return re.sub(r" [\d.]+$", "", title)


def _title(row: dict[str, Any]) -> str:
    return " ".join(filter(None, (HERE[row["backend"]], row["version"])))
