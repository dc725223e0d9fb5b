"""The machine a measurement was made on, and the least time that the work can take on one of its cores.

Every spike reads its row of 8-bit weights, at best at the speed of the second-level cache, and
every neuron is updated in every step. Axes: B sample, N neuron.
"""

import functools
import platform
import timeit
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from neurodeploy.backends.trace import Trace
from neurodeploy.memory import cores
from neurodeploy.program.program import INPUT, Program

CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
L2_BYTES = 512 << 10
"""Taken where the system does not tell the size of its second-level cache."""
TURNS, CALLS = 16, 300
"""Turns inside a compiled call, so that the call costs nothing, and calls; the fastest one counts."""
HOW = (
    "bandwidth: compiled loop that sums an array of half the second-level cache, one thread, the fastest of {calls} "
    "calls; update: compiled integer step (two leaks, sum, compare, reset) over the states of {neurons} neurons, one "
    "thread, the fastest of {calls} calls; floor: bytes of weight rows that the spikes of a sample touch, one byte a "
    "synapse, through the bandwidth, then the updates"
)
NEURONS = 16384


def cache_bytes() -> dict[str, int]:
    """Return the size of each cache that one core sees, such as `L2`; empty where the system does not say."""
    found = {}
    for index in sorted(CACHES.glob("index*")):
        try:
            level, kind, size = ((index / name).read_text().strip() for name in ("level", "type", "size"))
        except OSError:
            continue
        if kind != "Instruction" and size.endswith("K"):
            found[f"L{level}"] = int(size[:-1]) << 10
    return found


def describe() -> dict[str, Any]:
    return {"cpu": _cpu(), "cores": cores(), "cache": cache_bytes(), "python": platform.python_version()}


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()


def floor(program: Program, trace: Trace) -> dict[str, Any]:
    """Return the floor in seconds per sample, with what it is made of and how that was measured."""
    sent = {INPUT: trace.input_counts_BI} | trace.counts
    n_bytes = sum(float(sent[one.source].mean(axis=0) @ one.fan_out(zeros=True)) for one in program.connections)
    updates = float(sum(layer.n_neurons for layer in program.layers) * program.n_steps(trace.n_input_steps))
    bandwidth, update_s = bandwidth_bytes_per_s(), seconds_per_update()
    rows_s, updates_s = n_bytes / bandwidth, updates * update_s
    return {
        "weight_bytes": n_bytes,
        "neuron_updates": updates,
        "bandwidth_bytes_per_s": bandwidth,
        "update_s": update_s,
        "rows_s": rows_s,
        "updates_s": updates_s,
        "seconds_per_sample": rows_s + updates_s,
        "how": HOW.format(calls=CALLS, neurons=NEURONS),
    }


@functools.cache
def bandwidth_bytes_per_s() -> float:
    """Return how fast one core reads an array that fits into its second-level cache."""
    import numba

    @numba.njit
    def read(array: np.ndarray) -> Any:
        found = np.int64(0)
        for turn in range(TURNS):
            for index in range(array.shape[0]):
                found += array[index] ^ turn
        return found

    array = np.ones(cache_bytes().get("L2", L2_BYTES) // 2 // 8, np.int64)
    return TURNS * array.nbytes / _best(lambda: read(array))


@functools.cache
def seconds_per_update() -> float:
    """Return how long one core takes to update one neuron among many.

    The product of 24 and 12 bits is made in two parts that stay within 32 bits. It is rounded toward
    minus infinity, which costs no more than the chip's rule.
    """
    import numba

    whole = np.int32

    @numba.njit
    def step(u: np.ndarray, v: np.ndarray, arriving: np.ndarray, spikes: np.ndarray) -> None:
        for _ in range(TURNS):
            for index in range(u.shape[0]):
                old = u[index]
                current = whole(whole((old >> 12) * 3072) + whole(whole((old & 4095) * 3072) >> 12) + arriving[index])
                old = v[index]
                potential = whole(whole((old >> 12) * 3686) + whole(whole((old & 4095) * 3686) >> 12) + current)
                fired = potential > 100_000
                u[index] = current
                v[index] = 0 if fired else potential
                spikes[index] = fired

    u, v = np.zeros(NEURONS, np.int32), np.zeros(NEURONS, np.int32)
    arriving, spikes = np.arange(NEURONS, dtype=np.int32), np.zeros(NEURONS, np.uint8)
    return _best(lambda: step(u, v, arriving, spikes)) / NEURONS / TURNS


def _best(call: Callable[[], Any]) -> float:
    """Return the seconds of the fastest of many calls."""
    return min(timeit.repeat(call, number=1, repeat=CALLS + 1))
