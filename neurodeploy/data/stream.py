"""Labelled samples that are read when they are asked for, so that they may be larger than the memory.

Axes: B sample, T step, I value of a step, all its axes side by side in C order.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Protocol

import numpy as np

from neurodeploy.data.binning import Counts
from neurodeploy.data.spikes import Kind, SpikeData, check_classes, check_kinds
from neurodeploy.errors import DataError

Read = Callable[[Iterable[np.ndarray]], Iterator[np.ndarray]]
"""Takes the indices of each batch in turn and yields its spikes (B, T, I).

Any order is allowed, and a sample may come twice; files that cannot be entered in the middle are read from their start
again where an index falls, so rising ones are the quickest.
"""


Mixed = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""Takes the indices of some samples, of others, and the share of the first in each mixture (B,); gives (B, T, I)."""


@dataclass(frozen=True, eq=False)
class PixelOrder:
    """Of pictures that are given pixel by pixel: axes (channels, rows, columns), and each step's pixel in C order."""

    shape: tuple[int, ...]
    pixel_T: np.ndarray


@dataclass(frozen=True, eq=False)
class SampleSource:
    """Samples of one split. How many there are, their shape and their classes are known without reading any.

    Attributes:
        name: Dataset and split, or file, for messages.
        labels_B: Class of each sample, int64, from 0.
        n_steps: Of every sample; of the longest where `lengths_B` says that they differ.
        shape: Axes of one step: (channels,), or (channels, rows, columns).
        read: Reads the spikes of some samples.
        class_names: What the classes are called; empty when the source does not say.
        kind, lengths_B: As in `SpikeData`.
        notes: What a result on these samples has to say of them, a sentence each.
        order: Where the steps are the pixels of a picture, all of them.
        mixed: Of recordings: makes samples of two that sound together.
    """

    name: str
    labels_B: np.ndarray
    n_steps: int
    shape: tuple[int, ...]
    read: Read
    class_names: tuple[str, ...] = ()
    kind: Kind = "binary"
    lengths_B: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    order: PixelOrder | None = None
    mixed: Mixed | None = None

    def __len__(self) -> int:
        return len(self.labels_B)

    @property
    def n_inputs(self) -> int:
        """Values of one step."""
        return math.prod(self.shape)

    def at(self, chosen: Sequence[int] | np.ndarray) -> SpikeData:
        """Return some samples, in the order asked for.

        Raises:
            DataError: see `batches`.
        """
        indices = np.asarray(chosen)
        (spikes,) = self.read([indices])
        return self._read(spikes, indices)

    def batches(self, size: int) -> Iterator[SpikeData]:
        """Yield all samples in their order, `size` at a time; only one batch is held.

        Raises:
            DataError: a sample cannot be read, or holds what is not allowed; the message names it.
        """
        starts = range(0, len(self), size)
        read = self.read(np.arange(first, min(first + size, len(self))) for first in starts)
        for first, spikes in zip(starts, read, strict=True):
            yield self._read(spikes, slice(first, first + size))

    def _read(self, spikes: np.ndarray, some: np.ndarray | slice) -> SpikeData:
        lengths_B = None if self.lengths_B is None else self.lengths_B[some]
        return SpikeData(self.name, spikes, self.labels_B[some], self.class_names, self.kind, lengths_B)

    def whole(self) -> SpikeData:
        """Return all samples at once; for few, after `first` or `take`."""
        return self.at(np.arange(len(self)))

    def digest(self) -> str:
        """Return the SHA-256 of all samples and labels in their order, as a network is given them; 0 is left out."""
        found = hashlib.sha256(f"{len(self)} {self.n_steps} {self.shape}".encode())
        for batch in self.batches(64):
            at = np.nonzero(batch.spikes_BTI)
            for array in (*at, batch.spikes_BTI[at], batch.labels_B):
                found.update(array.astype("<f8").tobytes())
        return found.hexdigest()

    def take(self, chosen: Sequence[int] | np.ndarray) -> SampleSource:
        """Return the chosen samples, in that order."""
        indices, read, mixed = np.asarray(chosen), self.read, self.mixed
        return replace(
            self,
            labels_B=self.labels_B[indices],
            read=lambda batches: read(indices[some] for some in batches),
            lengths_B=None if self.lengths_B is None else self.lengths_B[indices],
            mixed=None if mixed is None else lambda one, other, share: mixed(indices[one], indices[other], share),
        )

    def first(self, limit: int | None) -> SampleSource:
        """Return the first `limit` samples, or all.

        Raises:
            DataError: `limit` is below 1.
        """
        return self if check_limit(limit) is None else self.take(np.arange(min(limit or 0, len(self))))

    def check_fits(self, n_inputs: int, n_classes: int) -> SampleSource:
        """Return self when a network of this many inputs and classes can run on it.

        Raises:
            DataError: another channel count, or a label that the network has no neuron for.
        """
        if self.n_inputs != n_inputs:
            raise DataError(
                f"{self.name}: spikes have {self.n_inputs} channels, the network takes {n_inputs}; "
                "check that data and network belong together"
            )
        check_classes(self.name, self.labels_B, n_classes)
        return self


