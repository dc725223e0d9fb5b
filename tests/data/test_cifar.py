"""CIFAR-10 and CIFAR-100 in the official files: pictures and labels as they were, and pickles that build no more."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurodeploy.data.load import open_part
from neurodeploy.data.settings import DataSettings
from neurodeploy.data.stream import SampleSource
from neurodeploy.errors import DataError
from tests.data.cameras import pack, write

GENERATOR = np.random.default_rng(0)
PICTURES = GENERATOR.integers(0, 256, (120, 3, 32, 32)).astype(np.uint8)
LABELS = np.arange(120) % 10
BATCHES = {"data_batch_1": slice(0, 50), "data_batch_2": slice(50, 100), "test_batch": slice(100, 120)}


def binary() -> dict[str, bytes]:
    """Return the binary version: a label, then red, green and blue, of each picture."""
    rows = np.concatenate([LABELS.astype(np.uint8)[:, None], PICTURES.reshape(120, -1)], axis=1)
    return {f"cifar-10-batches-bin/{name}.bin": rows[some].tobytes() for name, some in BATCHES.items()}


def pickled(key: Any = str.encode) -> dict[str, bytes]:
    """Return the Python version, as Python 2 pickled it but for the keys."""
    held = {
        name: {
            key("data"): PICTURES[some].reshape(-1, 3072),
            key("labels"): LABELS[some].tolist(),
            key("batch_label"): b"x",
        }
        for name, some in BATCHES.items()
    }
    return {f"cifar-10-batches-py/{name}": pickle.dumps(one, protocol=2) for name, one in held.items()}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NEURODEPLOY_DATA", str(tmp_path))
    return tmp_path / "cifar10"


def part(split: Any) -> SampleSource:
    return open_part(DataSettings(dataset="cifar10", n_steps=2), split)


@pytest.mark.parametrize("form", ["binary", "binary.tar.gz", "python", "python.tar.gz", "python of str", "both"])
def test_pictures_come_back(folder: Path, form: str) -> None:
    files = {"python of str": pickled(str), "both": binary() | {"cifar-10-batches-py/data_batch_1": b"unread"}}.get(
        form, binary() if "binary" in form else pickled()
    )
    if form.endswith("gz"):
        pack(folder / f"cifar-10-{form}", files)
    else:
        write(folder, files)
    for split, some in (("all", slice(None)), ("test", slice(100, 120))):
        found = part(split)
        assert (found.shape, found.n_steps, found.kind, found.class_names[3]) == ((3, 32, 32), 2, "counts", "cat")
        np.testing.assert_array_equal(found.labels_B, LABELS[some])
        for step in (0, 1):
            np.testing.assert_array_equal(found.whole().spikes_BTI[:, step], PICTURES[some].reshape(-1, 3072))
    assert len(part("train")) + len(part("validation")) == 100
    own = open_part(DataSettings(dataset=str(next(folder.iterdir())), n_steps=2), "test")
    assert own.digest() == part("test").digest()
    assert found.notes[:2] == (
        "parts: official (data_batch_1 to 5, and test_batch)",
        "cifar10: 20 of 10,000 pictures of the test part are there",
    )
    assert any("its MD5 is not the published" in note for note in found.notes) == form.endswith("gz")


class Harm:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def test_a_pickle_that_asks_for_more_than_arrays_is_refused(folder: Path, tmp_path: Path) -> None:
    harm = pickle.dumps({b"data": Harm(tmp_path / "harm"), b"labels": [0]}, protocol=2)
    write(folder, {"cifar-10-batches-py/test_batch": harm})
    told = (
        r"cifar-10-batches-py/test_batch: asks for \w+\.mkdir, only arrays of bytes are read; take the binary version"
    )
    with pytest.raises(DataError, match=told):
        part("test")
    assert not (tmp_path / "harm").exists()
    pickle.loads(harm)
    assert (tmp_path / "harm").exists()


BAD: dict[str, tuple[dict[str, bytes], str]] = {
    "a cut binary": ({"test_batch.bin": bytes(3000)}, "test_batch.bin: is cut off: 3000 bytes of pictures, 3073 each"),
    "a cut pickle": (
        {"test_batch": pickled()["cifar-10-batches-py/test_batch"][:-9]},
        "is no batch of CIFAR-10's Python",
    ),
    "an array of others": (
        {"test_batch": pickle.dumps({"data": np.zeros((2, 3072)), "labels": [0, 1]}, protocol=2)},
        r"is no batch of CIFAR-10's Python version \(its data are f8 of shape \(2, 3072\)\)",
    ),
    "fewer labels": (
        {"test_batch": pickle.dumps({"data": PICTURES[:2].reshape(2, -1), "labels": [0]}, protocol=2)},
        "is no b",
    ),
    "an array of a size that is not there": (
        {"test_batch": pickled()["cifar-10-batches-py/test_batch"].replace(b"K\x14M\x00\x0c", b"K\xffM\x00\x0c")},
        "is no batch",
    ),
    "a label of no class": ({"test_batch.bin": b"\x0a" + bytes(3072)}, "cifar10: label 10 is unknown"),
    "no test part": (
        {"data_batch_1.bin": bytes(3073)},
        "holds no pictures of the part that is needed; copy data_batch_1",
    ),
    "nothing": ({"readme.html": b"words"}, "holds no batch of CIFAR-10; name the folder with data_batch_1"),
}


@pytest.mark.parametrize("case", BAD, ids=lambda name: name.replace(" ", "-"))
def test_bad_files_are_refused_in_one_line(folder: Path, case: str) -> None:
    files, told = BAD[case]
    write(folder, files)
    with pytest.raises(DataError, match=told) as error:
        part("test")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("form", ["binary", "python"])
def test_cifar100_has_the_fine_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    monkeypatch.setenv("NEURODEPLOY_DATA", str(tmp_path))
    fine, coarse = np.arange(120).astype(np.uint8) % 100, np.full(120, 7, np.uint8)
    rows = np.concatenate([coarse[:, None], fine[:, None], PICTURES.reshape(120, -1)], axis=1)
    parts, files = {"train": slice(0, 100), "test": slice(100, 120)}, dict[str, bytes]()
    for name, some in parts.items():
        held = {b"data": PICTURES[some].reshape(-1, 3072), b"fine_labels": fine[some].tolist(), b"coarse_labels": [7]}
        files |= {f"b/{name}.bin": rows[some].tobytes()} if form == "binary" else {f"p/{name}": pickle.dumps(held)}
    words = [f"thing_{number}" for number in range(100)]
    write(tmp_path / "cifar100", files | {"b/fine_label_names.txt": "\n".join(words).encode()})
    for split, some in (("all", slice(None)), ("test", parts["test"])):
        found = open_part(DataSettings(dataset="cifar100", n_steps=2), split)  # type: ignore[arg-type]
        np.testing.assert_array_equal(found.labels_B, fine[some])
        np.testing.assert_array_equal(found.whole().spikes_BTI[:, 1], PICTURES[some].reshape(-1, 3072))
        assert found.class_names[99] == "thing_99"
