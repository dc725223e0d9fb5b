"""Events, in lists of one sample each, and the steps they fall into: the one place where time is binned.

Axes: B sample, T step, I channel.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurodeploy.errors import DataError
from neurodeploy.phrases import Phrase

MOST_ROUNDING = 0.01
"""Of a step. SHD's float16 times are coarser than that, and must not be moved by half a step."""
MOST_STEPS = 1_000_000
"""More come from times in milli- or microseconds, and would fill the memory."""
WHERE = "events"

Lists = Sequence[np.ndarray]
"""One array per sample."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Events:
    """Spikes as lists of events, one list per sample, as files in SHD layout hold them.

    Attributes:
        units: Channel of each event: whole numbers from 0, one array or list per sample.
        times_s: Seconds from the start of the sample, alike. Give these or `steps`.
        steps: Time step of each event from 0, alike.
        n_steps: Steps of every sample; as many as the last event asks for when None.
        n_channels: Channels; the network's own when None.

    Events of one step and channel are one spike, or counted where the network takes counts.
    """

    units: Sequence[Any]
    times_s: Sequence[Any] | None = None
    steps: Sequence[Any] | None = None
    n_steps: int | None = None
    n_channels: int | None = None

    def binned(self, dt_s: float, n_channels: int, *, counts: bool = False) -> Binned:
        """Return the step and channel of every event, checked.

        Args:
            dt_s: Step length in seconds, for `times_s`.
            n_channels: Channels of the network.
            counts: The network takes counts, so events of one step and channel are counted.

        Raises:
            DataError: both or none of times and steps, lengths that differ, a time or step below 0 or
                after `n_steps`, or a channel that is not there.
        """
        if (self.times_s is None) == (self.steps is None):
            raise DataError(f"{WHERE}: give times_s in seconds or steps in whole numbers, one of the two")
        if self.n_steps is not None and self.n_steps < 1:
            raise DataError(f"{WHERE}: n_steps is {self.n_steps}, at least 1 is needed")
        if self.n_channels not in (None, n_channels):
            raise DataError(
                f"{WHERE}: have {self.n_channels} channels, the network takes {n_channels}; "
                "check that data and network belong together"
            )
        units = _arrays(self.units, "units", "iu")
        check_as_many(WHERE, (self.times_s or ()) if self.steps is None else self.steps, units)
        if self.steps is None:
            times = self.timed()[0]
            n_steps, _ = extent(WHERE, zip(times, units, strict=True), dt_s, n_channels)
            steps = [steps_of(one, dt_s) for one in times]
        else:
            steps = _arrays(self.steps, "steps", "iu")
            for index, (when, which) in enumerate(zip(steps, units, strict=True)):
                if len(when) and not (when.min() >= 0 and when.max() < MOST_STEPS):
                    found = f"sample {index} has steps {when.min()}..{when.max()}"
                    raise DataError(f"{WHERE}: {found}, 0..{MOST_STEPS - 1} are allowed")
                check_events(WHERE, index, when, which, n_channels)
            n_steps = 1 + max(int(one.max(initial=0)) for one in steps)
        if self.n_steps is not None and n_steps > self.n_steps:
            late = next(index for index, one in enumerate(steps) if one.max(initial=-1) >= self.n_steps)
            raise DataError(
                f"{WHERE}: sample {late} has an event in step {steps[late].max()}, n_steps = {self.n_steps} allows "
                f"0..{self.n_steps - 1}; raise it or drop these events"
            )
        return Binned(steps, units, self.n_steps or n_steps, n_channels, counts)

    def timed(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return times in seconds, as floats, and units, one array per sample each.

        Raises:
            DataError: they are no lists of numbers, or not as many of both.
        """
        times, units = _arrays(self.times_s or (), "times_s", "fiu"), _arrays(self.units, "units", "iu")
        check_as_many(WHERE, times, units)
        return [one if one.dtype.kind == "f" else one.astype(np.float64) for one in times], units


