"""Events to frames: the golden ones exactly, and what makes no frames is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from neurodeploy.data.binning import Binning
from neurodeploy.data.events import Events
from neurodeploy.data.frames import EVENT, cuts, events_to_frames
from neurodeploy.errors import DataError
from tests.needs import golden_file


def golden() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    with np.load(golden_file("plif_events_to_frames.npz")) as stored:
        arrays = dict(stored)
    events = np.zeros(len(arrays["ev_t"]), EVENT)
    for name in "txyp":
        events[name] = arrays[f"ev_{name}"]
    return events, arrays


@pytest.mark.data
@pytest.mark.parametrize(
    ("by", "normalize"), [("number", None), ("time", None), ("number", "max"), ("number", "sum"), ("number", "norm")]
)
def test_frames_are_the_golden_ones(by: Any, normalize: str | None) -> None:
    events, arrays = golden()
    expected = arrays[f"frames_{by}" + (f"_{normalize}" if normalize else "")]
    found = events_to_frames(events, 7, by, shape=(16, 16), normalize=normalize)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.data
@pytest.mark.parametrize("rule", ["number", "time"])
def test_steps_of_a_binning_are_the_golden_frames(rule: Any) -> None:
    events, arrays = golden()
    units = np.ravel_multi_index((events["p"], events["y"].astype(int), events["x"].astype(int)), (2, 16, 16))
    step = Binning(7, 1.0, rule=rule).steps(events["t"] / 1e6)
    found = np.zeros((7, 2 * 16 * 16))
    np.add.at(found, (step, units), 1)
    np.testing.assert_array_equal(found.reshape(7, 2, 16, 16), arrays[f"frames_{rule}"])


@pytest.mark.parametrize("by", ["number", "time"])
def test_frequency_divides_by_the_time_from_frame_to_frame(by: Any) -> None:
    """SpikingJelly's own `number` fails at the last frame, which here lasts until the last event."""
    events = np.zeros(7, EVENT)
    events["t"] = [10, 11, 14, 15, 20, 26, 31]
    counts = events_to_frames(events, 3, by, shape=(1, 1))[:, 0, 0, 0]
    lasts = {"number": [4, 6, 11], "time": [7, 7, 7]}[by]
    assert counts.tolist() == {"number": [2, 2, 3], "time": [4, 1, 2]}[by]
    found = events_to_frames(events, 3, by, shape=(1, 1), normalize="frequency")
    np.testing.assert_array_equal(found[:, 0, 0, 0], counts / lasts)


def test_a_frame_in_which_nothing_happens_is_empty() -> None:
    assert cuts(np.array([0, 1, 90, 91]), 3, "time").tolist() == [0, 2, 2, 4]


@pytest.mark.parametrize(
    ("n_frames", "by", "told"),
    [
        (0, "number", "frames: found 0, at least 1 is needed"),
        (5, "number", r"has 4 event\(s\), fewer than 5 frames; take fewer frames, or leave it out"),
        (4, "time", "lasts 3 us, which makes frames of 0 us; cut it by number"),
        (2, "numbr", "by: found 'numbr'; did you mean 'number'?"),
    ],
)
def test_what_makes_no_frames_is_told(n_frames: int, by: Any, told: str) -> None:
    with pytest.raises(DataError, match=f"^{told}"):
        cuts(np.arange(4), n_frames, by)


def test_events_outside_the_sensor_are_told() -> None:
    events = np.zeros(4, EVENT)
    events["y"][2] = 3
    with pytest.raises(DataError, match="has events outside the sensor of 3 rows and 4 columns"):
        events_to_frames(events, 2, shape=(3, 4))
    with pytest.raises(DataError, match="normalize: found 'mex'; did you mean 'max'"):
        events_to_frames(events, 2, shape=(4, 4), normalize="mex")


def test_a_sample_with_fewer_events_than_steps_is_named() -> None:
    from neurodeploy.data.binning import counts_of

    events = Events(times_s=[[0.1, 0.2], [0.1]], units=[[0, 1], [0]])
    with pytest.raises(DataError, match=r"^events: sample 1: has 1 event\(s\), fewer than 2 frames"):
        counts_of(events, Binning(2, 1.0, rule="number"), 2)
