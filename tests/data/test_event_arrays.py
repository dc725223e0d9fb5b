"""Structured arrays of events are the spikes that they were made of, in whichever way the sensor is told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from neurodeploy.data.event_arrays import as_events, events_inside
from neurodeploy.errors import DataError
from tests.pipeline.own_data import EVENT

GENERATOR = np.random.default_rng(7)


def array(spikes_TPYX: np.ndarray) -> np.ndarray:
    """Return the events in an order of their own, as of cameras that sort by time only roughly."""
    steps, p, y, x = np.nonzero(spikes_TPYX)
    found = np.zeros(len(steps), EVENT)
    found["t"], found["p"], found["y"], found["x"] = 1000 * steps, p, y, x
    return GENERATOR.permutation(found)


@pytest.mark.parametrize(
    ("sensor", "input_shape"),
    [((2, 4, 4), (32,)), ((1, 5, 5), (25,)), ((2, 3, 5), (2, 3, 5)), ((2, 1, 9), (18,)), ((1, 1, 9), (9,))],
    ids=str,
)
def test_every_event_is_in_its_step_and_channel(sensor: Any, input_shape: Any) -> None:
    spikes = (GENERATOR.random((6, 8, *sensor)) < 0.4).astype(np.uint8)
    arrays = [array(one) for one in spikes]
    if sensor[1] == 1:
        arrays = [one[["t", "x", "p"]] for one in arrays]
    pairs = [(one, label) for label, one in enumerate(arrays)]
    for data, labels in ((arrays, None), (pairs, list(range(6)))):
        events, found = as_events(events_inside(data), input_shape)
        n_channels = int(np.prod(sensor))
        (held,) = events.binned(1e-3, n_channels).read([np.arange(6)])
        np.testing.assert_array_equal(held, spikes.reshape(6, 8, -1)[:, : held.shape[1]])
        assert (None if found is None else found.tolist()) == labels
    events, _ = as_events(events_inside(arrays[2]), input_shape)
    assert len(events.units) == 1


def test_what_is_no_event_of_the_sensor_is_one_line() -> None:
    one = array(np.ones((2, 2, 4, 4)))
    with pytest.raises(DataError, match=r"sample 0 has some outside the sensor of 2x3x4 \(polarities, rows, columns\)"):
        as_events([one], (2, 3, 4))
    with pytest.raises(DataError, match="do not say which of 30 channels they are in"):
        as_events([one], (30,))
    with pytest.raises(DataError, match=r"sample 1 is no array with fields t, x, p \(and y\)"):
        as_events([one, 3], (32,))
    for other in (np.zeros((3, 4)), [np.zeros(3)], "name", None, []):
        assert events_inside(other) is None
