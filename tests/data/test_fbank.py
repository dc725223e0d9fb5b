"""Filterbank features equal the reference's, and the folder of Speech Commands v2 becomes its official parts."""

from __future__ import annotations

import math
import os
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from neurodeploy.data import features
from neurodeploy.data.filterbank import log_mel
from neurodeploy.data.gsc import WORDS, read_wave
from neurodeploy.data.load import DataSettings, notes_of, open_part, open_parts, step_s
from neurodeploy.errors import DataError
from neurodeploy.networks.families.table import build_network
from neurodeploy.recipes import load_recipe
from neurodeploy.training.batches import loader
from tests.needs import golden_file

SETTINGS = DataSettings(dataset="gsc")


@pytest.fixture
def golden() -> Any:
    path = golden_file("silif", "gsc_fbank.npz")
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


@pytest.mark.data
@pytest.mark.parametrize(("name", "n_samples"), [("silif_fbank40", 16_000), ("silif_fbank40_first11000", 11_000)])
def test_forty_bins_are_the_references(golden: Any, name: str, n_samples: int) -> None:
    found = log_mel(golden["waveform_int16"][:n_samples] / 32768.0)
    assert found.dtype == np.float32
    # The reference computes in single precision, whose logarithms of small energies differ by this much.
    np.testing.assert_allclose(found, golden[name], rtol=0, atol=1e-4)


@pytest.mark.data
def test_a_hundred_and_twenty_eight_bins_are_the_references(golden: Any) -> None:
    found = log_mel(golden["waveform_int16"] / 32768.0, 128, "hann")
    np.testing.assert_allclose(found, golden["lmuformer_fbank128"], rtol=0, atol=3e-4)


def test_silence_has_the_floors_logarithm() -> None:
    np.testing.assert_array_equal(log_mel(np.full(560, 0.3)), np.full((2, 40), np.log(np.float32(2**-23)), np.float32))


@pytest.mark.parametrize(
    ("samples", "says"),
    [
        (np.zeros(399), r"shape \(399,\), at least 400 samples"),
        (np.zeros((2, 500)), r"shape \(2, 500\)"),
        (np.full(500, np.nan), "not finite"),
    ],
)
def test_what_has_no_features_is_told(samples: np.ndarray, says: str) -> None:
    with pytest.raises(DataError, match=says):
        log_mel(samples)


