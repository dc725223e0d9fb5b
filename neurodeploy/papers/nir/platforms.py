"""Platforms of the NIR paper's comparison: what the paper states of its own, and each beside what ran here."""

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neurodeploy import toml

STATED = Path(__file__).parent / "nir_paper.toml"
HERE = {
    "reference": "our reference",
    "fixed": "our integers",
    "lava": "Lava 0.10.0",
    "snntorch": "snnTorch",
    "norse": "Norse",
    "spikingjelly": "SpikingJelly",
}
"""What a backend is called; the paper's platform of the same key stands in its row."""


@functools.lru_cache(maxsize=1)
def stated() -> dict[str, Any]:
    """Return the file: `citation`, `source`, `platforms`, `stated` accuracies by task, `samples` they are of.

    >>> stated()["stated"]["rnn_zero"]["lava"], stated()["samples"]["rnn_zero"]
    (0.486, 140)
    """
    return toml.loads(STATED.read_text("utf-8"))


def title_of(platform: str) -> str:
    """Return what a platform of the paper is called in print.

    >>> title_of("s2"), title_of("new")
    ('SpiNNaker2', 'new')
    """
    return str(stated()["platforms"].get(platform, platform))


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
    titles = [" ".join(filter(None, (HERE[one["backend"]], one["version"]))) for one in task["rows"]]
    mine = [Row(one["backend"], t, one, paper.get(one["backend"])) for t, one in zip(titles, task["rows"], strict=True)]
    others = sorted(paper.keys() - {row.key for row in mine}, key=lambda name: (-paper[name], name))
    return mine + [Row(name, title_of(name), None, paper[name]) for name in others]


def short(title: str) -> str:
    """Return a platform's name without its version.

    >>> short("Lava 0.10.0"), short("SpiNNaker2 in Brian2")
    ('Lava', 'SpiNNaker2 in Brian2')
    """
    return re.sub(r" [\d.]+$", "", title)


def most_samples(rows: Iterable[dict[str, Any]]) -> dict[str, int]:
    """Return the samples of each part, which the quick backends run all of."""
    found: dict[str, int] = {}
    for name, part in (pair for row in rows for pair in row["parts"].items()):
        found[name] = max(part["samples"], found.get(name, 0))
    return found
