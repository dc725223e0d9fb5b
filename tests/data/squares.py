"""A dataset as somebody outside would add one: this file, and `SOURCES["squares"] = SQUARES`.

Four classes of events of two polarities on 8 x 8 pixels, by the quarter that is busy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from neurodeploy.data.dataset import Samples, Source, stratified
from neurodeploy.data.settings import Wanted
from neurodeploy.data.stream import SampleSource

SHAPE = (2, 8, 8)
N_SAMPLES = 96
LABELS = np.arange(N_SAMPLES) % 4


def sample(index: int, n_steps: int) -> np.ndarray:
    """Return the spikes of one sample (T, C, H, W)."""
    row, column = 4 * (LABELS[index] // 2), 4 * (LABELS[index] % 2)
    rate = np.full(SHAPE, 0.02)
    rate[:, row : row + 4, column : column + 4] = 0.4
    return (np.random.default_rng(index).random((n_steps, *SHAPE)) < rate).astype(np.uint8)


def load_squares(source: Source, wanted: Wanted, split: str) -> Samples:
    def read(batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for chosen in batches:
            found = np.stack([sample(int(index), wanted.n_steps) for index in chosen])
            yield found.reshape(*found.shape[:2], -1)

    is_test = np.zeros(N_SAMPLES, bool)
    is_test[stratified(LABELS, 0.25)] = True
    return Samples(SampleSource("squares", LABELS, wanted.n_steps, SHAPE, read), is_test)


SQUARES = Source(
    name="squares",
    what="96 samples of events in one quarter of 8 x 8 pixels",
    licence="CC0",
    citation="made up",
    dt_s=1e-3,
    n_steps=16,
    n_classes=4,
    load=load_squares,
)
