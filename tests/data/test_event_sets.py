"""Data sets of event cameras in official folders and archives: parts, labels, frames, what is kept, what is refused."""

from __future__ import annotations

import tarfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurodeploy.data.datasets import SOURCES
from neurodeploy.data.frames import events_to_frames
from neurodeploy.data.load import open_part, open_samples
from neurodeploy.data.recordings import THINGS
from neurodeploy.data.settings import DataSettings
from neurodeploy.data.stream import SampleSource
from neurodeploy.errors import DataError
from tests.data import cameras


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder of the datasets; what is counted is kept beside it."""
    monkeypatch.setenv("NEURODEPLOY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NEURODEPLOY_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def part(dataset: str | Path, split: Any = "all", **settings: Any) -> SampleSource:
    """Return a part of a dataset."""
    return open_part(DataSettings(dataset=str(dataset), **settings), split)


FILES: dict[str, Callable[[], dict[str, bytes]]] = {
    "nmnist": cameras.nmnist,
    "cifar10dvs": cameras.cifar10dvs,
    "dvs128_gesture": cameras.gestures,
}


@pytest.mark.parametrize("name", FILES)
def test_a_folder_and_its_archives_are_the_same_samples(folder: Path, tmp_path: Path, name: str) -> None:
    files = FILES[name]()
    cameras.write(folder / name, files)
    whole = part(name, n_steps=3)
    tops = {path.split("/")[0] for path in files}
    for top in tops:
        some = {path: content for path, content in files.items() if path.startswith(f"{top}/")}
        cameras.pack(tmp_path / "zips" / f"{top.lower()}.zip", some)
    archive = cameras.pack(tmp_path / "one.tar.gz", files)
    for other in (tmp_path / "zips", archive, folder / name):
        found = part(other, n_steps=3)
        assert (found.digest(), found.shape, found.class_names) == (whole.digest(), whole.shape, whole.class_names)
        np.testing.assert_array_equal(found.labels_B, whole.labels_B)


def test_digits_are_counted_in_their_frames(folder: Path) -> None:
    files = cameras.nmnist()
    cameras.write(folder / "nmnist", files)
    test = part("nmnist", "test", n_steps=7)
    assert (len(test), test.n_steps, test.shape, test.kind) == (10, 7, (2, 34, 34), "counts")
    assert test.labels_B.tolist() == list(range(10))
    numbers = {path: number for number, path in enumerate(files)}
    for digit in (0, 6):
        events = cameras.events(numbers[f"Test/{digit}/00001.bin"])
        expected = events_to_frames(events, 7, shape=(34, 34))
        np.testing.assert_array_equal(test.at([digit]).spikes_BTI[0], expected.reshape(7, -1))
    by_time = part("nmnist", "test", n_steps=7, binning="time")
    expected = events_to_frames(cameras.events(numbers["Test/3/00001.bin"]), 7, "time", shape=(34, 34))
    np.testing.assert_array_equal(by_time.at([3]).spikes_BTI[0], expected.reshape(7, -1))


def test_parts_of_cifar10dvs_have_names(folder: Path) -> None:
    files = cameras.cifar10dvs()
    cameras.write(folder / "cifar10dvs", files)
    for partition, numbers in ((None, {900, 999}), ("first_100", {0, 1}), ("last_100", {900, 999})):
        test = part("cifar10dvs", "test", partition=partition, n_steps=4)
        expected = []
        for seed, path in enumerate(files):
            if int(path.rpartition("_")[2].removesuffix(".aedat")) in numbers:
                frames = events_to_frames(cameras.events(seed, side=128), 4, shape=(128, 128))
                expected.append((THINGS.index(path.split("/")[0]), frames.tobytes()))
        spikes = test.whole().spikes_BTI.reshape(len(test), 4, 2, 128, 128).astype(np.int64)
        found = [(int(label), one.tobytes()) for label, one in zip(test.labels_B, spikes, strict=True)]
        assert Counter(found) == Counter(expected)
        assert test.notes[0].startswith(f"parts: {partition or 'last_100'} (test: files ")
        assert any("20 of 1,000 samples of the test part" in note for note in test.notes)


def test_trials_of_gestures_are_cut_by_their_tables(folder: Path) -> None:
    files = cameras.gestures()
    cameras.write(folder / "dvs128_gesture", files)
    train = part("dvs128_gesture", "all").take(np.arange(22))
    assert train.labels_B.tolist() == 2 * list(range(11))
    events = cameras.user(1)
    for trial, (start, end) in {0: (1, 2), 8: (9, 10.25), 9: (10, 11)}.items():
        some = events[(events["t"] >= start * 1_000_000) & (events["t"] < end * 1_000_000)]
        row = next(index for index in range(11, 22) if train.labels_B[index] == trial)
        expected = events_to_frames(some, 20, shape=(128, 128)).reshape(20, -1)
        np.testing.assert_array_equal(train.at([row]).spikes_BTI[0], expected)
    told = "user22_led_labels.csv: class 9 ends 250000 us after class 10 starts; events between are in both"
    assert told in train.notes


def test_tonic_s_gestures_are_other_parts(folder: Path) -> None:
    cameras.write(folder / "dvs128_gesture", cameras.tonic_gestures())
    with pytest.raises(DataError, match=r"holds no DVS128 Gesture: user01_fluorescent.aedat"):
        part("dvs128_gesture", "test")
    test = part("dvs128_gesture", "test", partition="tonic")
    assert sorted(test.labels_B) == list(range(11))
    assert "which have 264 test samples, not 288" in test.notes[0]
    assert part(folder / "dvs128_gesture", "test").digest() == test.digest()  # a folder has the parts that it has


def test_simulate_takes_the_test_part_of_a_folder(folder: Path) -> None:
    cameras.write(folder / "nmnist", cameras.nmnist())
    found = open_samples(str(folder / "nmnist"))
    assert (len(found), found.name) == (10, "nmnist (test)")
    assert SOURCES["nmnist"].ready
    assert not SOURCES["cifar10dvs"].ready


def test_what_is_kept_is_of_these_files_and_settings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cameras.write(folder / "nmnist", cameras.nmnist())
    first = part("nmnist", "test").digest()
    kept = set((folder.parent / "cache").rglob("*.npz"))
    assert part("nmnist", "test").digest() == first
    assert set((folder.parent / "cache").rglob("*.npz")) == kept
    assert part("nmnist", "test", binning="time").digest() != first
    assert part("nmnist", "test", n_steps=9).digest() != first
    cameras.write(folder / "nmnist", {"Test/0/00001.bin": cameras.bin_of(cameras.events(99))})
    assert part("nmnist", "test").digest() != first
    before = len(set((folder.parent / "cache").rglob("*.npz")))
    monkeypatch.setattr("neurodeploy.data.event_sets.READER", 999)
    part("nmnist", "test")
    assert len(set((folder.parent / "cache").rglob("*.npz"))) == before + 1


def test_samples_lie_in_pieces_and_are_read_in_any_order(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cameras.write(folder / "nmnist", cameras.nmnist())
    whole = part("nmnist").whole().spikes_BTI
    monkeypatch.setenv("NEURODEPLOY_CACHE", str(folder / "other"))
    monkeypatch.setattr("neurodeploy.data.event_sets.AT_ONCE", 200)
    chosen = np.array([29, 0, 7, 7, 15])
    np.testing.assert_array_equal(part("nmnist").at(chosen).spikes_BTI, whole[chosen])


def test_a_link_to_nothing_is_told_where_it_is_a_recording_and_passed_where_it_is_not(folder: Path) -> None:
    cameras.write(folder / "nmnist", cameras.nmnist())
    whole = part("nmnist", "test").digest()
    (folder / "nmnist" / "notes.txt").symlink_to("elsewhere")
    assert part("nmnist", "test").digest() == whole
    lost = folder / "nmnist" / "Test" / "3" / "00001.bin"
    lost.unlink()
    lost.symlink_to("elsewhere")
    with pytest.raises(DataError, match=r"00001: cannot be read \(No such file or directory\)"):
        part("nmnist", "test")


@pytest.mark.parametrize("ending", ["zip", "tar.gz"])
def test_a_file_of_an_archive_takes_no_more_than_a_file_may(
    folder: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    packed = cameras.pack(folder / f"nmnist.{ending}", cameras.nmnist() | {"Test/3/00001.bin": bytes(5_000_000)})
    monkeypatch.setenv("NEURODEPLOY_MAX_MEMORY", "4MB")
    with pytest.raises(DataError, match=r"claims 5e\+06 bytes of arrays, at most 4e\+06 are read"):
        part(packed, "test")


TABLE = b"class,startTime_usec,endTime_usec\n"
USER = "DvsGesture/user24_led"
ONE = cameras.events(5)
REFUSED: dict[str, tuple[str, dict[str, bytes | None], str]] = {
    "a file cut off": ("nmnist", {"Test/3/00001.bin": b"1234"}, "nmnist: Test/3/00001: is cut off: 4 bytes of events"),
    "an empty file": ("nmnist", {"Test/3/00001.bin": b""}, "nmnist: Test/3/00001: holds no events; copy it again, or"),
    "a header alone": (
        "cifar10dvs",
        {"ship/cifar10_ship_900.aedat": cameras.HEADER2},
        "cifar10dvs: ship/cifar10_ship_900: holds no events",
    ),
    "times that go backwards": (
        "nmnist",
        {"Test/3/00001.bin": cameras.bin_of(ONE[::-1])},
        "nmnist: Test/3/00001: has times that go backwards",
    ),
    "events outside": (
        "nmnist",
        {"Test/3/00001.bin": bytes([40, 3, 0, 0, 1])},
        "nmnist: Test/3/00001: event 0 has x = 40, 0..33 are allowed",
    ),
    "fewer events than frames": (
        "nmnist",
        {"Test/3/00001.bin": cameras.bin_of(ONE[:9])},
        r"nmnist: Test/3/00001: has 9 event\(s\), fewer than 10 frames; take fewer frames, or leave it out",
    ),
    "no folder of a class": (
        "nmnist",
        {f"Test/7/{number:05}.bin": None for number in (1,)},
        "nmnist: holds no recording of class 7 in its test part; copy the folder again",
    ),
    "no list": ("dvs128_gesture", {"DvsGesture/trials_to_test.txt": None}, "lacks trials_to_test.txt, which tells the"),
    "no table": (
        "dvs128_gesture",
        {f"{USER}_labels.csv": None},
        "lacks user24_led_labels.csv, which trials_to_test.txt",
    ),
    "no recording": (
        "dvs128_gesture",
        {f"{USER}.aedat": None},
        "lacks user24_led.aedat, which trials_to_test.txt asks",
    ),
    "a trial of no time": (
        "dvs128_gesture",
        {f"{USER}_labels.csv": TABLE + b"1,5,5"},
        "user24_led_labels.csv: line 2 is '1,5,5', a class of 1..11, and microseconds of a start before its end",
    ),
    "a class of no name": (
        "dvs128_gesture",
        {f"{USER}_labels.csv": TABLE + b"12,5,6"},
        "user24_led_labels.csv: line 2 is '12,5,6', a class of",
    ),
    "a table of words": (
        "dvs128_gesture",
        {f"{USER}_labels.csv": TABLE + b"a,b,c"},
        "line 2 is 'a,b,c', a class of 1..11",
    ),
    "a trial without events": (
        "dvs128_gesture",
        {
            f"{USER}_labels.csv": TABLE
            + b"\n".join(b"%d,%d,%d" % (one, 10**9 + one, 10**9 + one + 1) for one in range(1, 12))
        },
        "dvs128_gesture: user24_led/0: holds no events",
    ),
}


@pytest.mark.parametrize("case", REFUSED, ids=lambda name: name.replace(" ", "-"))
def test_bad_folders_are_refused_in_one_line(folder: Path, case: str) -> None:
    name, changed, told = REFUSED[case]
    files: dict[str, bytes | None] = {**FILES[name](), **changed}
    cameras.write(folder / name, {path: one for path, one in files.items() if one is not None})
    with pytest.raises(DataError, match=told) as error:
        part(name, "test")
    assert "\n" not in str(error.value)
    assert not list((folder.parent / "cache").rglob("*.npz"))


@pytest.mark.parametrize(("name", "told"), [("nmnist", "Test/0/00001"), ("dvs128_gesture", "trials_to_train.txt")])
def test_a_file_that_is_there_twice_is_refused(folder: Path, name: str, told: str) -> None:
    files = FILES[name]()
    cameras.write(folder / name / "one", files)
    cameras.write(folder / name / "two", files)
    with pytest.raises(DataError, match=f"{name}: holds {told} 2 times; name the one folder that is to be read"):
        part(name, "test")


def test_a_folder_of_something_else_is_refused(folder: Path) -> None:
    cameras.write(folder / "cifar10dvs", {"airplane/0.aedat4": b"#!AER-DAT4.0"})
    with pytest.raises(DataError, match=r"holds no CIFAR10-DVS: .* take the original files, AEDAT 4 is not read"):
        part("cifar10dvs", "test")
    with pytest.raises(DataError, match=r"is a folder; name an .npz .* or a folder or archive of nmnist"):
        part(folder / "cifar10dvs", "test")
    cameras.write(folder / "nmnist", cameras.nmnist())
    with pytest.raises(DataError, match=r"data\.spatial_bin: nmnist has rows and columns; leave it out"):
        part("nmnist", "test", spatial_bin=2)


@pytest.mark.parametrize("name", ["../00001.bin", "Test/../../00001.bin", "/tmp/00001.bin", "C:/00001.bin"])
@pytest.mark.parametrize("ending", [".zip", ".tar.gz"])
def test_an_archive_with_a_path_that_leaves_the_folder_is_refused(folder: Path, name: str, ending: str) -> None:
    cameras.pack(folder / "nmnist" / f"Train{ending}", cameras.nmnist() | {name: b""})
    with pytest.raises(DataError, match=f"Train{ending}: holds '{name}', a path that leaves the folder"):
        part("nmnist", "test")
    assert not list(folder.parent.rglob("00001.bin"))


def test_links_in_an_archive_are_left_out(folder: Path) -> None:
    with tarfile.open(cameras.pack(folder / "nmnist" / "all.tar", {}).with_suffix(".tar"), "w") as archive:
        link = tarfile.TarInfo("Test/0/00009.bin")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    cameras.pack(folder / "nmnist" / "more.zip", cameras.nmnist())
    assert len(part("nmnist", "test")) == 10


@pytest.mark.parametrize("ending", [".zip", ".tar.gz"])
def test_a_damaged_archive_is_told(folder: Path, ending: str) -> None:
    path = cameras.pack(folder / "nmnist" / f"Test{ending}", cameras.nmnist())
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match=rf"Test{ending}: is damaged, it cannot be unpacked \(.*\); copy it again"):
        part("nmnist", "test")
