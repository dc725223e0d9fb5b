"""SHD and SSC from files in the official layout: parts, packings, and what is refused."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from neurodeploy.data import fetch
from neurodeploy.data.binning import Binning
from neurodeploy.data.cache import cache_folder
from neurodeploy.data.heidelberg import read_official
from neurodeploy.data.load import DataSettings, notes_of, open_part, open_parts, open_samples, step_s
from neurodeploy.errors import DataError
from tests.data.official import events, pack, write_part

SHD = Binning(250, 1.0, 5)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without a network, whose datasets lie in the returned folder."""
    monkeypatch.setenv("NEURODEPLOY_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("NEURODEPLOY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))

    def no_network(*_: Any, **__: Any) -> None:
        raise OSError("no network in tests")

    monkeypatch.setattr(fetch.urllib.request, "urlopen", no_network)
    return tmp_path / "data"


@pytest.fixture
def shd(folder: Path) -> Path:
    write_part(folder / "shd" / "shd_train.h5", 100, 20, seed=1)
    write_part(folder / "shd" / "shd_test.h5", 40, 20, seed=2, n_speakers=7)
    return folder / "shd"


def frames(times: list[np.ndarray], units: list[np.ndarray], n_steps: int, max_time_s: float) -> np.ndarray:
    """Return counts as a plain histogram, one event at a time."""
    edges = np.linspace(0, max_time_s, n_steps)
    found = np.zeros((len(times), n_steps, 140), np.uint8)
    for row, (when, which) in enumerate(zip(times, units, strict=True)):
        for time, unit in zip(when, which, strict=True):
            if time < max_time_s:
                found[row, np.digitize(time, edges), unit // 5] += 1
    return found


@pytest.mark.parametrize("ending", ["", ".gz", ".zip"])
def test_shd_is_binned_from_every_packing(shd: Path, ending: str) -> None:
    for name in ("shd_train.h5", "shd_test.h5"):
        if ending:
            pack(shd / name, ending)
    found = open_part(DataSettings(dataset="shd"), "test").whole()
    np.testing.assert_array_equal(found.spikes_BTI, frames(*events(40, 2), 250, 1.0))
    assert found.labels_B.tolist() == (np.arange(40) % 20).tolist()
    assert found.class_names[3] == "word3"
    left = [path.name for path in cache_folder().iterdir()]
    assert len(left) == 1
    assert left[0].startswith("shd-")


def test_shd_holds_speakers_out_for_validation(shd: Path) -> None:
    settings = DataSettings(dataset="shd", validation_part=0.4)
    found = open_parts(settings)
    assert (len(found["train"]), len(found["validation"]), len(found["test"])) == (60, 40, 40)
    assert (found["test"].n_steps, found["test"].shape, step_s(settings)) == (250, (140,), 1 / 249)
    rule = next(note for note in notes_of(settings) if note.startswith("validation: speakers"))
    out = [int(one) for one in re.findall(r"\d+", rule)]
    speakers = np.arange(100) // 20
    whole = frames(*events(100, 1), 250, 1.0)
    np.testing.assert_array_equal(found["validation"].whole().spikes_BTI, whole[np.isin(speakers, out)])
    np.testing.assert_array_equal(found["train"].whole().spikes_BTI, whole[~np.isin(speakers, out)])
    dropped = sum(int((one >= 1.0).sum()) for one in events(100, 1)[0])
    assert f"shd_train.h5: dropped {dropped:,} events after the last step" in notes_of(settings)


def test_selecting_on_the_test_part_is_an_option_that_every_result_names(shd: Path) -> None:
    found = open_parts(DataSettings(dataset="shd", partition="paper"))
    assert (len(found["train"]), len(found["validation"]), len(found["test"])) == (100, 40, 40)
    np.testing.assert_array_equal(found["validation"].whole().spikes_BTI, found["test"].whole().spikes_BTI)
    note = "validation: the test part itself, as in the paper, so the model was selected on the test part"
    assert note in notes_of(DataSettings(dataset="shd", partition="paper"))
    for split in ("train", "validation", "test", "all"):
        assert note in open_part(DataSettings(dataset="shd", partition="paper"), split).notes  # type: ignore[arg-type]
    assert note not in notes_of(DataSettings(dataset="shd"))


def test_shd_without_speakers_asks_for_another_rule(folder: Path, shd: Path) -> None:
    (shd / "shd_train.h5").unlink()
    write_part(shd / "shd_train.h5", 100, 20, seed=1, speaker=None)
    with pytest.raises(DataError, match=r"shd_train.h5: lacks extra/speaker .* data.partition = stratified"):
        open_part(DataSettings(dataset="shd"), "train")
    settings = DataSettings(dataset="shd", partition="stratified", validation_part=0.2)
    assert [len(open_part(settings, split)) for split in ("train", "validation", "test")] == [80, 20, 40]  # type: ignore[arg-type]


def test_ssc_comes_in_its_official_parts(folder: Path) -> None:
    for seed, (part, n_samples) in enumerate((("train", 70), ("valid", 35), ("test", 36))):
        write_part(folder / "ssc" / f"ssc_{part}.h5", n_samples, 35, seed)
    settings = DataSettings(dataset="ssc")
    found = open_parts(settings)
    assert (len(found["train"]), len(found["validation"]), len(found["test"])) == (70, 35, 36)
    np.testing.assert_array_equal(found["validation"].whole().spikes_BTI, frames(*events(35, 1), 300, 1.2))
    assert step_s(settings) == 1.2 / 299
    assert notes_of(settings) == ["parts: the official files"]  # no event comes after 1.2 s
    assert len(open_part(DataSettings(dataset="ssc"), "all")) == 141


def test_any_file_in_the_layout_is_binned_like_the_official_ones(tmp_path: Path) -> None:
    path = write_part(tmp_path / "mine.h5", 30, 3, seed=4)
    found = open_samples(str(path), n_channels=140, binning=SHD)
    np.testing.assert_array_equal(found.whole().spikes_BTI, frames(*events(30, 4), 250, 1.0))
    assert found.kind == "counts"
    assert len(open_samples(str(path), n_channels=140, binning=SHD, limit=7)) == 7


TIMES, UNITS = events(20, 9)


def with_event(times: Any = None, units: Any = None) -> dict[str, Any]:
    """Return all samples, of which the one with number 3 holds other events."""
    every = {"times": list(TIMES), "units": [one.astype(np.int64) for one in UNITS], "unit": np.int64}
    for name, values in (("times", times), ("units", units)):
        if values is not None:
            every[name][3] = np.array(values, every[name][3].dtype)  # type: ignore[index]
    return every


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "backwards": (
        with_event([0.5, 0.25], [1, 2]),
        r"sample 3 has times that go backwards \(event 1: 0.25 s after 0.5 s\)",
    ),
    "late unit": (with_event([0.5], [700]), r"sample 3 has units 700\.\.700, 0\.\.699 are allowed"),
    "negative unit": (with_event([0.5], [-1]), r"sample 3 has units -1\.\.-1, 0\.\.699"),
    "negative time": (with_event([-0.5], [1]), "sample 3 has times from -0.5 to -0.5, finite seconds from 0"),
    "no number": (with_event([np.nan], [1]), "sample 3 has times from nan to nan"),
    "endless": (with_event([np.inf], [1]), "sample 3 has times from inf to inf"),
    "one unit short": (with_event([0.5, 0.6], [1]), "sample 3 has 2 times and 1 units"),
    "late label": ({"labels": np.array([0] * 19 + [20])}, r"sample 19 has label 20, 0\.\.19 are allowed; 1 of 20"),
    "negative label": ({"labels": np.array([-1] * 20)}, "sample 0 has label -1"),
    "few labels": ({"labels": np.zeros(3, int)}, r"20 samples have labels of shape \(3,\)"),
    "real labels": ({"labels": np.zeros(20)}, r"20 samples have labels of shape \(20,\) and type float64"),
    "no labels": ({"labels": None}, "is not in SHD layout"),
}


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("case", BAD, ids=lambda name: name.replace(" ", "-"))
def test_a_bad_sample_is_named(tmp_path: Path, case: str, ending: str) -> None:
    changed, says = BAD[case]
    path = write_part(tmp_path / "shd_train.h5", 20, 20, seed=9, **changed)
    path = pack(path, ending) if ending else path
    with pytest.raises(DataError, match=f"^{re.escape(str(path))}: {says}") as error:
        read_official("shd", path, SHD, 20)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("ending", ["", ".gz", ".zip"])
