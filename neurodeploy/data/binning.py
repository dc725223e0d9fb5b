"""Timed events as counts per step and channel, held compactly; the binning of the SiLIF paper is one of two rules.

Axes: B sample, T step, I channel.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from neurodeploy.data.events import MOST_STEPS, WHERE, Events, check_events, steps_of
from neurodeploy.data.frames import cuts
from neurodeploy.data.mapped import Numbers, numbers
from neurodeploy.errors import DataError
from neurodeploy.phrases import plural

Rule = Literal["paper", "floor", "number", "time"]
N_UNITS = 700
"""Channels of the inner-ear model behind SHD and SSC."""
LARGEST_COUNT = np.iinfo(np.uint16).max
MOST_COUNTERS = 1 << 18
"""Cells of a sample up to which one counter for each is quicker than sorting."""


@dataclass(frozen=True)
class Binning:
    """How timed events become steps and channels.

    Attributes:
        n_steps: Steps of every sample.
        max_time_s: Seconds; events from here on are dropped and their number is kept. With "number" and "time" none
            are: a recording is said to last so long, whatever it does.
        spatial_bin: Adjacent units that make one channel.
        counts: Events of one step and channel are counted; else they are one spike.
        rule: "paper": step = edges not after the event, of `n_steps` edges from 0 to `max_time_s`. Steps are
            therefore max_time_s / (n_steps - 1) long and step 0 is always empty. "floor": step = floor(t / dt)
            with dt = max_time_s / n_steps. "number" and "time": the steps are the frames of `data.frames`, between a
            recording's first event and its last.

    Source of "paper": SSM-inspired-LIF (Fabre, Dudchenko), its loader of SHD and SSC.
    """

    n_steps: int
    max_time_s: float
    spatial_bin: int = 1
    counts: bool = True
    rule: Rule = "paper"

    @property
    def dt_s(self) -> float:
        """Length of a step, seconds.

        >>> Binning(250, 1.0).dt_s
        0.004016064257028112
        """
        return self.max_time_s / (self.n_steps - 1 if self.rule == "paper" else self.n_steps)

    def steps(self, times_s: np.ndarray) -> np.ndarray:
        """Return the step of each event, int64; `n_steps` or more where it comes too late.

        Raises:
            DataError: there are fewer events than steps that are to hold as many each; see `cuts`.

        >>> Binning(5, 1.0).steps(np.array([0.0, 0.2, 0.25, 0.999, 1.0]))
        array([1, 1, 2, 4, 5])
        >>> Binning(4, 1.0, rule="floor").steps(np.array([0.0, 0.2, 0.25, 0.999, 1.0]))
        array([0, 0, 1, 3, 4])
        """
        if self.rule == "floor":
            return steps_of(times_s, self.dt_s)
        if self.rule in ("number", "time"):
            times_us = np.rint(times_s.astype(np.float64) * 1e6).astype(np.int64)
            return np.repeat(np.arange(self.n_steps), np.diff(cuts(times_us, self.n_steps, self.rule)))
        edges = np.linspace(0, self.max_time_s, self.n_steps)
        return np.searchsorted(edges, times_s.astype(np.float64), side="right")

    def n_channels(self, n_units: int) -> int:
        """Return the channels that so many units make.

        Raises:
            DataError: settings that give no whole steps or channels.
        """
        least = 2 if self.rule == "paper" else 1
        if not (least <= self.n_steps <= MOST_STEPS):
            raise DataError(f"data.n_steps: found {self.n_steps}, {least}..{MOST_STEPS} are allowed")
        if not (np.isfinite(self.max_time_s) and self.max_time_s > 0):
            raise DataError(f"data.max_time_s: found {self.max_time_s}, seconds above 0 are needed")
        if self.spatial_bin < 1 or n_units % self.spatial_bin:
            raise DataError(
                f"data.spatial_bin: found {self.spatial_bin}, it must divide the {n_units} units; 1, 5 or 10 will do"
            )
        return n_units // self.spatial_bin


@dataclass(frozen=True, eq=False)
class Counts:
    """Events in their steps and channels: only the cells that hold any.

    Attributes:
        offsets: Where each sample's cells start, int64, one more than there are samples.
        cells: step * n_channels + channel of every cell that holds an event, rising within a sample.
        values: Events in that cell; uint8, or uint16 where a count needs it. Both may be in a file.
        dropped: Events at `max_time_s` or later, which are not in here.
    """

    offsets: np.ndarray
    cells: Numbers
    values: Numbers
    n_steps: int
    n_channels: int
    dropped: int = 0

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def dense(self, chosen: np.ndarray) -> np.ndarray:
        """Return the counts of some samples, in any order, (B, T, I), of the type of `values`."""
        cells, values = numbers(self.cells), numbers(self.values)
        found = np.zeros((len(chosen), self.n_steps * self.n_channels), values.dtype)
        for row, index in enumerate(chosen):
            part = slice(self.offsets[index], self.offsets[index + 1])
            found[row, cells[part]] = values[part]
        return found.reshape(len(chosen), self.n_steps, self.n_channels)

    def read(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Yield the counts of each batch of samples."""
        return (self.dense(np.asarray(chosen)) for chosen in batches)


