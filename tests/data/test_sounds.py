"""An .npz of recordings is what the same recordings' spikes in a file would be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurodeploy.data.binning import Binning
from neurodeploy.data.filterbank import log_mel
from neurodeploy.data.sounds import open_sounds
from neurodeploy.errors import DataError
from neurodeploy.pipeline.graph_options import GraphOptions
from neurodeploy.pipeline.inputs import read_network
from neurodeploy.pipeline.samples import samples_for
from neurodeploy.verbs.simulate import simulate
from tests.data.official import events, write_part
from tests.data.test_kinds import CARRIED, graph

AUDIO = np.random.default_rng(0).normal(size=(6, 700)).astype(np.float32)
MINE: dict[str, Any] = {"audio": AUDIO, "rate": 16_000, "labels": np.arange(6) % 3}
BINNING = Binning(40, 1.0, 5)


def saved(folder: Path, **changed: Any) -> str:
    arrays = {name: one for name, one in (MINE | changed).items() if one is not None}
    np.savez(folder / "mine.npz", **arrays)
    return str(folder / "mine.npz")


def test_recordings_are_heard_and_binned_as_the_graph_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEURODEPLOY_CACHE", str(tmp_path / "cache"))
    times, units = events(6, 5, n_events=400)
    heard: list[int] = []

    def encode(clips: list[tuple[np.ndarray, int]], **how: Any) -> list[tuple[np.ndarray, np.ndarray]]:
        assert how["seed"] == 0
        for (clip, rate), wanted in zip(clips, AUDIO, strict=False):
            np.testing.assert_array_equal(clip, wanted)
            assert rate == 16_000
        heard.append(len(clips))
        return list(zip(times, units, strict=True))[: len(clips)]

    monkeypatch.setattr("neurodeploy.data.cochlea.encode.encode_clips", encode)
    file, path = graph(tmp_path / "g.nir", **CARRIED, dataset="shd"), saved(tmp_path)
    network = read_network(file, GraphOptions(reset="zero"))
    wanted = samples_for(str(write_part(tmp_path / "mine.h5", 6, 3, seed=0, times=times, units=units)), network)
    for limit, expected in ((None, wanted), (2, wanted.first(2))):
        found = samples_for(path, network, limit=limit)
        np.testing.assert_array_equal(found.whole().spikes_BTI, expected.whole().spikes_BTI)
        np.testing.assert_array_equal(found.labels_B, expected.labels_B)
    result = simulate(file, path, backend="reference", reset="zero")
    assert (
        result["accuracy"] == simulate(file, str(tmp_path / "mine.h5"), backend="reference", reset="zero")["accuracy"]
    )
    assert result["data_notes"][-1] == "mine.npz: each recording is heard by the cochlea and binned as those of shd are"
    assert heard == [6, 2]


def test_recordings_become_features_where_the_network_took_features(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEURODEPLOY_CACHE", str(tmp_path / "cache"))
    path = saved(tmp_path, rate=8000)
    found = open_sounds(path, "fsdd_mel", None, limit=4, n_steps=9)
    assert found is not None
    features_BTI = found.whole().spikes_BTI
    assert features_BTI.shape == (4, 9, 64)
    for one_TI, wave in zip(features_BTI, AUDIO, strict=False):
        np.testing.assert_array_equal(one_TI[:7], log_mel(wave, 64, "hann", 8000))
        assert not one_TI[7:].any()
    np.testing.assert_array_equal(found.labels_B, MINE["labels"][:4])
    assert found.notes == ("mine.npz: each recording is heard as those of fsdd_mel are",)
    for changed, says in (
        ({"rate": 16_000}, "has 16000 samples a second, 8000 are needed, as in training; convert it"),
        ({"rate": 8000, "audio": AUDIO[:, :199]}, "recordings hold 199 samples, at least 200, a frame, are needed"),
        ({"rate": 8000, "audio": AUDIO * np.float32(np.nan)}, "audio holds what is not finite"),
    ):
        with pytest.raises(DataError, match=says):
            open_sounds(saved(tmp_path, **changed), "fsdd_mel", None)


def test_other_files_hold_no_recordings(tmp_path: Path) -> None:
    for name in (saved(tmp_path, spikes=np.zeros((6, 2, 3))), "fsdd", str(tmp_path / "none.npz")):
        assert open_sounds(name, "fsdd", BINNING) is None


@pytest.mark.parametrize(
    ("changed", "dataset", "says"),
    [
        ({"labels": None}, "fsdd", "lacks the array labels; add it beside audio"),
        ({"rate": None, "labels": None}, "fsdd", "lacks the array labels and rate"),
        (
            {"audio": AUDIO.astype(np.float64)},
            "fsdd",
            r"audio: found float64 of shape \(6, 700\), .*; float32 of shape",
        ),
        ({"audio": AUDIO[0]}, "fsdd", r"audio: found float32 of shape \(700,\)"),
        ({"audio": AUDIO[:, :0]}, "fsdd", r"audio: found float32 of shape \(6, 0\)"),
        ({"rate": [16_000, 8_000]}, "fsdd", r"audio: .*, and a rate of int64 and shape \(2,\)"),
        ({"labels": np.arange(5)}, "fsdd", r"6 samples have labels of shape \(5,\)"),
        (
            {},
            "mnist",
            "holds audio, and the network was trained on no sounds .its recipe names mnist.; name a run folder",
        ),
    ],
)
def test_slips_are_one_line(tmp_path: Path, changed: dict[str, Any], dataset: str, says: str) -> None:
    with pytest.raises(DataError, match=rf"mine\.npz: {says}"):
        open_sounds(saved(tmp_path, **changed), dataset, BINNING)


@pytest.mark.parametrize(
    ("changed", "says"), [({"rate": 10}, "has 10 samples a second"), ({"audio": np.inf * AUDIO}, "")]
)
def test_what_cannot_be_heard_names_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any], says: str
) -> None:
    monkeypatch.setattr("neurodeploy.data.cochlea.encode.ready", lambda *_: type("Ready", (), {"settings": None}))
    with pytest.raises(DataError, match=rf"mine\.npz: clip 0: audio: {says}"):
        open_sounds(saved(tmp_path, **changed), "fsdd", BINNING)
