"""Latency, throughput and energy of one network on one device, batch by batch.

A call takes one batch whose inputs already lie on the device, and ends when its classes are on the host.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from neurodeploy.bench.devices.meter import Meter

Call = Callable[[int], None]
"""Runs batch number i, to its end."""
LEAST_CALLS = 5
WARM_UP_S, WARM_UP_CALLS = 0.25, 2
SWEEP_SHARE = 0.125
"""A sweep's window, as a part of a measurement's."""
LARGEST_BATCH = 4096
LATE = 2
"""Doublings in a row without a gain, after which a sweep ends."""
GAIN = 1.02
"""More samples a second than this many times the best is a gain; less is noise."""


class TooLarge(Exception):
    """A batch does not fit the device's memory."""


class Window(NamedTuple):
    """Calls in a row.

    Attributes:
        durations: Of each call, seconds.
        seconds: From the first call's start to the last one's end.
        joules: Of the device in that time; None without a meter.
    """

    durations: tuple[float, ...]
    seconds: float
    joules: float | None = None

    @property
    def latency_s(self) -> float:
        return statistics.median(self.durations)


def idle_power(meter: Meter | None, seconds: float) -> float | None:
    """Return the watts of a device that has nothing to do for some seconds."""
    if meter is None:
        return None
    started, before = time.perf_counter(), meter.joules()
    time.sleep(seconds)
    return (meter.joules() - before) / (time.perf_counter() - started)


def window(call: Call, seconds: float, meter: Meter | None = None, least: int = LEAST_CALLS) -> Window:
    """Run calls for at least `seconds` and `least` calls."""
    durations: list[float] = []
    before = None if meter is None else meter.joules()
    started = last = time.perf_counter()
    while len(durations) < least or last - started < seconds:
        call(len(durations))
        now = time.perf_counter()
        durations.append(now - last)
        last = now
    joules = None if meter is None or before is None else meter.joules() - before
    return Window(tuple(durations), last - started, joules)


def measure(call: Call, batch: int, seconds: float, meter: Meter | None, idle_w: float | None) -> dict[str, Any]:
    """Warm up, then measure a window of calls.

    The counter is read just before the first call and just after the last. A counter that did not move in the whole
    window says nothing, and gives no energy.

    Keys: `batch` (samples of a call), `calls`, `latency_s` (median over calls), `latency_spread_s` (shortest and
    longest), `samples_per_second`, `energy_per_sample_j` (all of the device's; None where nothing counts it) and
    `energy_idle_subtracted_j` (less what it takes at rest in that time; may be below zero by noise).
    """
    window(call, min(WARM_UP_S, seconds), least=WARM_UP_CALLS)
    found = window(call, seconds, meter)
    samples = batch * len(found.durations)
    whole = subtracted = None
    if found.joules:
        whole = found.joules / samples
        subtracted = None if idle_w is None else (found.joules - idle_w * found.seconds) / samples
    return {
        "batch": batch,
        "calls": len(found.durations),
        "latency_s": found.latency_s,
        "latency_spread_s": [min(found.durations), max(found.durations)],
        "samples_per_second": batch / found.latency_s,
        "energy_per_sample_j": whole,
        "energy_idle_subtracted_j": subtracted,
    }


def sweep(prepare: Callable[[int], Call], seconds: float) -> tuple[tuple[int, float], ...]:
    """Return (batch, latency of the fastest call) of 1, 2, 4 ...

    The fastest, because these windows are short, and other programs can only make a call slower.
    It ends where two doublings in a row bring no more samples a second, where one call takes longer than `seconds`,
    where a batch does not fit, or at `LARGEST_BATCH`.

    Args:
        prepare: Gives the calls of a batch size; raises `TooLarge` where it does not fit.
    """
    tried: list[tuple[int, float]] = []
    best, late, batch = 0.0, 0, 1
    while batch <= LARGEST_BATCH and late < LATE:
        try:
            call = prepare(batch)
            window(call, 0, least=WARM_UP_CALLS)
            latency = min(window(call, SWEEP_SHARE * seconds, least=3).durations)
        except TooLarge:
            break
        tried.append((batch, latency))
        if latency > seconds:
            break
        late = 0 if batch / latency > GAIN * best else late + 1
        best = max(best, batch / latency)
        batch *= 2
    return tuple(tried)


def best_batch(tried: Sequence[tuple[int, float]]) -> int:
    """Return the smallest batch whose samples a second are within two per cent of the most.

    >>> best_batch([(1, 1.0), (2, 1.0), (4, 1.98), (8, 8.0)])
    2
    """
    most = max(batch / latency for batch, latency in tried)
    return min(batch for batch, latency in tried if batch / latency * GAIN >= most)
