"""Clips of sound to spikes: ready the cochlea once, then encode many clips, in threads."""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from neurodeploy.compiled import is_kept
from neurodeploy.data.cochlea.basilar_membrane import response_table
from neurodeploy.data.cochlea.prepare import prepare
from neurodeploy.data.cochlea.settings import CochleaSettings
from neurodeploy.data.cochlea.single_precision import Cochlea
from neurodeploy.errors import DataError
from neurodeploy.progress import Progress, silent

SSC = CochleaSettings()
"""The conventions that SSC was made with."""
Spikes = tuple[np.ndarray, np.ndarray]
"""Seconds from the start of the clip (float64) and unit (uint16) of each spike, in order of time, then unit."""
Made = TypeVar("Made")


def encode_clips(
    clips: Sequence[tuple[np.ndarray, int]],
    settings: CochleaSettings = SSC,
    *,
    seed: int = 0,
    workers: int = 1,
    progress: Progress = silent,
) -> list[Spikes]:
    """Return the spikes of clips of sound.

    The same clip at the same place of the list gets the same spikes with the same seed, whatever the
    other clips and the number of threads; at another place other fibres fire.

    Args:
        clips: Mono samples, any scale, and samples a second of each.
        seed: From 0.
        workers: Threads.
        progress: Told after each clip.
        settings: Of the cochlea; the conventions of SSC when left out.

    Raises:
        DataError: a clip is empty, not mono, or holds what is no finite number; the message names it.
    """
    cochlea = ready(settings, progress)

    def made(index: int, stopped: Callable[[], bool]) -> Spikes:
        samples, rate = clips[index]
        try:
            return encode(cochlea, samples, rate, (seed, index), stopped)
        except DataError as error:
            raise error.inside(f"clip {index}") from None

    found = []
    for one in in_order(made, len(clips), workers):
        found.append(one)
        progress("encode", len(found), len(clips))
    return found


def encode(
    cochlea: Cochlea, samples: np.ndarray, rate: int, seed: Sequence[int], stopped: Callable[[], bool] = lambda: False
) -> Spikes:
    """Return the spikes of one clip.

    Args:
        cochlea: From `ready`.
        samples: Mono, any scale.
        rate: Samples a second.
        seed: Whole numbers from 0 that say which random numbers are drawn.
        stopped: See `Cochlea.spikes`.

    Raises:
        DataError: the clip is unusable; see `prepare`.
    """
    settings = cochlea.settings
    prepared = prepare(samples, rate, settings)
    band_hz = rate / 2 if rate < settings.rate else np.inf
    steps, units = cochlea.spikes(prepared, seed, band_hz, stopped)
    return steps / settings.step_rate, units


def ready(settings: CochleaSettings = SSC, progress: Progress = silent) -> Cochlea:
    """Return a cochlea whose table is read and whose code is compiled; once on a machine that takes its time."""
    from neurodeploy.data.cochlea.compiled import SOURCES

    cochlea = Cochlea(settings, response_table(settings, progress))
    kept = is_kept(SOURCES)
    if not kept:
        progress("compiling", 0, 1, "the cochlea, once on this machine")
    encode(cochlea, np.zeros(2), settings.rate // 2, (0,))  # also loads what resampling takes
    if not kept:
        progress("compiling", 1, 1, "the cochlea")
    return cochlea


def in_order(make: Callable[[int, Callable[[], bool]], Made], count: int, workers: int) -> Iterator[Made]:
    """Yield what `make` returns for 0 ... count - 1, in this order, made side by side.

    Few results wait to be taken. When one raises, or who takes them stops, nothing goes on running.

    Args:
        make: Called with the index and a function that says when the result is no longer wanted.
        workers: Threads; with 1, the caller's own.
    """
    if workers == 1:
        for index in range(count):
            yield make(index, lambda: False)
        return
    stop = threading.Event()
    waiting: deque[Future[Made]] = deque()
    pool = ThreadPoolExecutor(workers)
    try:
        for index in range(count):
            waiting.append(pool.submit(make, index, stop.is_set))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
