"""Labelled spikes that are read and binned a batch at a time, so that they may be larger than the memory.

Axes: B sample, T step, I channel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from neurodeploy.data.binning import Counts
from neurodeploy.data.events import Binned
from neurodeploy.data.spikes import Kind, SpikeData, check_classes, check_kinds
from neurodeploy.errors import DataError

Read = Callable[[Iterable[np.ndarray]], Iterator[np.ndarray]]
"""Takes the indices of each batch in turn, rising from batch to batch, and yields its spikes (B, T, I)."""


@dataclass(frozen=True, eq=False)
class SampleSource:
    """Samples of one split that are read when they are asked for.

    Attributes:
        name: Dataset and split, or file, for messages.
        labels_B: Class of each sample, int64, from 0.
        n_steps, n_channels: Of every sample.
        read: Reads the spikes of some samples.
        class_names: What the classes are called; empty when the source does not say.
        kind, lengths_B: As in `SpikeData`.
        notes: What a result on these samples has to say of them, a sentence each.
    """

    name: str
    labels_B: np.ndarray
    n_steps: int
    n_channels: int
    read: Read
    class_names: tuple[str, ...] = ()
    kind: Kind = "binary"
    lengths_B: np.ndarray | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels_B)

    @property
    def n_samples(self) -> int:
        return len(self)

    def batches(self, size: int) -> Iterator[SpikeData]:
        """Yield all samples in their order, `size` at a time; only one batch is held.

        Raises:
            DataError: a sample cannot be read, or holds what is not allowed; the message names it.
        """
        starts = range(0, len(self), size)
        read = self.read(np.arange(first, min(first + size, len(self))) for first in starts)
        for first, spikes in zip(starts, read, strict=True):
            part = slice(first, first + size)
            lengths_B = None if self.lengths_B is None else self.lengths_B[part]
            yield SpikeData(self.name, spikes, self.labels_B[part], self.class_names, self.kind, lengths_B)

    def whole(self) -> SpikeData:
        """Return all samples at once."""
        (found,) = self.batches(len(self))
        return found

    def take(self, chosen: Sequence[int] | np.ndarray) -> SampleSource:
        """Return the chosen samples, which must rise."""
        indices, read = np.asarray(chosen), self.read
        return replace(
            self,
            labels_B=self.labels_B[indices],
            read=lambda batches: read(indices[some] for some in batches),
            lengths_B=None if self.lengths_B is None else self.lengths_B[indices],
        )

    def first(self, limit: int | None) -> SampleSource:
        """Return the first `limit` samples, or all.

        Raises:
            DataError: `limit` is below 1.
        """
        return self if check_limit(limit) is None else self.take(np.arange(min(limit or 0, len(self))))

    def check_fits(self, n_channels: int, n_classes: int) -> SampleSource:
        """Return self when a network of this many channels and classes can run on it.

        Raises:
            DataError: another channel count, or a label that the network has no neuron for.
        """
        if self.n_channels != n_channels:
            raise DataError(
                f"{self.name}: spikes have {self.n_channels} channels, the network takes {n_channels}; "
                "check that data and network belong together"
            )
        check_classes(self.name, self.labels_B, n_classes)
        return self


def check_limit(limit: int | None) -> int | None:
    """Return `limit` when it leaves samples.

    Raises:
        DataError: it is below 1.
    """
    if limit is not None and limit < 1:
        raise DataError(f"--limit: found {limit}, at least 1 is needed")
    return limit


def from_memory(data: SpikeData) -> SampleSource:
    """Return samples that are already there."""
    return SampleSource(
        data.name,
        data.labels_B,
        data.n_steps,
        data.n_channels,
        lambda batches: (data.spikes_BTI[chosen] for chosen in batches),
        data.class_names,
        data.kind,
        data.lengths_B,
    )


def from_events(name: str, events: Binned, labels: np.ndarray, class_names: Sequence[str] = ()) -> SampleSource:
    """Return samples whose events are there, and become spikes batch by batch.

    Raises:
        DataError: the labels do not fit.
    """
    shape = (len(events), events.n_steps, events.n_channels)
    labels_B = check_kinds(name, shape, np.dtype(np.uint8), labels)
    return SampleSource(name, labels_B, events.n_steps, events.n_channels, events.read, tuple(class_names))


def from_counts(
    name: str, counts: Counts, labels: np.ndarray, class_names: Sequence[str] = (), *, binary: bool = False
) -> SampleSource:
    """Return samples whose counts are held compactly, and become (B, T, I) batch by batch.

    Args:
        binary: They were binned to 0 and 1.

    Raises:
        DataError: the labels do not fit.
    """
    shape = (len(counts), counts.n_steps, counts.n_channels)
    labels_B = check_kinds(name, shape, counts.values.dtype, labels)
    kind: Kind = "binary" if binary else "counts"
    return SampleSource(name, labels_B, counts.n_steps, counts.n_channels, counts.read, tuple(class_names), kind)
