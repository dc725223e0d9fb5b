"""Pictures in a folder for each class, as of ImageNet: read when they are asked for, cut to one size.

Below the folder lie `train`, and `val` for tests; classes are numbered in the order of their folders' names.
Axes: B sample.
"""

import functools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from neurodeploy.data.dataset import Samples, Source
from neurodeploy.data.fetch import present
from neurodeploy.data.settings import Wanted
from neurodeploy.data.spikes import check_classes
from neurodeploy.data.stream import SampleSource
from neurodeploy.errors import DataError
from neurodeploy.phrases import plural

SIZE, SHORT_SIDE = 224, 256
"""Rows and columns that are cut from the middle, of pictures whose shorter side was made this."""
ENDINGS = (".jpeg", ".jpg", ".png", ".bmp", ".webp")
NEEDED = "name the folder that holds train and val, each with a folder of pictures for every class"


def load_class_folders(source: Source, wanted: Wanted, split: str) -> Samples:
    """Return the pictures of the parts that are asked for, of which none is held.

    Raises:
        DataError: a part or its pictures are absent; one that cannot be decoded is named, or with `skip_broken` left
            out, and a note says so.
    """
    root = present(source, source.file)
    parts = {"all": ("train", "val"), "test": ("val",)}.get(split, ("train",))
    classes = _classes(root, "train" if (root / "train").is_dir() else parts[0])
    version = " ".join(str(one.stat().st_mtime_ns) for part in parts for one in sorted((root / part).glob("*")))
    found = [(one, part == "val") for part in parts for one in _pictures(root, part, classes, version)]
    notes: list[str] = []
    if wanted.skip_broken:
        broken = {path for part in parts for path in _broken(root, part, classes, version)}
        found = [one for one in found if one[0][0] not in broken]
        if broken:
            notes = [f"{source.name}: {plural(len(broken), 'broken picture')} left out, the first is {min(broken)}"]
    paths, labels_B = [path for (path, _), _ in found], np.array([label for (_, label), _ in found], np.int64)
    check_classes(source.name, labels_B, source.n_classes)

    def read(batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for chosen in batches:
            some = np.stack([picture(paths[index]) for index in chosen])
            yield np.repeat(some.reshape(len(chosen), 1, -1), wanted.n_steps, axis=1)

    shape = (3, SIZE, SIZE)
    data = SampleSource(source.name, labels_B, wanted.n_steps, shape, read, classes, kind="counts", notes=tuple(notes))
    return Samples(data, np.array([is_test for _, is_test in found]), rule="parts: official (train, and val for tests)")


def picture(path: str) -> np.ndarray:
    """Return a picture (3, rows, columns) of bytes, its middle.

    Raises:
        DataError: it cannot be decoded.
    """
    try:
        with Image.open(path) as stored:
            image = stored.convert("RGB")
    except Exception as error:  # decoders raise many kinds
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        advice = "copy it again, or set data.skip_broken=true to leave such out"
        raise DataError(f"cannot be decoded ({reason})", advice, where=path) from None
    scale = SHORT_SIDE / min(image.size)
    width, rows = (max(SIZE, round(scale * side)) for side in image.size)
    left, top = (width - SIZE) // 2, (rows - SIZE) // 2
    image = image.resize((width, rows), Image.Resampling.BICUBIC).crop((left, top, left + SIZE, top + SIZE))
    return np.asarray(image).transpose(2, 0, 1)


def _classes(root: Path, part: str) -> tuple[str, ...]:
    folder = root / part
    found = sorted(one.name for one in os.scandir(folder) if one.is_dir()) if folder.is_dir() else []
    if not found:
        raise DataError(f"has no folder {part} with a folder for every class", NEEDED, where=root)
    return tuple(found)


@functools.lru_cache(maxsize=4)
def _pictures(root: Path, part: str, classes: tuple[str, ...], version: str) -> list[tuple[str, int]]:
    """Return path and class of each picture of a part."""
    odd = sorted(set(_classes(root, part)) - set(classes))
    if odd:
        raise DataError(f"class {odd[0]!r} of {part} is not in train", NEEDED, where=root)
    found = []
    for label, name in enumerate(classes):
        folder = root / part / name
        inside = sorted(os.listdir(folder)) if folder.is_dir() else []
        found += [(str(folder / one), label) for one in inside if one.lower().endswith(ENDINGS)]
    if not found:
        raise DataError(f"{part} holds no pictures ({', '.join(ENDINGS)})", NEEDED, where=root)
    return found


@functools.lru_cache(maxsize=4)
def _broken(root: Path, part: str, classes: tuple[str, ...], version: str) -> list[str]:
    found = []
    for path, _ in _pictures(root, part, classes, version):
        try:
            picture(path)
        except DataError:
            found.append(path)
    return found