def write_wave(path: Path, samples: np.ndarray, rate: int = 16_000, channels: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as stored:
        stored.setparams((channels, 2, rate, 0, "NONE", ""))
        stored.writeframes(samples.astype("<i2").tobytes())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four clips of every word, of two lengths; the third is for validation, the fourth for the test."""
    monkeypatch.setenv("NEURODEPLOY_DATA", str(tmp_path))
    monkeypatch.setenv("NEURODEPLOY_CACHE", str(tmp_path / "cache"))
    generator = np.random.default_rng(0)
    names = [f"{word}/{speaker}_nohash_0.wav" for word in WORDS for speaker in "abcd"]
    for index, name in enumerate(names):
        write_wave(tmp_path / "gsc" / name, generator.normal(0, 3000, 1000 if index % 3 else 2000))
    write_wave(tmp_path / "gsc" / "_background_noise_" / "hum.wav", np.zeros(16_000))
    (tmp_path / "gsc" / "validation_list.txt").write_text("\n".join(names[2::4]) + "\n")
    (tmp_path / "gsc" / "testing_list.txt").write_text("\n".join(names[3::4]))
    return tmp_path / "gsc"


def test_recordings_come_in_the_parts_of_the_lists(folder: Path) -> None:
    found = open_parts(SETTINGS)
    assert (len(found["train"]), len(found["validation"]), len(found["test"])) == (70, 35, 35)
    test, whole = found["test"], found["test"].whole()
    assert (test.kind, step_s(SETTINGS), test.n_steps, test.shape) == ("real", 0.01, 98, (40,))
    assert test.labels_B.tolist() == list(range(35))
    assert test.class_names[27:30] == ("three", "tree", "two")
    assert any("padded with zeros" in note for note in notes_of(SETTINGS))
    wanted = log_mel(read_wave(folder / "bird" / "d_nohash_0.wav"))
    np.testing.assert_array_equal(whole.spikes_BTI[2, : len(wanted)], wanted)
    assert not whole.spikes_BTI[2, len(wanted) :].any()
    assert test.lengths_B is not None
    assert test.lengths_B[2] == len(wanted)
    assert set(found["train"].lengths_B.tolist()) == {4, 11}  # type: ignore[union-attr]
    assert next(iter(loader(found["train"], 70)))[0].shape == (70, 11, 40)


def test_fewer_steps_cut_the_features(folder: Path) -> None:
    found = open_part(DataSettings(dataset="gsc", n_steps=6), "test").whole()
    assert found.spikes_BTI.shape == (35, 6, 40)
    assert found.lengths_B is not None
    assert found.lengths_B.max() == 6


def test_features_are_kept_until_a_recording_changes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = open_part(SETTINGS, "test").whole().spikes_BTI
    monkeypatch.setattr(features, "log_mel", None)
    np.testing.assert_array_equal(open_part(SETTINGS, "test").whole().spikes_BTI, first)
    os.utime(folder / "bird" / "d_nohash_0.wav", (1, 1))
    with pytest.raises(TypeError):
        open_part(SETTINGS, "test").whole()


def damage(folder: Path, what: str) -> str:
    """Damage the dataset, and return what is to be said of it."""
    clip = folder / "cat" / "d_nohash_0.wav"
    if what == "cut short":
        clip.write_bytes(clip.read_bytes()[:-100])
        return r"cat/d_nohash_0.wav: says that it holds \d+ bytes of samples, \d+ are there; copy it again"
    if what == "text inside":
        clip.write_text("no sound")
        return "cat/d_nohash_0.wav: is no WAV"
    if what == "empty":
        clip.write_bytes(b"")
        return "cat/d_nohash_0.wav: is empty"
    if what == "stereo":
        write_wave(clip, np.zeros(2000), channels=2)
        return "cat/d_nohash_0.wav: has 16000 Hz, 16 bits and 2 channels"
    if what == "other rate":
        write_wave(clip, np.zeros(2000), rate=44_100)
        return "cat/d_nohash_0.wav: has 44100 Hz"
    if what == "too short":
        write_wave(clip, np.zeros(399))
        return "cat/d_nohash_0.wav: holds 399 samples, at least 400"
    if what == "no word":
        (folder / "cat").rename(folder / "kitten")
        return r"gsc: lacks the folders cat of Speech Commands version 2 \(35 words"
    if what == "no test list":
        (folder / "testing_list.txt").unlink()
        return "testing_list.txt: cannot be read"
    if what == "binary list":
        (folder / "testing_list.txt").write_bytes(b"\xff\xfe\x00")
        return "testing_list.txt: is no list of recordings"
    if what == "a clip in both":
        (folder / "testing_list.txt").write_text("cat/c_nohash_0.wav")
        return r"gsc: cat/c_nohash_0.wav is in both lists \(1 such\)"
    (folder / "testing_list.txt").write_text("")
    return "gsc: holds no recording of the test part"


@pytest.mark.parametrize(
    "what",
    [
        *("cut short", "text inside", "empty", "stereo", "other rate", "too short", "no word", "no test list"),
        *("binary list", "a clip in both", "empty list"),
    ],
    ids=lambda name: name.replace(" ", "-"),
)
def test_a_damaged_dataset_is_told(folder: Path, what: str) -> None:
    says = damage(folder, what)
    with pytest.raises(DataError, match=says) as error:
        open_part(SETTINGS, "test")
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(str(folder))


LMUFORMER = DataSettings(dataset="gsc_mel")


def test_the_lmuformers_features_are_padded_and_have_its_class_numbers(folder: Path) -> None:
    found = open_part(LMUFORMER, "test")
    assert (found.n_steps, found.shape, found.lengths_B) == (128, (128,), None)
    by_label = sorted(zip(found.labels_B.tolist(), sorted(WORDS), strict=True))
    assert [word for _, word in by_label][:7] == ["backward", "follow", "five", "bed", "zero", "on", "learn"]
    assert (found.class_names[8], found.class_names[28], found.class_names[34]) == ("house", "yes", "one")
    batch, _ = next(iter(loader(found, 2)))
    wanted = log_mel(read_wave(folder / "backward" / "d_nohash_0.wav"), 128, "hann")
    assert batch.shape == (2, 128, 128)
    np.testing.assert_array_equal(batch[0, : len(wanted)], wanted)
    assert not batch[0, len(wanted) :].any()
    assert any("shorter than 128 frames are padded with zeros" in note for note in notes_of(LMUFORMER))


@pytest.mark.data
def test_what_the_recipes_network_takes_is_the_references_input(golden: Any, folder: Path) -> None:
    """Padded before it is normalised, so that padding is 0.615."""
    write_wave(folder / "bird" / "d_nohash_0.wav", golden["waveform_int16"])
    recipe = load_recipe("gsc_lmuformer")
    found = open_part(recipe.data, "test")
    bird = found.take(np.flatnonzero(found.labels_B == found.class_names.index("bird"))).whole()
    torch.manual_seed(0)
    network = build_network(recipe.network, found.shape, 35, 0.01)
    made = network.normalised(torch.from_numpy(bird.spikes_BTI))[0]
    np.testing.assert_allclose(made, golden["lmuformer_model_input"], rtol=0, atol=3e-5)


def test_recordings_sound_together(folder: Path) -> None:
    """Mixed as sound and not as features, cut or padded to the first; the same after samples are chosen."""
    found = open_part(LMUFORMER, "train").take([5, 0, 1])
    assert found.mixed is not None
    names = [f"{WORDS[0]}/a_nohash_0.wav", f"{WORDS[0]}/b_nohash_0.wav", f"{WORDS[2]}/b_nohash_0.wav"]
    first, second, other = (read_wave(folder / one) for one in names)
    assert (len(first), len(second), len(other)) == (2000, 1000, 2000)
    made = found.mixed(np.array([1, 2]), np.array([2, 0]), np.array([0.25, 0.9]))
    longer = np.concatenate([second, np.zeros(1000)])
    for one, sound in zip(made, (0.25 * first + 0.75 * longer, 0.9 * second + 0.1 * other[:1000]), strict=True):
        wanted = log_mel(sound, 128, "hann")
        np.testing.assert_array_equal(one[: len(wanted)], wanted)
        assert not one[len(wanted) :].any()


@pytest.mark.parametrize("rate", [8000, 16_000])
def test_a_tone_is_heard_in_its_bin_at_any_rate(rate: int) -> None:
    found = log_mel(np.sin(2 * np.pi * 1000 * np.arange(rate) / rate), 64, "hann", rate)
    assert found.shape == (98, 64)

    def mel(frequency_hz: float) -> float:
        return 2595 * math.log10(1 + frequency_hz / 700)

    centres = mel(20) + (mel(rate / 2) - mel(20)) / 65 * np.arange(1, 65)
    assert (found.argmax(1) == np.abs(centres - mel(1000)).argmin()).all()
