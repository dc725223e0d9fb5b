"""What each stage of the cochlea does at its edges, where no recording is needed to know it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from neurodeploy.data.cochlea import kernels
from neurodeploy.data.cochlea.basilar_membrane import Membrane, model_frequency, places
from neurodeploy.data.cochlea.prepare import prepare
from neurodeploy.data.cochlea.settings import CochleaSettings
from neurodeploy.errors import DataError
from tests.data.cochlea import equations

DT_S = 1 / 24_000
PLAIN = CochleaSettings(ramp_s=0.0)


@pytest.mark.parametrize("scale", [1e-300, 1e-9, 1.0, 32768.0, 1e300])
def test_every_scale_comes_to_the_same_level(scale: float) -> None:
    found = prepare(scale * np.sin(np.arange(480.0)), 48_000, PLAIN)
    assert math.isclose(math.sqrt(np.mean(found**2)), 0.3)


def test_silence_stays_silence() -> None:
    np.testing.assert_array_equal(prepare(np.zeros(999, np.int16), 8_000, PLAIN), np.zeros(999 * 6))


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000, 47_999])
def test_a_tone_keeps_its_pitch_and_length_at_any_rate(rate: int) -> None:
    samples = np.sin(2 * np.pi * 1000 * np.arange(rate // 5) / rate)
    found = prepare(samples, rate, PLAIN)
    assert abs(len(found) - 9600) <= 2
    assert np.abs(np.fft.rfft(found, 48_000)).argmax() == pytest.approx(1000, abs=3)


@pytest.mark.parametrize("ramp_s", [0.03, 1.0, math.inf])
@pytest.mark.parametrize("n_samples", [1, 2, 3, 2000, 2001])
def test_ramps_longer_than_half_a_clip_are_half_a_clip(ramp_s: float, n_samples: int) -> None:
    found = prepare(np.ones(n_samples), 48_000, CochleaSettings(ramp_s=ramp_s))
    assert len(found) == n_samples
    assert found[0] == (0 if n_samples > 1 else 0.3)
    np.testing.assert_array_equal(found, found[::-1])
    assert (np.diff(found[: n_samples // 2]) > 0).all()


BAD_AUDIO: dict[str, tuple[np.ndarray, Any, str]] = {
    "no samples": (np.zeros(0), 48_000, "holds no samples"),
    "two axes": (np.zeros((9, 2)), 48_000, r"is float64 of shape \(9, 2\), a list of real numbers .*mix channels down"),
    "complex": (np.zeros(9, complex), 48_000, "is complex128"),
    "words": (np.array(["a"]), 48_000, "is <U1"),
    "no number": (np.array([0, np.nan, np.inf]), 1_000, r"sample 1 \(at 0.001 s\) is nan, 2 in all are no finite"),
    "a slow rate": (np.zeros(9), 3, "has 3 samples a second, a whole number from 1000 to 768000"),
    "half a sample": (np.zeros(9), 8000.5, "has 8000.5 samples a second"),
}


@pytest.mark.parametrize("case", BAD_AUDIO, ids=lambda name: name.replace(" ", "-"))
def test_bad_audio_is_refused(case: str) -> None:
    samples, rate, says = BAD_AUDIO[case]
    with pytest.raises(DataError, match=f"audio: {says}"):
        prepare(samples, rate, PLAIN)


BAD_SETTINGS = [
    ({"rate": 8_000}, "rate: found 8000, an even number of samples a second from 16000"),
    ({"rate": 48_001}, "rate: found 48001, an even number"),
    ({"rms": 0.0}, "rms: found 0, above 0"),
    ({"rms": math.nan}, "rms: found nan"),
    ({"ramp_s": -1.0}, "ramp: found -1 s, 0 or more"),
    ({"ramp_s": math.nan}, "ramp: found nan s"),
    ({"channels": 0}, "channels: found 0, 1 to"),
]


@pytest.mark.parametrize(("changed", "says"), BAD_SETTINGS)
def test_settings_out_of_range_are_refused(changed: dict[str, float], says: str) -> None:
    with pytest.raises(DataError, match=says):
        CochleaSettings(**changed)  # type: ignore[arg-type]


def test_each_place_answers_its_own_frequency_most() -> None:
    frequency_hz = np.arange(50.0, 24_000, 2)
    membrane = Membrane(model_frequency(frequency_hz, 48_000))
    best = {unit: frequency_hz[np.abs(membrane.response(places(700)[unit])).argmax()] for unit in (100, 300, 500, 650)}
    assert best == pytest.approx({100: 9545, 300: 2116, 500: 473, 650: 150}, abs=2)


def test_a_hair_cell_at_rest_stays_there() -> None:
    found = equations.spike_probability(np.zeros((2000, 1)), DT_S)
    np.testing.assert_allclose(found, kernels.FIRING * DT_S * kernels.rest().cleft, rtol=1e-11)


def test_a_hair_cell_that_is_driven_on_tires() -> None:
    found = equations.spike_probability(np.full((2400, 1), 300.0), DT_S)[:, 0]
    calm = kernels.FIRING * DT_S * kernels.rest().cleft
    assert found.max() > 10 * calm
    assert calm < found[-1] < 0.1 * found.max()


def test_fibres_keep_a_millisecond_between_spikes() -> None:
    counts = equations.fibre_spikes(np.ones((100, 2)), DT_S, np.random.RandomState(0))
    assert set(np.flatnonzero(counts[:, 0])) == {0, 24, 48, 72, 96}
    assert (counts[::24] == kernels.FIBRES).all()


def test_a_bushy_cell_spikes_at_the_step_that_reached_the_threshold_and_then_waits() -> None:
    counts = np.zeros((80, 3), np.int64)
    counts[10, 0] = 40  # 40 spikes at once lift it by half of the threshold
    counts[:, 1] = 40
    counts[79, 2] = 400  # reached in the very last step: lost
    steps, units = equations.bushy_cell_spikes(counts, DT_S)
    assert set(units) == {0, 1}
    assert steps[units == 0][0] == 11
    np.testing.assert_array_equal(np.diff(steps[units == 1]), 25)
    assert (np.diff(steps) >= 0).all()


@pytest.mark.parametrize(("rate", "steps"), [(48_000, 24), (44_100, 23), (16_000, 8)])
def test_a_refractory_period_that_is_no_whole_number_of_steps_is_kept_in_full(rate: int, steps: int) -> None:
    assert kernels.refractory_steps(CochleaSettings(rate=rate).dt_s) == steps
