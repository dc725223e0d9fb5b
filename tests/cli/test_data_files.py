"""Data files: dense .npz and HDF5 in SHD layout, good ones that work and bad ones that say what is wrong."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests import needs
from tests.cli import graphs
from tests.cli.support import Shell
from tests.data.shd import write_shd

pytestmark = pytest.mark.usefixtures("good")


def refused(shell: Shell, data: str, says: str) -> None:
    """Every verb that takes data refuses it alike."""
    for verb in ("simulate", "certify"):
        shell.refuses(verb, "good.nir", "--data", data, "--dt", "1e-3", says=says)
    shell.refuses("compile", "good.nir", "--out", "p.npz", "--calibrate", data, "--dt", "1e-3", says=says)


ARRAYS: dict[str, tuple[dict[str, Any], str]] = {
    "objects": ({"spikes": np.array([{}, 1], dtype=object)}, "damaged .npz or holds objects"),
    "labels of objects": ({"labels": np.array([{}] * 6, dtype=object)}, "damaged .npz or holds objects"),
    "class names of objects": ({"class_names": np.array([{}], dtype=object)}, "holds objects .*save plain arrays"),
    "nothing": ({"spikes": None, "labels": None}, "lacks the array labels and spikes, found none"),
    "many others": (
        {"spikes": None} | {f"layer{number:02}": np.zeros(1) for number in range(40)},
        r"lacks the array spikes, found labels, layer00, .*layer08, \[\.\.\.\]; give an",
    ),
    "no spikes": ({"spikes": None}, "lacks the array spikes, found labels"),
    "no labels": ({"labels": None}, "lacks the array labels, found spikes"),
    "other channels": ({"spikes": graphs.spikes(n_channels=7)}, "7 channels, the network takes 4"),
    "a label too many": ({"labels": np.array([0, 1, 2, 3, 0, 0])}, "label 3 is unknown, .* 0..2; 1 of 6 samples"),
    "a negative label": ({"labels": np.array([0, -1, 2, 0, 0, 0])}, "label -1 is unknown"),
    "an endless label": ({"labels": np.full(6, 1 << 63, np.uint64)}, "label 9223372036854775808 is too large"),
    "fewer labels": ({"labels": np.array([0, 1])}, r"6 samples have labels of shape \(2,\), one each"),
    "labels as a column": ({"labels": np.zeros((6, 1), int)}, r"labels of shape \(6, 1\)"),
    "labels with fractions": ({"labels": np.ones(6)}, "labels float64; numbers and whole numbers"),
    "labels in words": ({"labels": np.array(list("abcabc"))}, "labels <U1"),
    "two spikes in a step": ({"spikes": 2 * graphs.spikes()}, "values from 0 to 2, only 0 and 1"),
    "negative spikes": ({"spikes": -graphs.spikes().astype(int)}, "values from -1 to 0"),
    "half a spike": ({"spikes": 0.5 * graphs.spikes()}, "values from 0.0 to 0.5"),
    "spikes of NaN": ({"spikes": np.nan * graphs.spikes()}, "values from nan"),
    "spikes in words": ({"spikes": graphs.spikes().astype(str)}, "spikes are <U3"),
    "no samples": ({"spikes": np.zeros((0, 5, 4)), "labels": np.zeros(0, int)}, r"shape \(0, 5, 4\)"),
    "no steps": ({"spikes": np.zeros((6, 0, 4))}, r"shape \(6, 0, 4\)"),
    "no channels": ({"spikes": np.zeros((6, 5, 0))}, r"shape \(6, 5, 0\)"),
    "two axes": ({"spikes": np.zeros((6, 5))}, r"\(6, 5\), \(samples, steps, channels\)"),
}

EVENTS: dict[str, tuple[tuple[Any, ...], str]] = {
    "negative times": (([[-0.001]], [[0]], [0]), "sample 0 has times from -0.001 to -0.001, finite seconds from 0"),
    "times of NaN": (([[np.nan]], [[0]], [0]), "sample 0 has times from nan"),
    "infinite times": (([[np.inf]], [[0]], [0]), "sample 0 has times from inf"),
    "times in milliseconds": (([[1400000.0]], [[0]], [0]), "1.4e.09 steps of 0.001 s, .*times must be in seconds"),
    "times beyond floats": (([[1e300]], [[0]], [0]), "times must be in seconds"),
    "a unit too many": (([[0.001]], [[4]], [0]), "units 4..4, 0..3 are allowed"),
    "a negative unit": (([[0.001]], [[-1]], [0]), "units -1..-1"),
    "units with fractions": (([[0.001]], [[1.5]], [0], np.float64, np.float64), "spikes/units holds lists of float64"),
    "times in whole numbers": (([[1]], [[1]], [0], np.int64), "spikes/times holds lists of int64, lists of real"),
    "fewer units than times": (([[0.001, 0.002]], [[1]], [0]), "sample 0 has 2 times and 1 units"),
    "fewer samples of units": (([[0.001], [0.001]], [[1]], [0, 1]), "2 samples of times and 1 of units"),
    "fewer labels": (([[0.001], [0.001]], [[1], [1]], [0]), r"2 samples have labels of shape \(1,\)"),
    "an unknown label": (([[0.001]], [[1]], [9]), "label 9 is unknown"),
    "labels with fractions": (([[0.001]], [[1]], [0.5]), "labels float64"),
    "a single label": (([[0.001]], [[1]], 0), "labels is no list"),
    "no labels": (([[0.001]], [[1]], None), "is not in SHD layout .*labels"),
    "no samples": (([], [], np.zeros(0, int)), "0 samples of times"),
}


@pytest.mark.parametrize("case", ARRAYS, ids=lambda name: name.replace(" ", "-"))
def test_bad_arrays_are_refused(shell: Shell, case: str) -> None:
    arrays, says = ARRAYS[case]
    graphs.write_data(shell.folder / "bad.npz", **arrays)
    refused(shell, "bad.npz", f"bad.npz: .*{says}" if "label" not in says[:5] else says)


@pytest.mark.parametrize("case", EVENTS, ids=lambda name: name.replace(" ", "-"))
def test_bad_events_are_refused(shell: Shell, case: str) -> None:
    values, says = EVENTS[case]
    write_shd(shell.folder / "bad.h5", *values)
    refused(shell, "bad.h5", f"bad.h5: .*{says}")


def test_names_of_nothing(shell: Shell) -> None:
    refused(shell, "missing.npz", "missing.npz: cannot be read .No such file")
    refused(shell, "digitz", "'digitz' is neither a file nor a dataset; did you mean 'digits'")
    refused(shell, "zzz", "choose one of braille7, cifar10, .*digits")
    refused(shell, "", "'' is neither a file nor a dataset")
    refused(shell, "a" * 300, "is neither a file nor a dataset")
    refused(shell, ".", "is a folder; name an .npz")


@pytest.mark.parametrize("content", [b"", b"words", b"PK\x03\x04", b"PK\x03\x04 words", b"\x89HDF\r\n\x1a\n words"])
def test_files_of_something_else(shell: Shell, content: bytes) -> None:
    (shell.folder / "other.npz").write_bytes(content)
    refused(shell, "other.npz", "other.npz: is (of another format|a damaged|empty)")


def test_archives_without_arrays(shell: Shell) -> None:
    with zipfile.ZipFile(shell.folder / "none.npz", "w") as archive:
        archive.writestr("readme.txt", "words")
    refused(shell, "none.npz", "lacks the array labels and spikes, found readme.txt")
    with zipfile.ZipFile(shell.folder / "words.npz", "w") as archive:
        archive.writestr("spikes.npy", "words")
        archive.writestr("labels.npy", "words")
    refused(shell, "words.npz", "spikes is no array")


def test_arrays_larger_than_the_memory(shell: Shell) -> None:
    head = str({"descr": "|u1", "fortran_order": False, "shape": (1 << 20, 1 << 20, 1 << 10)}).ljust(117) + "\n"
    with zipfile.ZipFile(shell.folder / "huge.npz", "w") as archive:
        archive.writestr("spikes.npy", b"\x93NUMPY\x01\x00v\x00" + head.encode())
        archive.writestr("labels.npy", b"")
    refused(shell, "huge.npz", "huge.npz: (its arrays are larger than the memory|is a damaged)")


@pytest.mark.parametrize("name", ["data.npz", "events.h5"])
def test_truncated_and_flipped_files_give_a_result_or_one_line(shell: Shell, name: str) -> None:
    write_shd(shell.folder / "events.h5", [[0.001, 0.002], [0.003]], [[0, 1], [2]], [0, 1])
    np.savez_compressed(shell.folder / "data.npz", spikes=graphs.spikes(60), labels=graphs.labels(60))
    whole = (shell.folder / name).read_bytes()
    cut = f"cut{Path(name).suffix}"
    for kept in (0.1, 0.5, 0.98):
        (shell.folder / cut).write_bytes(whole[: int(kept * len(whole))])
        refused(shell, cut, f"{cut}: is a damaged")
    rng = np.random.default_rng(2)
    used = np.flatnonzero(np.frombuffer(whole, np.uint8))
    for _ in range(24):
        flipped = bytearray(whole)
        flipped[rng.choice(used)] ^= int(rng.integers(1, 256))
        (shell.folder / cut).write_bytes(flipped)
        said = shell("simulate", "good.nir", "--data", cut, "--dt", "1e-3", "--json")
        assert said.status == 0 or (said.status == 2 and said.err.count("\n") == 1 and not said.out), said


@pytest.mark.parametrize("shape", ["flat", "square", "words", "groups", "scalars"])
def test_hdf5_of_another_layout(shell: Shell, shape: str) -> None:
    with h5py.File(shell.folder / "other.h5", "w") as file:
        for name in ("spikes/times", "spikes/units", "labels"):
            if shape == "groups":
                file.create_group(name)
            else:
                kinds: dict[str, Any] = {
                    "flat": np.ones(3, int),
                    "square": np.ones((3, 2)),
                    "words": ["a", "b"],
                    "scalars": 1.0,
                }
                file[name] = kinds[shape]
    refused(shell, "other.h5", "other.h5: spikes/times (is no list|holds single)")


def test_hdf5_that_claims_more_than_it_holds(shell: Shell) -> None:
    with h5py.File(shell.folder / "huge.h5", "w") as file:
        for name, kind in (("spikes/times", float), ("spikes/units", int)):
            file.create_dataset(name, (1 << 40,), dtype=h5py.vlen_dtype(kind), chunks=(1000,))
        file["labels"] = [0]
    refused(shell, "huge.h5", "huge.h5: spikes/times claims 1099511627776 entries")


SIZES = {"fc1": (5, 4), "fc2": (3, 5)}


@pytest.mark.parametrize("time", [np.float64, np.float32, np.float16])
def test_events_of_an_shd_file_fall_into_their_steps(shell: Shell, time: Any) -> None:
    steps = [[0, 1, 3, 3], [7, 9, 11], []]
    units = [[0, 1, 3, 3], [2, 0, 1], []]
    write_shd(shell.folder / "events.h5", [1e-3 * np.array(one) for one in steps], units, [0, 1, 2], time, np.uint16)
    dense = np.zeros((3, 12, graphs.CHANNELS), np.uint8)
    for sample, (when, which) in enumerate(zip(steps, units, strict=True)):
        dense[sample, when, which] = 1
    graphs.write_data(shell.folder / "dense.npz", spikes=dense, labels=np.arange(3))
    loud = {name: graphs.linear(*size, weight=9 * graphs.weights(*size)) for name, size in SIZES.items()}
    graphs.write_good(shell.folder / "loud.nir", **loud)  # so few events make the good one's output spike never
    for verb, more in (("simulate", ("--traces", "t.npz", "--overwrite")), ("certify", ("--max-accuracy-drop", "1"))):
        found, expected = (
            shell.works(verb, "loud.nir", "--data", data, "--dt", "1e-3", *more) for data in ("events.h5", "dense.npz")
        )
        for key in found.keys() - {"seconds", "samples_per_second", "data", "stages"}:
            assert found[key] == expected[key], key


def test_pictures_and_booleans_are_taken_as_they_are(shell: Shell) -> None:
    plain = shell.works("simulate", "good.nir", "--data", "data.npz", "--dt", "1e-3")
    for spikes in (graphs.spikes().reshape(6, 12, 1, 2, 2), graphs.spikes().astype(bool), graphs.spikes() * 1.0):
        graphs.write_data(shell.folder / "same.npz", spikes=spikes)
        same = shell.works("simulate", "good.nir", "--data", "same.npz", "--dt", "1e-3")
        assert same["synops_per_sample"] == plain["synops_per_sample"]


class TestBraille7:
    """A dataset that cannot be downloaded says where it belongs."""

    def test_absent(self, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        cache = f"below {tmp_path}/no-cache/neurodeploy/data, or set NEURODEPLOY_DATA"
        shell.refuses("train", "braille7", "--out", "run", says=f"braille7_events.npz is not on this machine.*{cache}")
        shell.refuses("run", "braille7", "--out", "run", says="is not on this machine")
        shell.refuses("simulate", "good.nir", "--data", "braille7", "--dt", "1e-3", says="is not on this machine")
        monkeypatch.setenv("NEURODEPLOY_DATA", str(tmp_path / "elsewhere"))
        shell.refuses("run", "braille7", "--out", "run", says=f"below {tmp_path}/elsewhere or ")

    def test_another_file(self, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        place = tmp_path / "data" / "braille7_events" / "braille7_events.npz"
        place.parent.mkdir(parents=True)
        graphs.write_data(place)
        monkeypatch.setenv("NEURODEPLOY_DATA", str(tmp_path / "data"))
        shell.refuses("run", "braille7", "--out", "run", says="its SHA-256 is not the expected .*copy it again")

    def test_listed_with_its_place(self, shell: Shell, tmp_path: Path) -> None:
        rows = {one["name"]: one for one in shell.works("data", "list")["datasets"]}
        assert rows["digits"]["ready"]
        assert not rows["braille7"]["ready"]
        assert rows["braille7"]["path"] is None
        assert str(tmp_path / "no-cache") in rows["braille7"]["searched"][0]
        assert f"braille7: put it at {tmp_path}/no-cache" in shell("data", "list").out

    @pytest.mark.data
    def test_limited_from_the_command_line(
        self, shell: Shell, monkeypatch: pytest.MonkeyPatch, data_folder: str
    ) -> None:
        monkeypatch.setenv("NEURODEPLOY_DATA", data_folder)
        graph = needs.data_folder("nir_paper/03_rnn/braille_noDelay_bias_zero.nir")
        found = shell.works(
            "simulate", graph, "--data", "braille7", "--dt", "1e-4", "--limit", "8", "--backend", "reference"
        )
        assert (found["samples"], found["steps"]) == (8, 256)
