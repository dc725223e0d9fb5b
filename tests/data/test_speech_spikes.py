"""Digits and commands as cochlea spikes: which clips are in which part, and that binning is kept on disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

from neurodeploy.data import cache, speech_spikes
from neurodeploy.data.binning import Binning
from neurodeploy.data.datasets import SOURCES
from neurodeploy.data.load import DataSettings, notes_of, open_part, open_parts, open_samples, step_s
from neurodeploy.data.mapped import numbers
from neurodeploy.data.speech_spikes import read_binned
from neurodeploy.errors import DataError


@pytest.fixture(scope="module")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(autouse=True)
def _own_cache(shared_cache: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEURODEPLOY_CACHE", shared_cache)


def stored(file: str) -> Any:
    return np.load(Path(os.environ["NEURODEPLOY_DATA"]) / file, allow_pickle=False)


@pytest.mark.data
def test_digits_are_decoded_and_binned_as_their_file_says() -> None:
    found = open_part(DataSettings(dataset="fsdd_spikes"), "test").whole()
    assert (found.spikes_BTI.shape, found.kind) == ((300, 250, 140), "counts")
    with stored("fsdd_spikes/fsdd_spikes_test.npz") as file:
        assert found.labels_B.tolist() == file["label"].tolist()
        for sample in (0, 123):
            a, b = file["offsets"][sample : sample + 2]
            times = (np.cumsum(file["delta_step"][a:b].astype(np.int64)) / 24000.0).astype(np.float16)
            steps = np.digitize(times, np.linspace(0, 1.0, 250))
            expected = np.zeros((251, 140), int)
            np.add.at(expected, (steps, file["unit"][a:b] // 5), 1)
            np.testing.assert_array_equal(found.spikes_BTI[sample], expected[:250])


@pytest.mark.data
def test_digits_for_validation_are_other_recordings_and_never_the_test_file() -> None:
    settings = DataSettings(dataset="fsdd_spikes")
    found = open_parts(settings)
    assert (len(found["train"]), len(found["validation"]), len(found["test"])) == (840, 180, 300)
    assert all(
        np.bincount(part.labels_B).tolist() == [len(part) // 10] * 10 for part in (found["train"], found["validation"])
    )
    assert "validation: recordings 19, 20, 21 of every speaker and digit, out of the training file" in notes_of(
        settings
    )
    assert (step_s(settings), found["train"].n_steps, found["train"].shape) == (1 / 249, 250, (140,))
    both = np.concatenate([found["train"].whole().spikes_BTI, found["validation"].whole().spikes_BTI])
    assert both.sum() == open_part(DataSettings(dataset="fsdd_spikes"), "all").whole().spikes_BTI[:1020].sum()
    shares = open_parts(DataSettings(dataset="fsdd_spikes", partition="stratified", validation_part=0.1))
    assert (len(shares["train"]), len(shares["validation"])) == (920, 100)


@pytest.mark.data
@pytest.mark.parametrize("dataset", ["fsdd_spikes", "speech_commands_spikes"])
def test_speakers_held_out_are_in_no_other_part(dataset: str) -> None:
    source = SOURCES[dataset]
    samples = source.load(source, source.wanted(DataSettings(dataset=dataset, partition="speakers")), "all")
    with stored(source.file) as file:
        if dataset == "fsdd_spikes":
            speakers = file["speaker"]
        else:
            speakers = np.array([name.split("/")[1].split("_")[0] for name in file["clip"]])
    assert samples.is_validation_B is not None
    out = samples.is_validation_B[: len(speakers)]
    trained = ~out & ~samples.is_test_B[: len(speakers)]
    assert out.sum() > 100
    assert not set(speakers[out]) & set(speakers[trained])
    assert set(samples.data.labels_B[: len(speakers)][out]) <= set(samples.data.labels_B[: len(speakers)][trained])
    assert not (samples.is_validation_B & samples.is_test_B).any()


@pytest.mark.data
@pytest.mark.parametrize(
    ("partition", "sizes"), [(None, (667, 122, 361)), ("official", (789, 161, 200)), ("ssc", (698, 161, 291))]
)
def test_commands_come_in_the_parts_of_either_split(partition: str | None, sizes: tuple[int, int, int]) -> None:
    settings = DataSettings(dataset="speech_commands_spikes", partition=partition)
    found = [open_part(settings, split) for split in ("train", "validation", "test")]  # type: ignore[arg-type]
    assert tuple(len(one) for one in found) == sizes
    assert (found[2].n_steps, found[2].shape, found[2].kind) == (300, (140,), "counts")
    assert found[2].class_names[28] == "happy"
    with stored("speech_commands_spikes/speech_commands_spikes.npz") as file:
        part = file["ssc_partition" if partition == "ssc" else "partition"]
        inside = part > 0 if partition is None else part == 2
        assert found[2].labels_B.tolist() == file["ssc_label"][inside].tolist()


@pytest.mark.data
def test_other_settings_give_other_steps_and_channels() -> None:
    settings = DataSettings(
        dataset="fsdd_spikes", binning="floor", n_steps=50, max_time_s=0.5, spatial_bin=10, counts=False
    )
    found = open_part(settings, "test")
    assert (found.n_steps, found.shape, found.kind) == (50, (70,), "binary")
    assert found.whole().spikes_BTI.max() == 1
    same = open_samples("fsdd_spikes", binning=Binning(50, 0.5, 10, counts=False, rule="floor"))
    np.testing.assert_array_equal(same.whole().spikes_BTI, found.whole().spikes_BTI)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"dataset": "fsdd_spikes", "partition": "official"}, "data.partition: 'official' is unknown to fsdd_spikes"),
        ({"dataset": "digits", "counts": True}, "data.counts: digits has no timed events to bin; leave it out"),
        ({"dataset": "digits", "partition": "speakers"}, "data.partition: 'speakers' is unknown to digits"),
        ({"dataset": "fsd"}, "data.dataset: 'fsd' is unknown; "),
    ],
)
def test_settings_that_a_dataset_does_not_have_are_told(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(DataError, match=f"^{says}"):
        open_part(DataSettings(**settings), "test")


SAMPLES: dict[str, Any] = {
    "delta_step": np.array([10, 0, 5, 200, 0], np.uint16),
    "unit": np.array([0, 1, 699, 4, 4], np.uint16),
    "offsets": np.array([0, 3, 3, 5], np.int32),
    "step_rate": np.int32(1000),
    "num_units": np.int32(700),
    "label": np.array([1, 0, 1], np.uint8),
}
BINNING = Binning(11, 1.0, 5)


def binned(path: Path, **changed: Any) -> cache.KeptCounts:
    np.savez(path, **{name: array for name, array in (SAMPLES | changed).items() if array is not None})
    return read_binned("test", path, cache.identity(path), BINNING, "label", ())


def test_differences_of_steps_become_counts(tmp_path: Path) -> None:
    found = binned(tmp_path / "spikes.npz").counts[0].dense(np.arange(3))
    assert found.shape == (3, 11, 140)
    assert np.argwhere(found[0]).tolist() == [[1, 0], [1, 139]]
    assert found[0, 1, 0] == 2
    assert not found[1].any()
    assert found[2, 2, 0] + found[2, 3, 0] == 2


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no units": ({"unit": None}, "lacks the array unit, found delta_step, offsets, step_rate, num_units, label"),
    "no labels": ({"label": None}, "lacks the array label"),
    "late unit": ({"unit": np.array([0, 1, 700, 4, 4])}, r"sample 0 has units 0\.\.700, 0\.\.699 are allowed"),
    "backwards": ({"delta_step": np.array([10, 0, 5, 200, -7])}, "sample 2 has times that go backwards"),
    "cut offsets": ({"offsets": np.array([0, 3, 4])}, "offsets do not lead from 0 to its 5 events"),
    "few units": ({"unit": np.array([0, 1])}, r"unit has shape \(2,\), \(5,\) is needed"),
    "few labels": ({"label": np.array([0, 1])}, r"label has shape \(2,\), \(3,\) is needed"),
    "real units": ({"unit": np.zeros(5)}, "unit is float64 of shape .*, a list of whole numbers is needed"),
    "no rate": ({"step_rate": np.int32(0)}, "step_rate is 0"),
}


@pytest.mark.parametrize("case", BAD, ids=lambda name: name.replace(" ", "-"))
def test_a_file_that_is_not_as_it_should_be_is_told(case: str, tmp_path: Path) -> None:
    changed, says = BAD[case]
    with pytest.raises(DataError, match=rf"spikes.npz: {says}") as error:
        binned(tmp_path / "spikes.npz", **changed)
    assert "\n" not in str(error.value)


def test_a_file_cut_short_is_told(tmp_path: Path) -> None:
    path = tmp_path / "spikes.npz"
    np.savez(path, **SAMPLES)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match=r"spikes.npz: is a damaged \.npz"):
        read_binned("test", path, "", BINNING, "label", ())


def test_what_was_binned_is_kept_and_made_again_where_it_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEURODEPLOY_CACHE", str(tmp_path / "cache"))
    reads = mock.Mock(side_effect=speech_spikes.read_spike_lists)
    monkeypatch.setattr(speech_spikes, "read_spike_lists", reads)
    path = tmp_path / "spikes.npz"
    first = binned(path)

    def again() -> np.ndarray:
        kept = read_binned("test", path, cache.identity(path), BINNING, "label", ())
        assert kept.labels.tolist() == [1, 0, 1]
        return kept.counts[0].dense(np.arange(3))

    wanted, values = first.counts[0].dense(np.arange(3)), numbers(first.counts[0].values).tobytes()
    np.testing.assert_array_equal(again(), wanted)
    assert reads.call_count == 1
    (copy,) = cache.cache_folder().iterdir()
    whole = copy.read_bytes()
    for content in (whole[:-30], b"", whole.replace(values, b"\x07" * len(values)), b"rubbish"):
        copy.write_bytes(content)
        np.testing.assert_array_equal(again(), wanted)
        assert copy.read_bytes() == whole
    assert reads.call_count == 5
    os.utime(path, (1, 1))  # another file at the same place
    again()
    assert reads.call_count == 6


def test_a_cache_that_cannot_be_written_is_no_reason_to_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("NEURODEPLOY_CACHE", str(tmp_path / "file"))
    assert len(binned(tmp_path / "spikes.npz").labels) == 3
