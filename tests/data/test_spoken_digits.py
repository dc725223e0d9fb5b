"""Recordings of spoken digits become the spikes that our cochlea makes of them, once."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurodeploy.data import dataset as sources_room
from neurodeploy.data import speech_spikes, spoken_digits
from neurodeploy.data.datasets import SOURCES
from neurodeploy.data.filterbank import log_mel
from neurodeploy.data.load import DataSettings, notes_of, open_part, open_parts
from neurodeploy.data.speech_spikes import OF_DIGITS, recordings
from neurodeploy.errors import DataError

RATE = 8000
NAMES: dict[str, Any] = {"speaker_names": ["ada", "bob"]}


def write(path: Path, clips: list[np.ndarray], rate: int = RATE, **said: Any) -> None:
    """Write recordings (int16), and what is said of them, as the files of such datasets hold them."""
    whole = np.concatenate(clips)
    delta = np.diff(whole, prepend=np.int16(0)).astype(np.int16).view(np.uint16)
    np.savez(
        path,
        pcm_delta_lo=(delta & 0xFF).astype(np.uint8),
        pcm_delta_hi=(delta >> 8).astype(np.uint8),
        offsets=np.cumsum([0, *map(len, clips)]).astype(np.int32),
        sample_rate=rate,
        **said,
    )


@pytest.fixture
def clips() -> list[np.ndarray]:
    random = np.random.default_rng(1)
    return [(20_000 * random.uniform(-1, 1, n)).astype(np.int16) for n in (900, 1200, 700, 1000)]


@pytest.fixture
def folder(tmp_path: Path, clips: list[np.ndarray], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A dataset of four recordings to train with, the last of them for validation, and two to test with."""
    folder = tmp_path / "fsdd"
    folder.mkdir()
    write(folder / "fsdd_train.npz", clips, index=[5, 5, 6, 7], label=[0, 1, 2, 3], speaker=[0, 1, 0, 1], **NAMES)
    write(folder / "fsdd_test.npz", clips[:2], index=[0, 1], label=[4, 5], speaker=[0, 0], **NAMES)
    digest = sources_room.digest
    names = [folder / "fsdd_train.npz", folder / "fsdd_test.npz"]
    train, test = (digest(one, one.stat().st_size, one.stat().st_mtime_ns) for one in names)
    for name in ("fsdd", "fsdd_mel"):
        known = replace(SOURCES[name], sha256=train, parts=(("fsdd_test.npz", test),))
        monkeypatch.setitem(SOURCES, name, known)
    monkeypatch.setenv("NEURODEPLOY_DATA", str(tmp_path))
    monkeypatch.setenv("NEURODEPLOY_CACHE", str(tmp_path / "cache"))
    return folder


def test_recordings_are_the_samples_that_were_written(folder: Path, clips: list[np.ndarray]) -> None:
    found, rate, extra = recordings(folder / "fsdd_train.npz")
    assert rate == RATE
    assert extra["index"].tolist() == [5, 5, 6, 7]
    for one, clip in zip(found, clips, strict=True):
        np.testing.assert_array_equal(one * 32768, clip)


def test_parts_are_kept_apart_and_encoded_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[int] = []

    def encode(clips: list[tuple[np.ndarray, int]], **_: object) -> list[tuple[np.ndarray, np.ndarray]]:
        asked.append(len(clips))
        return [(np.array([0.0101, 0.5]), np.array([5 * k, 699], np.uint16)) for k, _ in enumerate(clips)]

    monkeypatch.setattr("neurodeploy.data.cochlea.encode.encode_clips", encode)
    for _ in range(2):
        found = open_parts(DataSettings(dataset="fsdd"))
        assert [part.labels_B.tolist() for part in (found["train"], found["validation"], found["test"])] == [
            [0, 1, 2],
            [3],
            [4, 5],
        ]
        assert found["validation"].whole().spikes_BTI[0, 3, 3] == 1  # the fourth recording: unit 15, 10.1 ms
        assert found["validation"].whole().spikes_BTI.sum() == 2
        assert asked == [4, 2]
    assert "spikes of 4 recordings (0 s of sound), once" in capsys.readouterr().err
    assert len(open_part(DataSettings(dataset="fsdd"), "test").whole()) == 2


def test_a_damaged_file_is_one_line(folder: Path) -> None:
    path = folder / "fsdd_train.npz"
    with np.load(path) as stored:
        arrays = dict(stored)
    np.savez(path, **{name: one for name, one in arrays.items() if name != "index"})
    with pytest.raises(DataError, match="lacks the array index"):
        recordings(path, *OF_DIGITS)
    np.savez(path, **arrays | {"offsets": arrays["offsets"] + 1})
    with pytest.raises(DataError, match="offsets do not lead through its 3800 samples"):
        recordings(path)
    path.write_bytes(b"PK")
    with pytest.raises(DataError, match="is a damaged"):
        recordings(path)


@pytest.mark.data
def test_our_spikes_are_as_many_as_those_of_the_shared_encoding() -> None:
    """The same recording, other fibres: three clips of the test part."""
    path = Path(os.environ["NEURODEPLOY_DATA"]) / "fsdd" / "fsdd_test.npz"
    clips, rate, extra = recordings(path)
    with np.load(path.parents[1] / "fsdd_spikes" / "fsdd_spikes_test.npz") as stored:
        n_spikes, labels, index = np.diff(stored["offsets"]), stored["label"], stored["index"]
    np.testing.assert_array_equal(extra["label"], labels)
    np.testing.assert_array_equal(extra["index"], index)
    found = [len(times) for times, _ in speech_spikes.encoded("fsdd", clips[:3], rate)]
    np.testing.assert_allclose(found, n_spikes[:3], rtol=0.05)


def test_recordings_are_log_mel_features_in_the_same_parts(folder: Path, clips: list[np.ndarray]) -> None:
    settings = DataSettings(dataset="fsdd_mel", validation_part=0.3)
    parts = open_parts(settings)
    assert {name: one.labels_B.tolist() for name, one in parts.items()} == {
        "train": [0, 1, 2],
        "validation": [3],
        "test": [4, 5],
    }
    train = parts["train"].whole()
    assert train.spikes_BTI.shape == (3, 64, 64)
    for row, clip in zip(train.spikes_BTI, clips, strict=False):
        wanted = log_mel(clip / 32768, 64, "hann", RATE)
        np.testing.assert_array_equal(row[: len(wanted)], wanted)
        assert not row[len(wanted) :].any()
    assert any("speakers of the test part are those of the training part" in note for note in notes_of(settings))


def test_recordings_of_another_rate_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spoken_digits, "MEL", spoken_digits.MEL._replace(rate_hz=16_000))
    with pytest.raises(DataError, match=r"fsdd_train.npz: has 8000 samples a second, 16000 are needed; copy it again$"):
        open_part(DataSettings(dataset="fsdd_mel"), "train")
