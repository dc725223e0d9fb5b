"""Events become counts per step and channel: the paper's binning to the last count, and what it refuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurodeploy.data.binning import Binning, Counts, count_events
from neurodeploy.data.stream import from_counts
from neurodeploy.errors import DataError
from tests.needs import golden_file


def counted(times: Sequence[Any], units: Sequence[Any], binning: Binning, n_units: int = 700) -> Counts:
    samples = zip([np.asarray(one, float) for one in times], [np.asarray(one, int) for one in units], strict=True)
    return count_events("test", samples, binning, n_units)


@pytest.mark.data
@pytest.mark.parametrize(("n_steps", "max_time_s"), [(250, 1.0), (300, 1.2), (100, 1.0)])
def test_the_papers_binning_is_reproduced_exactly(n_steps: int, max_time_s: float) -> None:
    path = golden_file("silif", "event_binning.npz")
    with np.load(path, allow_pickle=False) as stored:
        frames = stored[f"frames_steps{n_steps}_max{max_time_s}"]
        samples = zip(stored["times"], stored["units"], strict=True)
        found = count_events("golden", samples, Binning(n_steps, max_time_s, 5), 700)
    assert frames.max() > 1  # counts, not spikes
    assert found.dropped == 0
    np.testing.assert_array_equal(found.dense(np.arange(3)), frames)


def test_events_from_the_maximum_on_are_dropped_and_told() -> None:
    found = counted([[0.0, 0.5, 0.999, 1.0, 3.0]], [[0, 0, 0, 0, 0]], Binning(5, 1.0, 5))
    assert found.dropped == 2
    assert found.dense(np.array([0]))[0, :, 0].tolist() == [0, 1, 0, 1, 1]


def test_step_zero_is_empty_and_steps_are_longer_than_the_plain_share() -> None:
    binning = Binning(250, 1.0, 5)
    assert binning.dt_s == 1.0 / 249
    assert binning.steps(np.array([0.0, 1.0 / 249, 0.9999])).tolist() == [1, 2, 249]


def test_repeated_events_and_neighbouring_units_are_counted() -> None:
    times, units = [[0.1] * 6], [[0, 0, 4, 5, 9, 10]]
    assert counted(times, units, Binning(3, 1.0, 5)).dense(np.array([0]))[0, 1, :3].tolist() == [3, 2, 1]
    binary = counted(times, units, Binning(3, 1.0, 5, counts=False))
    assert binary.dense(np.array([0]))[0, 1, :3].tolist() == [1, 1, 1]


@pytest.mark.parametrize(("n_events", "kind"), [(255, np.uint8), (256, np.uint16)])
def test_a_count_never_wraps(n_events: int, kind: type) -> None:
    found = counted([[0.1] * n_events], [[7] * n_events], Binning(3, 1.0, 5)).dense(np.array([0]))
    assert found.dtype == kind
    assert found[0, 1, 1] == n_events


def test_a_count_beyond_what_is_held_names_the_sample() -> None:
    with pytest.raises(DataError, match=r"^test: sample 1 has 65536 events in one step and channel, at most 65535"):
        counted([[], [0.1] * 65536], [[], [7] * 65536], Binning(3, 1.0, 5))


@given(
    st.lists(st.lists(st.tuples(st.floats(0, 2), st.integers(0, 19)), max_size=30), min_size=1, max_size=4),
    st.sampled_from(["paper", "floor"]),
)
def test_compact_counts_are_a_plain_histogram(samples: list[list[tuple[float, int]]], rule: str) -> None:
    binning = Binning(9, 1.5, 5, rule=rule)  # type: ignore[arg-type]
    times = [np.array(sorted(when for when, _ in one)) for one in samples]
    units = [np.array([which for _, which in one], int) for one in samples]
    found = count_events("test", zip(times, units, strict=True), binning, 20)
    expected = np.zeros((len(samples), 9, 4), int)
    late = 0
    for row, (when, which) in enumerate(zip(times, units, strict=True)):
        for step, unit in zip(binning.steps(when), which, strict=True):
            late += step >= 9
            if step < 9:
                expected[row, step, unit // 5] += 1
    np.testing.assert_array_equal(found.dense(np.arange(len(samples))), expected)
    assert found.dropped == late
    order = np.arange(len(samples))[::-1]
    np.testing.assert_array_equal(found.dense(order), expected[order])
    twice = from_counts("test", [found, found], np.zeros(2 * len(samples), int))
    order = np.concatenate([np.arange(len(twice))[::-1], [0]])
    np.testing.assert_array_equal(twice.at(order).spikes_BTI, np.concatenate([expected, expected])[order])


BAD = {
    "backwards": ([0.1, 0.3, 0.2], [1, 2, 3], r"sample 1 has times that go backwards \(event 2: 0.2 s after 0.3 s\)"),
    "late unit": ([0.1], [700], r"sample 1 has units 700\.\.700, 0\.\.699 are allowed"),
    "negative unit": ([0.1, 0.2], [-1, 3], r"sample 1 has units -1\.\.3, 0\.\.699 are allowed"),
    "negative time": ([-0.1, 0.2], [1, 3], r"sample 1 has times from -0.1 to 0.2, finite seconds from 0"),
    "no number": ([0.1, np.nan], [1, 3], r"sample 1 has times from nan to nan, finite"),
    "endless": ([0.1, np.inf], [1, 3], r"sample 1 has times from 0.1 to inf, finite"),
    "one unit short": ([0.1, 0.2], [1], "sample 1 has 2 times and 1 units"),
}


@pytest.mark.parametrize("case", BAD, ids=lambda name: name.replace(" ", "-"))
def test_bad_events_name_their_sample(case: str) -> None:
    times, units, says = BAD[case]
    with pytest.raises(DataError, match=f"^test: {says}"):
        counted([[0.2], times], [[0], units], Binning(250, 1.0, 5))


SETTINGS = {
    "one step": (Binning(1, 1.0), "data.n_steps: found 1, 2"),
    "no time": (Binning(5, 0.0), "data.max_time_s: found 0.0"),
    "endless time": (Binning(5, float("inf")), "data.max_time_s: found inf"),
    "uneven": (Binning(5, 1.0, 3), "data.spatial_bin: found 3, it must divide the 700 units"),
}


@pytest.mark.parametrize("case", SETTINGS, ids=lambda name: name.replace(" ", "-"))
def test_settings_that_give_no_whole_steps_are_told(case: str) -> None:
    binning, says = SETTINGS[case]
    with pytest.raises(DataError, match=f"^{says}"):
        counted([[0.1]], [[0]], binning)
