"""Clips to spikes: the same whatever the threads and the company, and nothing goes on after a refusal."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from neurodeploy.data.cochlea.encode import encode_clips, in_order
from neurodeploy.data.cochlea.settings import CochleaSettings
from neurodeploy.errors import DataError
from tests.data.cochlea.equations import encode_exactly
from tests.data.cochlea.recorded import recorded

FEW = CochleaSettings(channels=66)
CLIPS = [
    (np.random.default_rng(seed).normal(size=n_samples), rate)
    for seed, (n_samples, rate) in enumerate([(4_000, 16_000), (2_205, 44_100), (9_600, 48_000), (1, 8_000)])
]


def same(a: list, b: list) -> bool:
    return all(np.array_equal(x, y) for one, other in zip(a, b, strict=True) for x, y in zip(one, other, strict=True))


def test_threads_and_other_clips_change_nothing_and_seeds_do() -> None:
    told: list[int] = []
    found = encode_clips(CLIPS, FEW, seed=3, progress=lambda stage, done, total, detail="": told.append(done))
    assert told[-4:] == [1, 2, 3, 4]
    assert same(found, encode_clips(CLIPS, FEW, seed=3, workers=3))
    assert same(found[:2], encode_clips(CLIPS[:2], FEW, seed=3))
    assert not same(found[:1], encode_clips(CLIPS[:1], FEW, seed=4))
    first, second = encode_clips([CLIPS[0], CLIPS[0]], FEW, seed=3)
    assert not same([first], [second])


def test_spikes_are_seconds_and_units_in_order() -> None:
    for (samples, rate), (times_s, units) in zip(CLIPS, encode_clips(CLIPS, FEW), strict=True):
        assert times_s.dtype == np.float64
        assert units.dtype == np.uint16
        assert (times_s < len(samples) / rate).all()
        assert (times_s >= 0).all()
        assert (np.lexsort((units, times_s)) == np.arange(len(units))).all()
        assert units.max(initial=0) < 66


def test_a_bad_clip_is_named() -> None:
    with pytest.raises(DataError, match="clip 1: audio: holds no samples"):
        encode_clips([CLIPS[0], (np.zeros(0), 16_000)], FEW, workers=2)


@pytest.mark.data
def test_the_exact_way_gives_the_recorded_spikes() -> None:
    run = recorded("sc_three_16k_default")
    times_s, units = encode_exactly(run.samples, run.rate, run.settings, seed=int(run.arrays["numpy_seed"]))
    np.testing.assert_array_equal(times_s, run.arrays["spike_step"] / 8_000)
    np.testing.assert_array_equal(units, run.arrays["spike_unit"])


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_order_and_few_wait(workers: int) -> None:
    made: list[int] = []

    def make(index: int, stopped: Callable[[], bool]) -> int:
        made.append(index)
        time.sleep(0.002 * (index % 3))
        return index

    for expected, found in enumerate(in_order(make, 40, workers)):
        assert found == expected
        assert len(made) <= expected + 2 * workers + 2


def test_whoever_stops_taking_stops_the_making() -> None:
    ended = threading.Event()

    def make(index: int, stopped: Callable[[], bool]) -> int:
        if index:
            while not stopped():
                time.sleep(0.001)
            ended.set()
        return index

    results = in_order(make, 100, 2)
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]
    assert ended.is_set()
    assert not any("ThreadPool" in thread.name for thread in threading.enumerate())