def test_a_file_cut_short_is_told(tmp_path: Path, ending: str) -> None:
    path = write_part(tmp_path / "shd_train.h5", 20, 20, seed=9)
    path = pack(path, ending) if ending else path
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=rf"^{re.escape(str(path))}: is (a )?damaged") as error:
        read_official("shd", path, SHD, 20)
    assert "\n" not in str(error.value)


def test_rubbish_in_the_official_place_is_told(tmp_path: Path) -> None:
    path = tmp_path / "shd_train.h5"
    path.write_bytes(b"rubbish" * 100)
    with pytest.raises(DataError, match=r"shd_train.h5: is a damaged HDF5 file"):
        read_official("shd", path, SHD, 20)


def test_an_archive_of_two_files_is_told(tmp_path: Path) -> None:
    path = tmp_path / "shd_train.h5.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.h5", b"")
        archive.writestr("b.h5", b"")
    with pytest.raises(DataError, match=r"shd_train.h5.zip: holds 2 files of kind .h5, one is needed"):
        read_official("shd", path, SHD, 20)


def test_a_file_that_was_binned_is_not_read_again(shd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = open_part(DataSettings(dataset="shd"), "test").whole()
    monkeypatch.setattr(h5py, "File", None)
    again = open_part(DataSettings(dataset="shd"), "test").whole()
    np.testing.assert_array_equal(again.spikes_BTI, first.spikes_BTI)
    assert again.class_names == first.class_names


@pytest.mark.parametrize("dataset", ["shd", "ssc"])
def test_without_files_and_network_one_line_says_what_to_put_where(folder: Path, dataset: str) -> None:
    with pytest.raises(DataError) as error:
        open_part(DataSettings(dataset=dataset), "train")
    assert re.fullmatch(
        rf"{dataset}: is not on this machine, and https://zenkelab.org/datasets/{dataset}_train.h5.zip cannot be "
        rf"reached \(no network in tests\); download it elsewhere and put it at .*/{dataset}/{dataset}_train.h5.zip",
        str(error.value),
    )
    assert not list(folder.parent.rglob("*.zip*"))
