"""Labelled spikes, and the checks every source of them goes through.

Axes: B sample, T step, I channel.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from neurodeploy.errors import DataError
from neurodeploy.fixedpoint import rules

MOST_CLASSES = 1_000_000
Kind = Literal["binary", "counts", "real"]
"""What a channel holds in a step: 0 or 1, a number of events, or any number."""


@dataclass(frozen=True, eq=False)
class SpikeData:
    """Samples of one split.

    Attributes:
        name: Dataset and split, for messages.
        spikes_BTI: By `kind`: 0 or 1, uint8; counts, uint8 or uint16; real values, float32.
        labels_B: Class of each sample, int64, from 0.
        class_names: What the classes are called; empty when the source does not say.
        kind: What the values are.
        lengths_B: Steps of each sample before it was padded with zeros; None where all have `n_steps`.
    """

    name: str
    spikes_BTI: np.ndarray
    labels_B: np.ndarray
    class_names: tuple[str, ...] = ()
    kind: Kind = "binary"
    lengths_B: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels_B)

    @property
    def n_steps(self) -> int:
        return int(self.spikes_BTI.shape[1])


def check_classes(name: str, labels_B: np.ndarray, n_classes: int) -> None:
    """Check that a network of `n_classes` has a neuron for every label.

    Raises:
        DataError: it has not.
    """
    unknown = labels_B[(labels_B < 0) | (labels_B >= n_classes)]
    if len(unknown):
        raise DataError(
            f"{name}: label {unknown[0]} is unknown, the network's {n_classes} classes are "
            f"0..{n_classes - 1}; {len(unknown)} of {len(labels_B)} samples are affected"
        )


def check_kinds(name: str, shape: Sequence[int], dtype: np.dtype, labels: np.ndarray) -> np.ndarray:
    """Return the labels as int64 after checking everything but the spikes' values, which need not be read.

    Raises:
        DataError: with what was found and what is allowed.
    """
    if len(shape) < 3 or not all(shape):
        raise DataError(
            f"{name}: spikes have shape {tuple(shape)}, (samples, steps, channels) with at least one each is needed"
        )
    if dtype.kind not in "biuf" or labels.dtype.kind not in "biu":
        raise DataError(f"{name}: spikes are {dtype} and labels {labels.dtype}; numbers and whole numbers are needed")
    if labels.shape != (shape[0],):
        raise DataError(f"{name}: {shape[0]} samples have labels of shape {labels.shape}, one each is needed")
    if labels.size and int(labels.max()) > MOST_CLASSES:
        raise DataError(f"{name}: label {labels.max()} is too large, classes count from 0")
    return labels.astype(np.int64)


def check_values(
    name: str, spikes: np.ndarray, numbers: Sequence[int] | np.ndarray | None = None, *, counts: bool = False
) -> np.ndarray:
    """Return spikes as uint8, or whole numbers in few bytes, and (B, T, C, H, W) as (B, T, I) in C order.

    Args:
        numbers: Of the samples, for the message; from 0 when None.
        counts: A step and channel may hold more: a number of events, or a value of an image.

    Raises:
        DataError: values other than 0 and 1, or where they are counts other than whole numbers of `MESSAGE_BITS`.
    """
    numbers = range(len(spikes)) if numbers is None else numbers
    if spikes.dtype == np.bool_:
        spikes = spikes.view(np.uint8)  # a damaged file's may be neither 0 nor 1
    if counts:
        return _whole(name, spikes, numbers).reshape(*spikes.shape[:2], -1)
    if not _binary(spikes):
        index = next(index for index, one in enumerate(spikes) if not _binary(one))
        raise DataError(
            f"{name}: sample {numbers[index]} holds values from {spikes[index].min()} to {spikes[index].max()}, "
            "only 0 and 1 are allowed; bin the events so that a step holds at most one"
        )
    return spikes.reshape(*spikes.shape[:2], -1).astype(np.uint8, copy=False)


def _whole(name: str, spikes: np.ndarray, numbers: Sequence[int] | np.ndarray) -> np.ndarray:
    if spikes.dtype.kind in "iu" and spikes.dtype.itemsize < 4:
        return spikes
    limit = 1 << rules.MESSAGE_BITS - 1
    for number, one in zip(numbers, spikes, strict=True):
        if not ((one >= -limit) & (one < limit) & (one == np.trunc(one))).all():
            raise DataError(
                f"{name}: sample {number} holds values from {one.min()} to {one.max()}, whole numbers from {-limit} to "
                f"{limit - 1} are allowed; scale and round them"
            )
    few = (one for one in (np.uint8, np.uint16) if spikes.min() >= 0 and spikes.max() <= np.iinfo(one).max)
    return spikes.astype(next(few, np.int32))


def _binary(spikes: np.ndarray) -> bool:
    if spikes.dtype.kind in "iu":  # their range says it, without sorting
        return bool(spikes.min() >= 0 and spikes.max() <= 1)
    return bool(((spikes == 0) | (spikes == 1)).all())