@dataclass(frozen=True, eq=False)
class Binned:
    """Events of some samples in their steps."""

    steps: Lists
    units: Lists
    n_steps: int
    n_channels: int
    counts: bool = False

    def __len__(self) -> int:
        return len(self.steps)

    def read(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Yield the spikes of each batch of samples, (B, T, I): at most one per step and channel, or int32 counts."""
        for chosen in batches:
            held = np.zeros((len(chosen), self.n_steps, self.n_channels), np.int32 if self.counts else np.uint8)
            for row, index in enumerate(chosen):
                if self.counts:
                    np.add.at(held[row], (self.steps[index], self.units[index]), 1)
                else:
                    held[row, self.steps[index], self.units[index]] = 1
            yield held


def check_as_many(where: str, times: Sequence[Any], units: Sequence[Any]) -> None:
    """Check that there are samples, and as many of both.

    Raises:
        DataError: there are not.
    """
    if len(times) != len(units) or not len(times):
        raise DataError(
            f"{where}: {len(times)} samples of times and {len(units)} of units, as many of both and at least one "
            "are needed"
        )


def extent(
    where: str, samples: Iterable[tuple[np.ndarray, np.ndarray]], dt_s: float, n_channels: int | None
) -> tuple[int, int]:
    """Check every sample's events, and return how many steps and channels hold them all.

    Args:
        samples: Seconds from the start (floats), and channels of each sample's events; one is held at a time.
        dt_s: Step length; see `steps_of`.
        n_channels: Channels that are there; as many as the largest unit asks for when None.

    Raises:
        DataError: lengths differ, times are negative, not finite or too late, or units are out of range.
    """
    n_steps, largest = 1, -1
    for index, (when, which) in enumerate(samples):
        check_events(where, index, when, which, n_channels)
        if not len(when):
            continue
        last = when.max()
        if float(last) / dt_s >= MOST_STEPS:
            raise DataError(
                f"the last event of sample {index} is at {last:g} s, which makes {float(last) / dt_s:.3g} "
                f"steps of {dt_s:g} s, at most {MOST_STEPS} are allowed",
                Phrase("times must be in seconds, or give a larger {dt_s}"),
                where=where,
            )
        n_steps = max(n_steps, 1 + int(steps_of(last[None], dt_s)[0]))
        largest = max(largest, int(which.max()))
    return n_steps, largest + 1 if n_channels is None else n_channels


def steps_of(times: np.ndarray, dt_s: float) -> np.ndarray:
    """Return floor(t / dt), where a time that its type cannot tell from a step's start counts as that start.

    >>> steps_of(np.array([0.3, 0.29]), 0.1)  # 0.3 / 0.1 is 2.9999999999999996
    array([3, 2])
    """
    exact = times.astype(np.float64) / dt_s
    nearest = np.rint(exact)
    rounding = np.minimum(np.finfo(times.dtype).eps * nearest, MOST_ROUNDING)
    return np.where(np.abs(exact - nearest) <= rounding, nearest, np.floor(exact)).astype(np.int64)


def check_events(where: str, index: int, when: np.ndarray, which: np.ndarray, n_channels: int | None) -> None:
    """Check one sample's times or steps, and units.

    Raises:
        DataError: lengths differ, times are negative or not finite, or units are out of range.
    """
    if len(when) != len(which):
        raise DataError(
            f"sample {index} has {len(when)} times and {len(which)} units, one unit per time is needed", where=where
        )
    if not len(when):
        return
    if not (which.min() >= 0 and (n_channels is None or which.max() < n_channels)):
        allowed = "channels count from 0" if n_channels is None else f"0..{n_channels - 1} are allowed"
        raise DataError(f"sample {index} has units {which.min()}..{which.max()}, {allowed}", where=where)
    first, last = when.min(), when.max()
    if not (np.isfinite(first) and np.isfinite(last) and first >= 0):
        found = f"sample {index} has times from {first:g} to {last:g}, finite seconds from 0 are allowed"
        raise DataError(found, "shift or drop these events", where=where)


def _arrays(lists: Sequence[Any], name: str, kinds: str) -> list[np.ndarray]:
    found = []
    for index, one in enumerate(lists):
        array = np.asarray(one.detach().cpu() if hasattr(one, "detach") else one)
        if array.ndim != 1 or (array.size and array.dtype.kind not in kinds):
            needed = "whole numbers" if kinds == "iu" else "numbers"
            raise DataError(
                f"{WHERE}: {name} of sample {index} are {array.dtype} of shape {array.shape}, a list of {needed} is "
                "needed"
            )
        found.append(array if array.size else np.zeros(0, np.float64 if "f" in kinds else np.int64))
    return found