def count_events(
    where: str, samples: Iterable[tuple[np.ndarray, np.ndarray]], binning: Binning, n_units: int, first: int = 0
) -> Counts:
    """Return events counted per step and channel.

    Args:
        samples: Times in seconds from the start, rising, and units, of each sample; one is held at a time.
        n_units: Units are 0..n_units - 1.
        first: Number of the first sample, for messages.

    Raises:
        DataError: lengths differ, times are negative, not finite or go backwards, or units are out of range; the
            message names the sample.
    """
    n_channels = binning.n_channels(n_units)
    n_cells = binning.n_steps * n_channels
    small = np.uint16 if n_cells <= 1 << 16 else np.uint32
    cells, values, lengths, dropped = [], [], [], 0
    for index, (times, units) in enumerate(samples, start=first):
        check_events(where, index, times, units, n_units)
        back = np.flatnonzero(times[1:] < times[:-1])
        if len(back):
            before, after = times[back[0]], times[back[0] + 1]
            raise DataError(
                f"sample {index} has times that go backwards (event {back[0] + 1}: {after:g} s after {before:g} s), "
                "rising times are needed",
                "sort each sample's events by time",
                where=where,
            )
        try:
            steps = binning.steps(times)
        except DataError as error:
            raise error.at(where, f"sample {index}") from None
        inside = steps < binning.n_steps
        dropped += len(steps) - int(inside.sum())
        found = steps[inside] * n_channels + units[inside] // binning.spatial_bin
        if n_cells > MOST_COUNTERS:
            filled, held = np.unique(found, return_counts=True)
        else:
            held = np.bincount(found, minlength=1)
            filled = np.flatnonzero(held)
            held = held[filled]
        cells.append(filled.astype(small))
        values.append(_fitting(where, index, held) if binning.counts else np.ones(len(filled), np.uint8))
        lengths.append(len(filled))
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    joined = np.concatenate(cells) if cells else np.zeros(0, small)
    counted = np.concatenate(values) if values else np.zeros(0, np.uint8)
    return Counts(offsets, joined, counted, binning.n_steps, n_channels, dropped)


def counts_of(events: Events, binning: Binning, n_channels: int) -> Counts:
    """Return events of one's own, with times, counted as the network was trained on.

    Args:
        n_channels: Channels of the network; `spatial_bin` as many units are allowed.

    Raises:
        DataError: see `count_events`; or the events say another number of steps or channels.
    """
    n_units = n_channels * binning.spatial_bin
    for name, found, needed in (
        ("n_steps", events.n_steps, binning.n_steps),
        ("n_channels", events.n_channels, n_units),
    ):
        if found not in (None, needed):
            raise DataError(f"{WHERE}: {name} is {found}, the network was made for {needed}; leave it out")
    return count_events(WHERE, zip(*events.timed(), strict=True), binning, n_units)


def dropped_note(where: str, n_events: int) -> tuple[str, ...]:
    """Return what is to be said of events that came too late; nothing where there are none."""
    return (f"{where}: dropped {plural(n_events, 'event')} after the last step",) if n_events else ()


def _fitting(where: str, index: int, counts: np.ndarray) -> np.ndarray:
    most = int(counts.max(initial=0))
    if most > LARGEST_COUNT:
        raise DataError(
            f"sample {index} has {most} events in one step and channel, at most {LARGEST_COUNT} are held",
            "take shorter steps, or check the times",
            where=where,
        )
    return counts.astype(np.uint8 if most <= np.iinfo(np.uint8).max else np.uint16)
