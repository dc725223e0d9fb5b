"""An .npz of pictures is what the dataset's own files would be."""

from pathlib import Path

import numpy as np
import pytest

from neurodeploy.data.datasets import SOURCES
from neurodeploy.data.load import open_part
from neurodeploy.data.pictures import open_pictures
from neurodeploy.data.sequences import SHA256, permutation
from neurodeploy.data.settings import DataSettings
from neurodeploy.errors import DataError

GREY = np.arange(3 * 28 * 28, dtype=np.uint32).reshape(3, 28, 28).astype(np.uint8)
LABELS = np.array([4, 0, 9])


def saved(folder: Path, **arrays: np.ndarray) -> Path:
    path = folder / "mine.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


def test_each_image_is_every_step_of_its_sample(tmp_path: Path) -> None:
    path = saved(tmp_path, images=GREY, labels=LABELS)
    found = open_pictures(str(path), SOURCES, "mnist", 5)
    assert found is not None
    data = found.whole()
    assert data.spikes_BTI.shape == (3, 5, 28 * 28)
    assert np.array_equal(data.spikes_BTI, np.repeat(GREY.reshape(3, 1, -1), 5, axis=1))
    assert np.array_equal(data.labels_B, LABELS)
    assert found.kind == "counts"
    assert "shown as mnist shows its pictures, 5 steps" in found.notes[-1]


def test_colours_become_channels(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.uint8)
    found = open_pictures(str(saved(tmp_path, images=images, labels=LABELS[:2])), SOURCES, "cifar10", 2)
    assert found is not None
    planes = found.whole().spikes_BTI.reshape(2, 2, 3, 32, 32)
    assert found.shape == (3, 32, 32)
    assert all(np.array_equal(planes[:, step, colour], images[..., colour]) for step in (0, 1) for colour in range(3))


def test_spikes_are_no_pictures(tmp_path: Path) -> None:
    spikes = np.zeros((1, 2, 3), np.uint8)
    mixed = saved(tmp_path, spikes=spikes, images=GREY, labels=LABELS)
    for one in (str(mixed), "mnist", str(tmp_path / "none.npz")):
        assert open_pictures(one, SOURCES, "mnist", 2) is None


def test_sequences_are_the_datasets_own(tmp_path: Path) -> None:
    path = str(saved(tmp_path, images=GREY, labels=LABELS))
    shuffled = open_pictures(path, SOURCES, "psmnist", None)
    assert shuffled is not None
    np.testing.assert_array_equal(shuffled.whole().spikes_BTI[:, :, 0], GREY.reshape(3, -1)[:, permutation()])
    assert any(SHA256 in one for one in shuffled.notes)
    digits = DataSettings(dataset="digits_rows")
    test = open_part(digits, "test").whole()
    images = test.spikes_BTI[:5].reshape(5, 8, 8)
    for n_steps in (8, 64):
        path = str(saved(tmp_path, images=images, labels=test.labels_B[:5]))
        found = open_pictures(path, SOURCES, "digits_rows", n_steps)
        assert found is not None
        np.testing.assert_array_equal(found.whole().spikes_BTI, images.reshape(5, n_steps, -1))


@pytest.mark.parametrize(
    ("arrays", "dataset", "says"),
    [
        ({"images": GREY}, "mnist", "lacks the array labels; add the class of each image"),
        ({"images": GREY / 255, "labels": LABELS}, "mnist", "found float64 of shape"),
        ({"images": GREY[0], "labels": LABELS}, "mnist", "found uint8 of shape"),
        ({"images": GREY[..., None], "labels": LABELS}, "mnist", "found uint8 of shape"),
        ({"images": GREY[:0], "labels": LABELS[:0]}, "mnist", "save at least one"),
        ({"images": GREY, "labels": LABELS[:2]}, "mnist", "one each is needed"),
        ({"images": GREY, "labels": LABELS + 7}, "mnist", "classes"),
        ({"images": GREY, "labels": LABELS}, "shd", "names shd, which has no pictures; name a run folder"),
        ({"images": GREY, "labels": LABELS}, "None", "names no dataset, which has no pictures"),
        ({"images": GREY[:, :20], "labels": LABELS}, "psmnist", "found pictures of 560 values, 784 are needed"),
        ({"images": GREY[:, :8, :8], "labels": LABELS}, "digits_rows", "up to 235, 8 x 8 of 0 to 16 are needed"),
    ],
)
def test_what_is_no_picture_is_one_line(arrays: dict[str, np.ndarray], dataset: str, says: str, tmp_path: Path) -> None:
    path = saved(tmp_path, **arrays)
    with pytest.raises(DataError) as caught:
        open_pictures(str(path), SOURCES, dataset, None)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
