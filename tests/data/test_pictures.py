"""An .npz of pictures is what the dataset's own files would be."""

from pathlib import Path

import numpy as np
import pytest

from neurodeploy.data.datasets import SOURCES
from neurodeploy.data.pictures import holds_pictures, open_pictures
from neurodeploy.errors import DataError

GREY = np.arange(3 * 28 * 28, dtype=np.uint32).reshape(3, 28, 28).astype(np.uint8)
LABELS = np.array([4, 0, 9])


def saved(folder: Path, **arrays: np.ndarray) -> Path:
    path = folder / "mine.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


def test_each_image_is_every_step_of_its_sample(tmp_path: Path) -> None:
    path = saved(tmp_path, images=GREY, labels=LABELS)
    assert holds_pictures(str(path))
    found = open_pictures(path, SOURCES["mnist"], 5)
    data = found.whole()
    assert data.spikes_BTI.shape == (3, 5, 28 * 28)
    assert np.array_equal(data.spikes_BTI, np.repeat(GREY.reshape(3, 1, -1), 5, axis=1))
    assert np.array_equal(data.labels_B, LABELS)
    assert found.kind == "counts"
    assert "shown as mnist shows its pictures, 5 steps" in found.notes[-1]


def test_colours_become_channels(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.uint8)
    found = open_pictures(saved(tmp_path, images=images, labels=LABELS[:2]), SOURCES["cifar10"], 2)
    planes = found.whole().spikes_BTI.reshape(2, 2, 3, 32, 32)
    assert found.shape == (3, 32, 32)
    assert all(np.array_equal(planes[:, step, colour], images[..., colour]) for step in (0, 1) for colour in range(3))


def test_spikes_are_no_pictures(tmp_path: Path) -> None:
    spikes = np.zeros((1, 2, 3), np.uint8)
    assert not holds_pictures(str(saved(tmp_path, spikes=spikes, images=GREY, labels=LABELS)))
    assert not holds_pictures("mnist")
    assert not holds_pictures(str(tmp_path / "none.npz"))


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
        ({"images": GREY, "labels": LABELS}, None, "names no dataset, which has no pictures"),
    ],
)
def test_what_is_no_picture_is_one_line(
    arrays: dict[str, np.ndarray], dataset: str | None, says: str, tmp_path: Path
) -> None:
    path = saved(tmp_path, **arrays)
    with pytest.raises(DataError) as caught:
        open_pictures(path, None if dataset is None else SOURCES[dataset], None)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
