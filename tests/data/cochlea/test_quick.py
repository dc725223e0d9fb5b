"""The quick cochlea moves as the equations say, and spikes as often as recorded runs and encodings do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neurodeploy.data.cochlea import basilar_membrane
from neurodeploy.data.cochlea import single_precision as quick
from neurodeploy.data.cochlea.basilar_membrane import Membrane, model_frequency, places, response_table
from neurodeploy.data.cochlea.encode import encode, ready
from neurodeploy.data.cochlea.prepare import prepare
from neurodeploy.data.cochlea.settings import CochleaSettings
from neurodeploy.data.cochlea.single_precision import Cochlea, Piece, Room, around, one_sided, pieces
from tests.data.cochlea.recorded import recorded
from tests.needs import data_folder

FEW = CochleaSettings(channels=66)
"""One group of channels, and two in another."""
APART = 24


@pytest.fixture(scope="module")
def few() -> Cochlea:
    return ready(FEW)


def noise(n_samples: int, seed: int = 0) -> np.ndarray:
    return prepare(np.random.default_rng(seed).normal(size=n_samples), 48_000, FEW)


def moved(cochlea: Cochlea, samples: np.ndarray, piece: Piece, first: int = 0, highest: float = 1.0) -> np.ndarray:
    """Return the velocities (step, channel) of a group of channels, at every step."""
    sound = one_sided(around(samples, piece), piece.n_steps)
    n_bins = int(highest * piece.n_steps) + 1
    return cochlea._velocity(first, 1, sound, n_bins, Room(piece.n_steps, APART)).T


@pytest.mark.parametrize("n_samples", [48_000, 30_042, 7_199])
def test_places_move_as_the_response_says(few: Cochlea, n_samples: int) -> None:
    samples = noise(n_samples)
    (piece,) = pieces(n_samples // 2, FEW.step_rate)
    found = moved(few, samples, piece)
    n_steps = piece.n_steps
    spectrum = np.fft.rfft(samples, 2 * n_steps)
    membrane = Membrane(model_frequency(np.arange(n_steps + 1) * FEW.step_rate / n_steps, FEW.rate))
    for channel in range(0, 64, 7):
        answer = membrane.response(places(66)[channel]) * spectrum
        answer[0] += answer[n_steps]
        expected = np.fft.ifft(answer[:n_steps]).real
        np.testing.assert_allclose(found[:, channel], expected, atol=2e-4 * np.abs(expected).max(), rtol=0)


def test_pieces_of_a_clip_move_as_the_whole(few: Cochlea, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = noise(2 * 60_000)
    whole = moved(few, samples, Piece(0, 60_000, 0, 60_000))
    monkeypatch.setattr(quick, "PIECE_S", 1.0)
    parts = pieces(60_001, FEW.step_rate)
    assert [(one.first, one.n) for one in parts] == [(0, 20_001), (20_001, 20_001), (40_002, 19_999)]
    for part in parts:
        found = moved(few, samples, part)[part.lead : part.lead + part.n]
        expected = whole[part.first : part.first + part.n]
        error = np.abs(found[: len(expected)] - expected)
        assert (error[:, 2:].max(axis=0) < 2e-3 * np.abs(whole[:, 2:]).max(axis=0)).all()


def test_a_clip_in_pieces_goes_on_where_it_was(few: Cochlea, monkeypatch: pytest.MonkeyPatch) -> None:
    silence = np.zeros(2 * 150_000)
    parts = few.spikes(silence, (1,))
    assert len(parts[0]) > 300
    monkeypatch.setattr(quick, "WHOLE_S", 100.0)
    np.testing.assert_array_equal(few.spikes(silence, (1,)), parts)


def test_silent_channels_have_their_spontaneous_rate_whatever_lanes_are_spare() -> None:
    for channels in (1, 65):
        _, units = ready(CochleaSettings(channels=channels)).spikes(np.zeros(96_000 * 20), (2,))
        counts = np.bincount(units, minlength=channels)
        assert len(counts) == channels
        assert abs(counts[-1] / 40 - 0.785) < 4 * np.sqrt(0.785 / 40)
        assert abs(counts.mean() / 40 - 0.785) < 4 * np.sqrt(0.785 / 40 / channels)


def test_what_lies_above_the_band_of_a_clip_matters_little(few: Cochlea) -> None:
    samples = prepare(np.random.default_rng(3).normal(size=8_000), 8_000, FEW)
    everything, band = (
        np.sum([np.bincount(few.spikes(samples, (seed,), hz)[1], minlength=66) for seed in range(4)], axis=0)
        for hz in (np.inf, 4_000.0)
    )
    assert everything.sum() > 3_000
    # Noise up to the very edge of the band: what a resampler leaves above is 1 % of it.
    assert abs(band.sum() / everything.sum() - 1) < 0.03
    assert (np.abs(band - everything) < 4 * np.sqrt(everything + band)).all()


@pytest.mark.parametrize("n_samples", [1, 2, 3, 17, 100])
def test_the_shortest_clips(few: Cochlea, n_samples: int) -> None:
    steps, units = few.spikes(np.ones(n_samples), (5,))
    assert len(steps) == len(units)
    assert (steps < n_samples // 2).all()


def test_a_rate_of_its_own_has_a_table_of_its_own() -> None:
    settings = CochleaSettings(rate=16_000, channels=66)
    found = response_table(settings)
    assert len(found.starts) == 67
    assert np.diff(found.starts).max() == 8_001
    steps, _ = Cochlea(settings, found).spikes(prepare(noise(16_000), 16_000, settings), (6,))
    assert (steps >= 0).all()
    assert (steps < 8_000).all()
    assert len(steps) > 1_000


def test_a_damaged_table_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEURODEPLOY_CACHE", str(tmp_path))
    settings = CochleaSettings(channels=2)
    told: list[int] = []
    first = response_table(settings, lambda stage, done, total, detail="": told.append(done))
    assert told[-1] == 2
    (path,) = tmp_path.rglob("cochlea-*.npz")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    np.testing.assert_array_equal(response_table(settings).values, first.values)
    told.clear()
    monkeypatch.setattr(basilar_membrane, "_made", None)  # whoever makes it once more fails
    np.testing.assert_array_equal(response_table(settings).values, first.values)


@pytest.mark.data
@pytest.mark.parametrize("name", ["tone1k_48k_700ch", "sc_happy_48k_win30", "fsdd_7_48k_win30", "sc_three_16k_default"])
def test_recorded_clips_have_as_many_spikes(name: str) -> None:
    run = recorded(name)
    cochlea = ready(run.settings)
    units = [encode(cochlea, run.samples, run.rate, (7, seed))[1] for seed in range(40)]
    expected = run.arrays["spike_unit"]
    # One draw wanders by 3 % of the count, the mean of 40 by less; the recorded one is one draw.
    assert abs(np.mean([len(one) for one in units]) / len(expected) - 1) < 0.1
    groups = 7
    per_group = run.settings.channels // groups
    found = np.mean([np.bincount(one // per_group, minlength=groups) for one in units], axis=0)
    recorded_counts = np.bincount(expected // per_group, minlength=groups)
    assert (np.abs(found - recorded_counts) < 4 * np.sqrt(found) + 1).all()


@pytest.mark.data
def test_speech_has_the_profile_of_the_reference_encoding() -> None:
    sound, spikes = data_folder("speech_commands_subset"), data_folder("speech_commands_spikes")
    with np.load(sound / "speech_commands_subset.npz", allow_pickle=False) as stored:
        low, high = stored["pcm_delta_lo"].astype(np.uint16), stored["pcm_delta_hi"].astype(np.uint16)
        pcm = np.cumsum((low | high << 8).view(np.int16), dtype=np.int16)
        clips = stored["offsets"]
    with np.load(spikes / "speech_commands_spikes.npz", allow_pickle=False) as stored:
        unit, offsets = stored["unit"], stored["offsets"]
    cochlea = ready()
    found, expected, ratios = np.zeros(14), np.zeros(14), []
    for index in range(0, 1150, 90):
        clip = pcm[clips[index] : clips[index + 1]] / 32768
        times_s, units = encode(cochlea, clip, 16_000, (8, index))
        reference = unit[offsets[index] : offsets[index + 1]]
        assert times_s.max() < len(clip) / 16_000
        found += np.bincount(units // 50, minlength=14)
        expected += np.bincount(reference // 50, minlength=14)
        ratios.append(len(units) / len(reference))
    assert abs(found.sum() / expected.sum() - 1) < 0.01
    assert np.abs(np.array(ratios) - 1).max() < 0.08
    assert (np.abs(found - expected) < 4.5 * np.sqrt(2 * expected)).all()
