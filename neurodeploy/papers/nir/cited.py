"""What the NIR paper states of its own platforms: names, accuracies, citation."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from neurodeploy import toml

STATED = Path(__file__).parent / "nir_paper.toml"


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
