"""Turns, medians and ratios, on speeds that are given."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable

import numpy as np
import pytest

from neurodeploy.bench import machine, rounds
from neurodeploy.bench.rounds import block, in_turn, spread
from neurodeploy.bench.simulate import threads_ratio
from tests.bench.support import work_of


def given(name: str, speeds: Iterable[float], log: list[str]) -> Callable[[], float]:
    left = iter(speeds)

    def run() -> float:
        log.append(name)
        return next(left)

    return run


def test_we_run_before_each_peer_in_each_round() -> None:
    log: list[str] = []
    peers = {name: given(name, itertools.repeat(1.0), log) for name in "ab"}
    in_turn(given("ours", itertools.repeat(2.0), log), peers, 2)
    assert log == ["ours", "a", "ours", "b"] * 2


def test_a_slow_peer_has_a_ratio_above_one() -> None:
    speeds = in_turn(given("ours", [100, 300, 200], []), {"slow": given("slow", [10, 10, 40], [])}, 3)
    assert speeds.ratio("slow") == 20  # medians: 200 to 10
    assert speeds.neighbours("slow") == [10, 30, 5]
    assert spread(speeds.peers["slow"]) == {"min": 10, "max": 40}


def test_each_peer_is_compared_with_the_block_before_it() -> None:
    ours = given("ours", [1, 2, 3, 4], [])
    speeds = in_turn(ours, {"a": given("a", [1, 1], []), "b": given("b", [1, 1], [])}, 2)
    assert (speeds.neighbours("a"), speeds.neighbours("b")) == ([1, 3], [2, 4])


def test_without_peers_we_run_once_a_round() -> None:
    assert in_turn(given("ours", [1, 2], []), {}, 2).ours == [1, 2]


def test_a_block_counts_all_of_its_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call takes a tenth of a second on a clock that only the calls move."""
    clock = [0.0]
    monkeypatch.setattr(rounds.time, "perf_counter", lambda: clock[0])

    def call(index: int) -> None:
        clock[0] += 0.1

    assert block(call, batch=8)() == pytest.approx(80)
    assert clock[0] == pytest.approx(0.1 * (1 + 1 + 1 + 2))  # warm, probe, warm, and 0.2 s


def test_threads_are_compared_at_the_largest_batch() -> None:
    rows = [
        {"batch": 1, "threads": 1, "samples_per_second": 5.0},
        {"batch": 64, "threads": 1, "samples_per_second": 10.0},
        {"batch": 64, "threads": 2, "samples_per_second": 18.0},
    ]
    assert threads_ratio(rows) == 1.8
    assert threads_ratio(rows[:2]) is None


def test_the_floor_is_rows_through_the_cache_and_then_updates(monkeypatch: pytest.MonkeyPatch) -> None:
    from neurodeploy.backends import fixed

    monkeypatch.setattr(machine, "bandwidth_bytes_per_s", lambda: 1e6)
    monkeypatch.setattr(machine, "seconds_per_update", lambda: 1e-3)
    work = work_of((6, 5, 3), n_samples=2, n_steps=7)
    trace = fixed.run(work.program, work.spikes_BTI)
    found = machine.floor(work.program, trace)
    rows = 5 * work.spikes_BTI.sum() / 2 + 3 * trace.counts["lif1"].sum() / 2
    assert (found["weight_bytes"], found["neuron_updates"]) == (pytest.approx(rows), 8 * (7 + 2))
    assert found["seconds_per_sample"] == pytest.approx(found["weight_bytes"] / 1e6 + 72e-3)
    assert "half the second-level cache" in found["how"]


def test_what_the_floor_measures_is_positive() -> None:
    pytest.importorskip("numba")
    assert machine.bandwidth_bytes_per_s() > 0
    assert machine.seconds_per_update() > 0
    assert np.isfinite(machine.seconds_per_update())