def check_limit(limit: int | None) -> int | None:
    """Return `limit` when it leaves samples.

    Raises:
        DataError: it is no whole number, or below 1.
    """
    if limit is not None and not (isinstance(limit, Integral) and limit >= 1):
        raise DataError(f"found {limit!r}", option="limit", allowed="at least 1 is needed, a whole number")
    return limit


def from_memory(data: SpikeData, shape: tuple[int, ...] | None = None) -> SampleSource:
    """Return samples that are already there.

    Args:
        shape: Axes of one step; channels alone when None.
    """
    return SampleSource(
        data.name,
        data.labels_B,
        data.n_steps,
        data.spikes_BTI.shape[2:] if shape is None else shape,
        lambda batches: (data.spikes_BTI[chosen] for chosen in batches),
        data.class_names,
        data.kind,
        data.lengths_B,
    )


def unlabelled(spikes_BTI: np.ndarray) -> SampleSource:
    """Return spikes that are already there and belong to no class; their labels are 0."""
    return from_memory(SpikeData("spikes", spikes_BTI, np.zeros(len(spikes_BTI), np.int64)))


def from_bits(
    name: str,
    bits: np.ndarray,
    n_steps: int,
    shape: tuple[int, ...],
    labels: np.ndarray,
    class_names: Sequence[str] = (),
) -> SampleSource:
    """Return samples of 0 and 1 held as bits.

    Args:
        bits: Of each sample, (B, bytes), as `numpy.packbits` packs (T, I) in C order; further steps are left out.

    Raises:
        DataError: the labels do not fit.
    """
    size = n_steps * math.prod(shape)
    labels_B = check_kinds(name, (len(bits), n_steps, *shape), np.dtype(np.uint8), labels)

    def read(batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for chosen in batches:
            yield np.unpackbits(bits[chosen], axis=1, count=size).reshape(len(chosen), n_steps, -1)

    return SampleSource(name, labels_B, n_steps, shape, read, tuple(class_names))


def from_counts(
    name: str,
    counts: Sequence[Counts],
    labels: np.ndarray,
    class_names: Sequence[str] = (),
    *,
    binary: bool = False,
    shape: tuple[int, ...] | None = None,
) -> SampleSource:
    """Return samples whose counts are held compactly, and become (B, T, I) batch by batch.

    Args:
        counts: Of some samples after the other.
        binary: They were binned to 0 and 1.
        shape: Axes of one step; channels alone when None.

    Raises:
        DataError: the labels do not fit.
    """
    n_steps, n_channels = counts[0].n_steps, counts[0].n_channels
    dtype = np.result_type(*(one.values.dtype for one in counts))
    labels_B = check_kinds(name, (sum(map(len, counts)), n_steps, n_channels), dtype, labels)
    kind: Kind = "binary" if binary else "counts"
    shape = (n_channels,) if shape is None else shape
    return SampleSource(name, labels_B, n_steps, shape, in_pieces(counts, dtype), tuple(class_names), kind)


class Piece(Protocol):
    """Some of a data set's samples, which become (B, T, I) when they are asked for."""

    def __len__(self) -> int: ...

    def dense(self, chosen: np.ndarray) -> np.ndarray:
        """Return samples by their numbers in this piece, in any order."""
        ...


def in_pieces(pieces: Sequence[Piece], dtype: np.dtype) -> Read:
    """Return what reads samples that lie in several pieces, one after the other."""
    starts = np.cumsum([0, *map(len, pieces)])

    def read(batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for chosen in batches:
            of = np.searchsorted(starts, chosen, side="right") - 1
            found: np.ndarray | None = None
            for number in np.unique(of):
                rows = np.flatnonzero(of == number)
                some = pieces[number].dense(chosen[rows] - starts[number])
                if len(rows) == len(chosen):
                    found = some.astype(dtype, copy=False)
                    break
                if found is None:
                    found = np.empty((len(chosen), *some.shape[1:]), dtype)
                found[rows] = some
            assert found is not None
            yield found

    return read
