"""What every part of a random network is drawn with."""

from __future__ import annotations

import numpy as np

Shape = tuple[int, ...]


def among(rng: np.random.Generator, low: int, high: int, size: int | Shape | None = None) -> np.ndarray:
    """Return integers of a range, every other one at or beside its ends."""
    anywhere = rng.integers(low, high + 1, size)
    edges = rng.choice([low, min(low + 1, high), max(high - 1, low), high], size)
    return np.where(rng.random(size) < 0.5, anywhere, edges)
