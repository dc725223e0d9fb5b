"""The published systems that are made again here: a folder of `papers/` and a line each."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Entry:
    """One paper.

    Attributes:
        title: What is made again.
        citation: Of the paper.
        module: Its file below `papers/`, with `make(folder, limit, mode, progress)` that returns `papers.paper.Made`.
    """

    title: str
    citation: str
    module: str

    def load(self) -> Callable[..., Any]:
        """Return its `make`; what it needs is imported only then."""
        found: Callable[..., Any] = importlib.import_module(self.module).make
        return found


PAPERS: Mapping[str, Entry] = {
    "silif": Entry(
        "SiLIF: its poles, and accuracy against operations, energy and weight bits",
        "Fabre, Dudchenko, Bouhadjar and Neftci, arXiv:2506.06374, 2025",
        "neurodeploy.papers.silif.make",
    ),
    "nir": Entry(
        "The NIR paper's three tasks on our backends and other frameworks",
        "Pedersen et al., Nature Communications 15:8122, 2024",
        "neurodeploy.papers.nir.make",
    ),
}
