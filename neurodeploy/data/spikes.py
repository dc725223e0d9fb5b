"""Labelled spikes, and the checks every source of them goes through.

Axes: B sample, T step, I channel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from neurodeploy.errors import DataError

MOST_CLASSES = 1_000_000


@dataclass(frozen=True, eq=False)
class SpikeData:
    """Samples of one split.

    Attributes:
        name: Dataset and split, for messages.
        spikes_BTI: 0 or 1, uint8.
        labels_B: Class of each sample, int64, from 0.
        class_names: What the classes are called; empty when the source does not say.
    """

    name: str
    spikes_BTI: np.ndarray
    labels_B: np.ndarray
    class_names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels_B)

    @property
    def n_channels(self) -> int:
        return int(self.spikes_BTI.shape[2])

    @property
    def n_steps(self) -> int:
        return int(self.spikes_BTI.shape[1])

    def take(self, chosen: slice | Sequence[int] | np.ndarray) -> SpikeData:
        """Return the chosen samples."""
        return replace(self, spikes_BTI=self.spikes_BTI[chosen], labels_B=self.labels_B[chosen])

    def first(self, limit: int | None) -> SpikeData:
        """Return the first `limit` samples, or all.

        Raises:
            DataError: `limit` is below 1.
        """
        if limit is not None and limit < 1:
            raise DataError(f"--limit: found {limit}, at least 1 is needed")
        return self if limit is None else self.take(slice(0, limit))

    def check_fits(self, n_channels: int, n_classes: int) -> SpikeData:
        """Return self when a network of this many channels and classes can run on it.

        Raises:
            DataError: another channel count, or a label that the network has no neuron for.
        """
        if self.n_channels != n_channels:
            raise DataError(
                f"{self.name}: spikes have {self.n_channels} channels, the network takes {n_channels}; "
                "check that data and network belong together"
            )
        unknown = self.labels_B[(self.labels_B < 0) | (self.labels_B >= n_classes)]
        if len(unknown):
            raise DataError(
                f"{self.name}: label {unknown[0]} is unknown, the network's {n_classes} classes are "
                f"0..{n_classes - 1}; {len(unknown)} of {len(self)} samples are affected"
            )
        return self


def _binary(spikes: np.ndarray) -> bool:
    if spikes.dtype.kind in "iu":  # their range says it, without sorting
        return bool(spikes.min() >= 0 and spikes.max() <= 1)
    return bool(np.isin(np.unique(spikes), (0, 1)).all())


def checked(name: str, spikes: np.ndarray, labels: np.ndarray, class_names: Sequence[str] = ()) -> SpikeData:
    """Return `SpikeData` after checking axes, values and lengths.

    Spikes of more axes, (B, T, C, H, W), are flattened to (B, T, I) in C order.

    Raises:
        DataError: with what was found and what is allowed.
    """
    if spikes.ndim < 3 or not spikes.size:
        raise DataError(
            f"{name}: spikes have shape {spikes.shape}, (samples, steps, channels) with at least one each is needed"
        )
    if spikes.dtype.kind not in "biuf" or labels.dtype.kind not in "biu":
        raise DataError(
            f"{name}: spikes are {spikes.dtype} and labels {labels.dtype}; numbers and whole numbers are needed"
        )
    if labels.shape != (len(spikes),):
        raise DataError(f"{name}: {len(spikes)} samples have labels of shape {labels.shape}, one each is needed")
    if not _binary(spikes):
        raise DataError(
            f"{name}: spikes hold values from {spikes.min()} to {spikes.max()}, only 0 and 1 are allowed; "
            "bin the events so that a step holds at most one"
        )
    if labels.size and int(labels.max()) > MOST_CLASSES:
        raise DataError(f"{name}: label {labels.max()} is too large, classes count from 0")
    flat = spikes.reshape(*spikes.shape[:2], -1).astype(np.uint8, copy=False)
    return SpikeData(name, flat, labels.astype(np.int64), tuple(class_names))
