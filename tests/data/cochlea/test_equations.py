"""The equations reproduce recorded runs of the program that made SHD and SSC, stage by stage and spike for spike."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from neurodeploy.data.cochlea.prepare import prepare
from tests.data.cochlea import equations
from tests.data.cochlea.recorded import RECORDED, Recorded, recorded

pytestmark = pytest.mark.data

FLOAT32 = 6e-8
"""Some stages are recorded in single precision, whose rounding is half of 2^-23."""


class Stages(NamedTuple):
    run: Recorded
    audio: np.ndarray
    velocity_TC: np.ndarray
    probability_TC: np.ndarray


@pytest.fixture(scope="module", params=RECORDED)
def stages(request: pytest.FixtureRequest) -> Stages:
    run = recorded(request.param)
    audio = prepare(run.samples, run.rate, run.settings)
    velocity_TC = equations.velocity(audio, run.settings.rate, run.settings.channels)
    return Stages(run, audio, velocity_TC, equations.spike_probability(velocity_TC, run.settings.dt_s))


def test_the_prepared_audio_is_the_recorded_one(stages: Stages) -> None:
    np.testing.assert_allclose(stages.audio[::8], stages.run.arrays["prepared_audio"], rtol=0, atol=1e-15)


def test_the_membrane_moves_as_recorded(stages: Stages) -> None:
    arrays, found = stages.run.arrays, stages.velocity_TC
    assert len(found) == arrays["num_samples"]
    np.testing.assert_allclose(np.abs(found).mean(0), arrays["bm_abs_mean"], rtol=1e-11)
    some, largest = arrays["bm_velocity"], np.abs(arrays["bm_velocity"]).max()
    np.testing.assert_allclose(found[::8, arrays["channels"]].T, some, rtol=0, atol=FLOAT32 * largest)


def test_the_hair_cells_answer_as_recorded(stages: Stages) -> None:
    arrays, found = stages.run.arrays, stages.probability_TC
    np.testing.assert_allclose(found.mean(0), arrays["hc_mean"], rtol=1e-12)
    np.testing.assert_allclose(found[-1], arrays["hc_last"], rtol=1e-12)
    some = arrays["hair_cell_probability"]
    np.testing.assert_allclose(found[::8, arrays["channels"]].T, some, rtol=0, atol=FLOAT32 * some.max())


def test_the_same_random_numbers_give_the_same_spikes(stages: Stages) -> None:
    arrays, dt_s = stages.run.arrays, stages.run.settings.dt_s
    random = np.random.RandomState(int(arrays["numpy_seed"]))
    steps, units = equations.bushy_cell_spikes(equations.fibre_spikes(stages.probability_TC, dt_s, random), dt_s)
    assert len(steps) > 200
    np.testing.assert_array_equal(steps, arrays["spike_step"])
    np.testing.assert_array_equal(units, arrays["spike_unit"])
