"""Clips of Speech Commands in one file become log-mel features of three words and all others, in the official parts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurodeploy.data.datasets import SOURCES
from neurodeploy.data.filterbank import log_mel
from neurodeploy.data.load import DataSettings, notes_of, open_parts
from neurodeploy.errors import DataError
from tests.data.test_spoken_digits import write

SETTINGS = DataSettings(dataset="speech_commands_mel")
SAID: dict[str, Any] = {"label": [1, 0, 2, 1, 3], "partition": [0, 1, 0, 2, 0], "words": ["bed", "dog", "happy", "cat"]}


@pytest.fixture
def clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    random = np.random.default_rng(1)
    clips = [(20_000 * random.uniform(-1, 1, n)).astype(np.int16) for n in (900, 16_000, 2000, 1500, 1800)]
    (tmp_path / "speech_commands_subset").mkdir()
    write(tmp_path / "speech_commands_subset/speech_commands_subset.npz", clips, 16_000, **SAID)
    monkeypatch.setitem(SOURCES, SETTINGS.dataset, replace(SOURCES[SETTINGS.dataset], sha256=""))
    monkeypatch.setenv("NEURODEPLOY_DATA", str(tmp_path))
    monkeypatch.setenv("NEURODEPLOY_CACHE", str(tmp_path / "cache"))
    return clips


def test_words_are_log_mel_features_in_the_official_parts(clips: list[np.ndarray]) -> None:
    parts: Any = open_parts(SETTINGS)
    assert parts["train"].class_names == ("bed", "cat", "happy", "unknown")
    for part, chosen, labels in (("train", [0, 2, 4], [3, 2, 1]), ("validation", [1], [0]), ("test", [3], [3])):
        found = parts[part].whole()
        assert found.labels_B.tolist() == labels
        for row, number in zip(found.spikes_BTI, chosen, strict=True):
            wanted = log_mel(clips[number] / 32768, 64, "hann")
            np.testing.assert_array_equal(row[: len(wanted)], wanted)
            assert row.shape == (98, 64)
            assert not row[len(wanted) :].any()
    assert any("no speaker of the test part is in another part" in note for note in notes_of(SETTINGS))


def test_another_rate_is_one_line(clips: list[np.ndarray], tmp_path: Path) -> None:
    write(tmp_path / "speech_commands_subset/speech_commands_subset.npz", clips, 8000, **SAID)
    with pytest.raises(DataError, match=r"_subset.npz: has 8000 samples a second, 16000 are needed; copy it again$"):
        open_parts(SETTINGS)
