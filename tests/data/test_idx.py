"""Pictures in IDX files: read lazily, the same at every step, in the official layout, and refused where damaged."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from neurodeploy.data.datasets import SOURCES
from neurodeploy.data.load import PARTS, open_part, open_samples
from neurodeploy.data.settings import DataSettings
from neurodeploy.data.stream import SampleSource
from neurodeploy.errors import DataError


def idx(array: np.ndarray) -> bytes:
    """Return an array of bytes in the IDX format, by its description."""
    return bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">u4").tobytes() + array.astype(np.uint8).tobytes()


def write_pictures(folder: Path, n_train: int = 40, n_test: int = 20, seed: int = 0) -> dict[str, np.ndarray]:
    """Write a data set of the official layout, whose classes are bright rows; return its arrays."""
    generator = np.random.default_rng(seed)
    arrays = {}
    folder.mkdir(parents=True, exist_ok=True)
    for part, n_samples in (("train", n_train), ("test", n_test)):
        labels = np.arange(n_samples) % 10
        images = generator.integers(0, 60, (n_samples, 28, 28))
        for image, label in zip(images, labels, strict=True):
            image[2 * label + 3 : 2 * label + 6] += 150
        for name, array in ((f"{part}-images-idx3-ubyte", images), (f"{part}-labels-idx1-ubyte", labels)):
            (folder / f"{name}.gz").write_bytes(gzip.compress(idx(array), 1))
            arrays[name] = array
    return arrays


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NEURODEPLOY_DATA", str(tmp_path))
    return tmp_path / "mnist"


def test_every_step_of_a_sample_is_its_picture(folder: Path) -> None:
    arrays = write_pictures(folder)
    found = open_samples("mnist", n_steps=3)
    assert (len(found), found.n_steps, found.shape, found.kind) == (20, 3, (1, 28, 28), "counts")
    for index in (0, 19, 7):
        sample_TI = found.at([index]).spikes_BTI[0]
        np.testing.assert_array_equal(sample_TI, np.tile(arrays["test-images-idx3-ubyte"][index].ravel(), (3, 1)))
    assert found.labels_B.tolist() == arrays["test-labels-idx1-ubyte"].tolist()
    parts = [open_samples("mnist", split=split) for split in ("train", "validation", "all")]  # type: ignore[arg-type]
    assert sum(map(len, parts[:2])) == 40
    assert len(parts[2]) == 60


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda data: data[:-1], r"test-images-idx3-ubyte: says \(20, 28, 28\), and holds 15679 bytes"),
        (lambda data: data[:7], "is no IDX file of bytes with 3 axes"),
        (lambda data: b"\0\0\x0d\3" + data[4:], "is no IDX file of bytes with 3 axes"),
        (lambda data: idx(np.zeros((19, 28, 28))), "holds 19 pictures, .* 20 labels"),
    ],
)
def test_damaged_files_are_named_in_one_line(folder: Path, damage: object, said: str) -> None:
    write_pictures(folder)
    path = folder / "test-images-idx3-ubyte"
    content = gzip.decompress(path.with_suffix(".gz").read_bytes())
    path.with_suffix(".gz").unlink()
    path.write_bytes(damage(content))  # type: ignore[operator]
    with pytest.raises(DataError, match=said):
        open_samples("mnist")


@pytest.mark.data
def test_the_official_pictures() -> None:
    for name, mean in (("mnist", 0.1307), ("fashion_mnist", 0.2860)):
        assert SOURCES[name].ready
        train = open_samples(name, split="all", n_steps=1)
        assert len(train) >= 60_000
        assert train.at(np.arange(0, 60_000, 7)).spikes_BTI.mean() / 255 == pytest.approx(mean, rel=0.02)


def test_the_last_of_each_class_validate_in_order_and_the_test_part_only_where_it_is_asked_to(folder: Path) -> None:
    arrays = write_pictures(folder, 45, 20)

    def parts(**settings: object) -> list[SampleSource]:
        told = DataSettings.model_validate({"dataset": "mnist", "n_steps": 1, **settings})
        return [open_part(told, split) for split in PARTS]

    def pictures(part: str, chosen: list[int]) -> np.ndarray:
        return arrays[f"{part}-images-idx3-ubyte"][chosen].reshape(len(chosen), 1, -1)

    train, validation, test = parts(validation="last", validation_part=0.5)
    last = [*range(30, 45), *range(25, 30)]  # 5 or 4 of a class: the first 3 or 2 train
    np.testing.assert_array_equal(validation.whole().spikes_BTI, pictures("train", sorted(last)))
    assert len(train) == 25
    assert len(test) == 20
    assert [one for one in test.notes if one.startswith("accuracy-B")]
    train, validation, test = parts(selection="test")
    assert len(train) == 45
    np.testing.assert_array_equal(validation.whole().spikes_BTI, test.whole().spikes_BTI)
    for one in (train, validation, test):
        assert [note for note in one.notes if note.startswith("accuracy-A") and "optimistic" in note]
    assert not [note for one in parts() for note in one.notes if "accuracy-" in note]
