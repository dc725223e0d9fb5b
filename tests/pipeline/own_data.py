"""Data of a stranger: 60 samples of three classes, by which columns of a small sensor are busy.

Axes: B sample, T step, P polarity, Y row, X column.
"""

from __future__ import annotations

import numpy as np

SHAPE = (2, 4, 6)
"""Polarity, row, column."""
N_STEPS = 12
LABELS = np.arange(60) % 3
EVENT = np.dtype([("t", "<i8"), ("x", "<i2"), ("y", "<i2"), ("p", "<i1")])


def _spikes() -> np.ndarray:
    generator = np.random.default_rng(4)
    busy = np.full((60, *SHAPE), 0.02)
    for sample, label in enumerate(LABELS):
        busy[sample, :, :, 2 * label : 2 * label + 2] = 0.4
    return (generator.random((N_STEPS, 60, *SHAPE)) < busy).astype(np.uint8).transpose(1, 0, 2, 3, 4)


SPIKES = _spikes()
"""(B, T, P, Y, X)."""


def arrays(dt_us: int) -> list[np.ndarray]:
    """Return the same as tonic would: structured arrays, times in whole microseconds inside each step."""
    found = []
    for sample in SPIKES:
        steps, p, y, x = np.nonzero(sample)
        one = np.zeros(len(steps), EVENT)
        one["t"], one["p"], one["y"], one["x"] = steps * dt_us + dt_us // 2, p, y, x
        found.append(one)
    return found


class Frames:
    """A map-style Dataset."""

    def __len__(self) -> int:
        return len(LABELS)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        return SPIKES[index], int(LABELS[index])


class Recordings(Frames):
    """What tonic's datasets give: events and label, and the sensor as (columns, rows, polarities)."""

    sensor_size = (6, 4, 2)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:  # type: ignore[override]
        return arrays(1000)[index], int(LABELS[index])
