"""`data encode`: WAV files of every kind become spikes, and what cannot become any is refused in one line."""

from __future__ import annotations

import importlib
import json
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import neurodeploy
from neurodeploy.data.files import open_file
from tests.cli.support import Shell
from tests.data.sound import stored, tone, wav, write_wav
from tests.interrupted import interrupted

FEW = ("--overwrite", "--channels", "8")
ENVIRONMENT = dict(os.environ)
"""As it is outside of `shell`: with compiled code of earlier processes."""


@pytest.fixture(autouse=True)
def _kept(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiled code comes from earlier processes, and tables are made once for all tests here."""
    importlib.import_module("neurodeploy.data.cochlea.single_precision")
    monkeypatch.setenv("NEURODEPLOY_CACHE", str(tmp_path_factory.getbasetemp() / "cochlea"))


@pytest.fixture
def speech(shell: Shell) -> Path:
    """Five clips of two words in the shell's folder, of different rates, widths and channels."""
    folder = shell.folder / "speech"
    write_wav(folder / "yes" / "a_nohash_0.wav", tone(3000))
    write_wav(folder / "yes" / "b_nohash_0.wav", tone(5000, 44_100, channels=2), 44_100, "i24")
    write_wav(folder / "no" / "a_nohash_0.wav", tone(1500, 8_000, hz=300), 8_000, "u8")
    write_wav(folder / "no" / "b_nohash_1.WAV", tone(9600, 48_000), 48_000, "f32")
    write_wav(folder / "no" / "c.wav", tone(700), 16_000, "i32")
    return folder


def spikes(path: Path) -> list[tuple[list[float], list[int]]]:
    with h5py.File(path) as file:
        return [(list(t), list(u)) for t, u in zip(file["spikes/times"], file["spikes/units"], strict=True)]


def test_a_folder_of_words_becomes_a_file_in_shd_layout(shell: Shell, speech: Path) -> None:
    found = shell.works("data", "encode", "speech", "--out", "s.h5", *FEW)
    assert (found["clips"], found["words"], found["path"]) == (5, ["no", "yes"], "s.h5")
    assert found["audio_s"] == pytest.approx(3000 / 16e3 + 5000 / 44.1e3 + 1500 / 8e3 + 0.2 + 700 / 16e3)
    assert found["times_real_time"] > 0
    with h5py.File("s.h5") as file:
        assert file["spikes/times"][0].dtype == np.float16
        np.testing.assert_array_equal(file["labels"][()], [0, 0, 0, 1, 1])
        assert [word.decode() for word in file["extra/keys"]] == ["no", "yes"]
        assert [name.decode() for name in file["extra/clip"]][3:] == ["yes/a_nohash_0.wav", "yes/b_nohash_0.wav"]
        names = [name.decode() for name in file["extra/speaker_names"]]
        assert [names[number] for number in file["extra/speaker"]] == ["a", "b", "", "a", "b"]
        settings = {"rate": 48_000, "step_rate": 24_000, "rms": 0.3, "ramp_s": 0.03, "channels": 8, "seed": 0}
        assert {name: value for name, value in file.attrs.items() if name != "encoder"} == settings
        assert sum(map(len, file["spikes/times"])) == found["spikes"]
    samples = open_file(Path("s.h5"), dt_s=0.01, n_channels=8)
    assert samples.whole().spikes_BTI.sum() > 20
    assert (samples.labels_B == [0, 0, 0, 1, 1]).all()


def test_the_same_files_give_the_same_bytes_and_the_same_clip_its_spikes(shell: Shell, speech: Path) -> None:
    for name, more in {"a.h5": ("--workers", 1), "b.h5": ("--workers", 3), "c.h5": ("--seed", 1)}.items():
        shell.works("data", "encode", "speech", "--out", name, *FEW, *more)
    assert Path("a.h5").read_bytes() == Path("b.h5").read_bytes()
    assert spikes(Path("a.h5")) != spikes(Path("c.h5"))
    (speech / "no" / "a_nohash_0.wav").unlink()
    shell.works("data", "encode", "speech", "--out", "d.h5", *FEW)
    assert spikes(Path("d.h5")) == spikes(Path("a.h5"))[1:]
    (speech / "other").mkdir()
    result = neurodeploy.encode_audio(
        speech, out="e.h5", settings=neurodeploy.CochleaSettings(channels=8), times="float64"
    )
    assert result["clips"] == 4
    assert [[np.float16(t) for t in times] for times, _ in spikes(Path("e.h5"))] == [t for t, _ in spikes(Path("d.h5"))]


def test_stereo_and_level_are_taken_out(shell: Shell) -> None:
    mono = tone(4000)
    one = write_wav(shell.folder / "a" / "x.wav", mono, kind="f64")
    two = write_wav(shell.folder / "b" / "x.wav", 0.1 * np.concatenate([1.5 * mono, 0.5 * mono], axis=1), kind="f64")
    for path in (one, two):
        shell.works("data", "encode", path, "--out", path.parent / "x.h5", *FEW)
    assert spikes(shell.folder / "a" / "x.h5") == spikes(shell.folder / "b" / "x.h5")


def test_flat_folders_and_single_files(shell: Shell, speech: Path) -> None:
    flat = shell.works("data", "encode", "speech/yes", "--out", "s.h5", *FEW)
    assert (flat["words"], flat["clips"]) == (["yes"], 2)
    single = shell.works("data", "encode", "speech/no/c.wav", "speech/yes/a_nohash_0.wav", "--out", "s.h5", *FEW)
    assert single["words"] == ["no", "yes"]
    Path("labels.csv").write_text("clip,word\na_nohash_0.wav,1\nb_nohash_0.wav,10\nc.wav,9\n")
    labelled = shell.works(
        *("data", "encode", "speech/yes", "speech/no/c.wav", "--labels", "labels.csv", "--out", "s.h5", *FEW)
    )
    assert labelled["words"] == ["1", "9", "10"]
    with h5py.File("s.h5") as file:
        np.testing.assert_array_equal(file["labels"][()], [0, 2, 1])
    ordered = shell.works("data", "encode", "speech", "--words", "yes, maybe,no", "--out", "s.h5", *FEW)
    assert ordered["words"] == ["yes", "maybe", "no"]


def test_silence_clipping_and_length_are_told(shell: Shell) -> None:
    folder = shell.folder / "w"
    write_wav(folder / "quiet.wav", np.zeros(1600))
    write_wav(folder / "loud.wav", np.clip(20 * tone(1600), -1, 1))
    write_wav(folder / "long.wav", tone(5 * 8_000, 8_000), 8_000)
    write_wav(folder / "short.wav", tone(3))
    write_wav(folder / "_noise_" / "hum.wav", tone(100))
    found = shell.works("data", "encode", "w", "--out", "w.h5", *FEW, "--ramp", "inf")
    assert (found["silent"], found["clipped"]) == (["quiet.wav"], ["loud.wav"])
    notes = " | ".join(found["notes"])
    for says in (
        "left out w/_noise_",
        "quiet.wav is without any sound: spontaneous spikes only",
        "loud.wav is clipped when recorded",
        "longest clip lasts 5.0 s, where float16 times are 0.00391 s apart; see --times",
    ):
        assert says in notes
    assert found["settings"]["ramp_s"] == "half the clip"
    assert max(spikes(Path("w.h5"))[0][0]) > 4.5
    said = shell("data", "encode", "w/quiet.wav", "--out", "w.h5", *FEW)
    assert "note: quiet.wav is without any sound" in said.out
    assert "spikes per clip" in said.out


BAD_FILES: dict[str, tuple[bytes, str]] = {
    "text": (b"some words", "bad.wav: is no WAV, it starts with b'some words'"),
    "empty": (b"", r"bad.wav: is empty \(0 bytes\)"),
    "no samples": (wav(np.zeros((0, 1))), "bad.wav: holds no samples"),
    "cut off": (wav(tone(1000))[:999], "bad.wav: says that it holds 2000 bytes of samples, 955 are there"),
    "mu-law": (wav(tone(10), kind="u8", coding=7), "bad.wav: holds mu-law of 8 bits"),
}


@pytest.mark.parametrize("case", BAD_FILES, ids=lambda name: name.replace(" ", "-"))
def test_one_bad_file_stops_before_any_work(shell: Shell, speech: Path, case: str) -> None:
    content, says = BAD_FILES[case]
    (speech / "yes" / "bad.wav").write_bytes(content)
    Path("s.h5").write_text("mine")
    line = shell.refuses("data", "encode", "speech", "--out", "s.h5", *FEW, says=says)
    assert "more cannot be used" not in line
    (speech / "yes" / "worse.wav").write_bytes(b"")
    shell.refuses("data", "encode", "speech", "--out", "s.h5", *FEW, says=r"\(1 more cannot be used, the next: .*worse")


def test_a_sample_that_is_no_number_leaves_nothing(shell: Shell, speech: Path) -> None:
    content = wav(tone(1000), kind="f32")
    (speech / "yes" / "bad.wav").write_bytes(content[:-400] + stored(np.full(100, np.nan), "f32"))
    Path("s.h5").write_text("mine")
    for workers in (1, 3):
        shell.refuses(
            *("data", "encode", "speech", "--out", "s.h5", *FEW, "--workers", workers),
            says=r"bad.wav: sample 900 \(at 0.056 s\) is no finite number",
            after_work=True,
        )


OPTIONS: dict[str, tuple[list[Any], str]] = {
    "no folder": (["nowhere", "--out", "s.h5"], "nowhere: cannot be read .No such file"),
    "no sound in it": (["empty", "--out", "s.h5"], "empty: holds no .wav files"),
    "no text of labels": (["speech", "--out", "s.h5", "--labels", "none.csv"], "none.csv: cannot be read"),
    "a word too few": (["speech", "--out", "s.h5", "--words", "yes"], "clips of 'no', which is not in the list"),
    "twice": (["speech", "speech/yes", "--out", "s.h5"], "is named twice"),
    "no out": (["speech"], "[Mm]issing option '--out'"),
    "a folder as out": (["speech", "--out", "empty"], "empty: is a folder"),
    "out in no folder": (["speech", "--out", "no/s.h5"], "no is no folder"),
    "out over a clip": (["speech/no/c.wav", "--out", "speech/no/c.wav"], "c.wav: is what is read"),
    "an odd rate": (["speech", "--out", "s.h5", "--rate", "44101"], "rate: found 44101, an even number"),
    "a slow rate": (["speech", "--out", "s.h5", "--rate", "8000"], "rate: found 8000, .*from 16000"),
    "no rate": (["speech", "--out", "s.h5", "--rate", "fast"], "invalid value for '--rate'"),
    "no level": (["speech", "--out", "s.h5", "--rms", "0"], "rms: found 0, above 0"),
    "a level of NaN": (["speech", "--out", "s.h5", "--rms", "nan"], "rms: found nan"),
    "a negative ramp": (["speech", "--out", "s.h5", "--ramp", "-1"], "ramp: found -1 s"),
    "no channels": (["speech", "--out", "s.h5", "--channels", "0"], "channels: found 0"),
    "unknown times": (["speech", "--out", "s.h5", "--times", "int32"], "times: found 'int32'"),
    "a negative seed": (["speech", "--out", "s.h5", "--seed", "-1"], "seed: found -1"),
    "an endless seed": (["speech", "--out", "s.h5", "--seed", str(1 << 70)], "seed: found 1180591620717411303424"),
    "no workers": (["speech", "--out", "s.h5", "--workers", "0"], "found 0, at least 1"),
}


@pytest.mark.usefixtures("speech")
@pytest.mark.parametrize("case", OPTIONS, ids=lambda name: name.replace(" ", "-"))
def test_bad_options_are_refused(shell: Shell, case: str) -> None:
    (shell.folder / "empty").mkdir()
    arguments, says = OPTIONS[case]
    shell.refuses("data", "encode", *arguments, says=says)


HELD_IN_THE_SECOND_CLIP = """
import threading
from neurodeploy.verbs import encode as verb

encoded, begun = verb.encode, threading.Semaphore(1)

def encode(cochlea, samples, rate, seed, stopped):
    if not begun.acquire(blocking=False):
        hold(stopped)
    return encoded(cochlea, samples, rate, seed, stopped)

verb.encode = encode
"""


def test_an_interrupt_leaves_nothing(shell: Shell, speech: Path) -> None:
    Path("s.h5").write_text("mine")
    arguments = ("data", "encode", "speech", "--out", "s.h5", "--workers", "2", "--json", *FEW)
    lines = interrupted(HELD_IN_THE_SECOND_CLIP, arguments, ENVIRONMENT)
    assert lines[-1] == "error: interrupted: nothing half-written is left"
    assert Path("s.h5").read_text() == "mine"
    assert sorted(path.name for path in shell.folder.iterdir()) == ["s.h5", "speech"]


def test_json_is_one_object_and_people_get_lines(shell: Shell, speech: Path) -> None:
    said = shell("data", "encode", "speech", "--out", "s.h5", *FEW)
    assert said.status == 0
    assert "x real time" in said.out
    assert "encode 5/5" in said.err
    assert not said.out.startswith("{")
    assert "encode" in shell("data", "--help").out
    json.dumps(shell.works("data", "encode", "speech", "--out", "s.h5", *FEW), allow_nan=False)
