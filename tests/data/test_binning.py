"""Timed events fall into the right step, at the edges first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurodeploy.data.events import Binned, extent, steps_of
from neurodeploy.errors import DataError


def bin_events(times: list, units: list, dt_s: float, n_channels: int | None) -> Binned:
    n_steps, channels = extent("test", zip(times, units, strict=True), dt_s, n_channels)
    return Binned([steps_of(one, dt_s) for one in times], units, n_steps, channels)


def spikes_of(*arguments: Any) -> np.ndarray:
    """Return all samples' spikes (B, T, I)."""
    events = bin_events(*arguments)
    (spikes,) = events.read([np.arange(len(events))])
    return spikes


def step_of(time_s: Any, dt_s: float) -> int:
    """Return the step that an event falls into."""
    spikes = spikes_of([np.array([time_s])], [np.array([0])], dt_s, 1)
    assert spikes.sum() == 1
    return int(spikes[0].argmax())


@given(step=st.integers(0, 14_000), dt_s=st.sampled_from([1e-4, 1e-3, 5e-3, 0.1, 7e-3]), kind=st.sampled_from("fd"))
def test_an_event_at_the_start_of_a_step_falls_into_it(step: int, dt_s: float, kind: str) -> None:
    assert step_of(np.dtype(kind).type(step * dt_s), dt_s) == step


@given(step=st.integers(0, 14_000), part=st.floats(0.02, 0.98), dt_s=st.sampled_from([1e-4, 1e-3, 5e-3]))
def test_an_event_within_a_step_falls_into_it(step: int, part: float, dt_s: float) -> None:
    assert step_of((step + part) * dt_s, dt_s) == step


def test_coarse_times_are_not_moved_by_half_a_step() -> None:
    times = (np.arange(20_000) / 20_000).astype(np.float16)  # one half precision step is up to half a millisecond
    steps = np.array([step_of(one, 1e-3) for one in times[::50]])
    plain = np.floor(times[::50].astype(np.float64) / 1e-3)
    assert ((steps - plain) >= 0).all()
    assert (steps - plain).mean() < 0.1


def test_events_of_a_step_and_channel_are_one_spike() -> None:
    spikes = spikes_of([np.array([0.001, 0.0011, 0.004])], [np.array([1, 1, 0])], 1e-3, None)
    assert spikes.shape == (1, 5, 2)
    assert spikes.sum() == 2


def test_silent_samples_are_kept() -> None:
    spikes = spikes_of([np.array([]), np.array([0.002])], [np.array([], int), np.array([2])], 1e-3, 4)
    assert spikes.shape == (2, 3, 4)
    assert not spikes[0].any()


@pytest.mark.parametrize("unit", [-1, 4])
def test_a_unit_that_the_network_lacks_names_the_sample(unit: int) -> None:
    with pytest.raises(DataError, match=rf"^test: sample 1 has units {unit}\.\.{unit}, 0\.\.3 are allowed$"):
        bin_events([np.zeros(1), np.zeros(1)], [np.array([0]), np.array([unit])], 1e-3, 4)
