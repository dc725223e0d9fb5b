"""Pictures in a folder for each class: read when asked for, cut to their middle, and named where they are broken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from neurodeploy.data import class_folders
from neurodeploy.data.load import open_part
from neurodeploy.data.settings import DataSettings
from neurodeploy.data.stream import SampleSource
from neurodeploy.errors import DataError

CLASSES = ("n01440764", "n01443537", "n01484850")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NEURODEPLOY_DATA", str(tmp_path))
    root = tmp_path / "imagenet"
    for part, n_pictures in (("train", 4), ("val", 2)):
        for label, name in enumerate(CLASSES):
            (root / part / name).mkdir(parents=True)
            for number in range(n_pictures):
                pixels = np.full((300 + 40 * number, 420, 3), 20 * label, np.uint8)
                pixels[:, 205:215] = 200  # a bar in the middle
                Image.fromarray(pixels).save(root / part / name / f"{name}_{number}.JPEG", quality=95)
    return root


def part(split: Any, **settings: Any) -> SampleSource:
    return open_part(DataSettings(dataset="imagenet", n_steps=2, validation_part=0.25, **settings), split)


def test_pictures_are_read_when_asked_for_and_cut_to_their_middle(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded, picture = list[str](), class_folders.picture

    def watched(path: str) -> np.ndarray:
        decoded.append(path)
        return picture(path)

    monkeypatch.setattr(class_folders, "picture", watched)
    train, validation, test = part("train"), part("validation"), part("test")
    assert [np.bincount(one.labels_B).tolist() for one in (train, validation, test)] == [[3] * 3, [1] * 3, [2] * 3]
    assert (test.class_names, test.shape, decoded) == (CLASSES, (3, 224, 224), [])
    found = test.at([4]).spikes_BTI
    assert [Path(one).name for one in decoded] == ["n01484850_0.JPEG"]
    assert found.shape == (1, 2, 3 * 224 * 224)
    assert (found[:, 0] == found[:, 1]).all()
    rows = found[0, 0].reshape(3, 224, 224)
    assert np.abs(rows[:, :, :100].astype(int) - 40).max() < 12
    assert (rows[:, :, 110:114] > 180).all()


def test_a_part_without_a_class_numbers_the_others_as_the_training_part_does(folder: Path) -> None:
    for one in (folder / "val" / CLASSES[0]).iterdir():
        one.unlink()
    (folder / "val" / CLASSES[0]).rmdir()
    assert part("test").labels_B.tolist() == [1, 1, 2, 2]


def test_a_broken_picture_is_named_and_left_out_only_when_asked(folder: Path) -> None:
    path = folder / "train" / CLASSES[1] / f"{CLASSES[1]}_2.JPEG"
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(
        DataError, match=rf"^{path}: cannot be decoded \(.*\); copy it again, or set data.skip_broken=true"
    ):
        part("all").whole()
    found = part("all", skip_broken=True)
    assert len(found.whole().labels_B) == 17
    assert any(note == f"imagenet: 1 broken picture left out, the first is {path}" for note in found.notes)


def test_what_is_no_such_folder_is_one_line(folder: Path) -> None:
    with pytest.raises(DataError, match=r"^data.skip_broken: mnist is no folder of pictures; leave it out$"):
        open_part(DataSettings(dataset="mnist", skip_broken=True), "test")
    (folder / "val" / "other").mkdir()
    with pytest.raises(DataError, match="imagenet: class 'other' of val is not in train; name the folder that holds"):
        part("test")
    (folder / "train").rename(folder / "training")
    with pytest.raises(DataError, match="imagenet: has no folder train with a folder for every class; name the folder"):
        part("train")
