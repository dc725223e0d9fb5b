"""Pictures in IDX files, as MNIST and Fashion-MNIST come: every step of a sample is the same picture.

The format: two zero bytes, 8 for bytes, the number of axes; then each axis, 32 bits, the largest byte first; then the
values. Axes: B sample, T step, I pixel.

Source: LeCun et al., http://yann.lecun.com/exdb/mnist (MNIST); Xiao et al., arXiv:1708.07747 (Fashion-MNIST).
"""

import functools
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from neurodeploy.data.dataset import Samples, Source
from neurodeploy.data.fetch import present
from neurodeploy.data.settings import Wanted
from neurodeploy.data.spikes import check_classes
from neurodeploy.data.stream import SampleSource
from neurodeploy.data.unpack import plain_file
from neurodeploy.errors import DataError

BYTES = 8
"""The code of unsigned bytes."""


def load_pictures(source: Source, wanted: Wanted, split: str) -> Samples:
    """Return pictures and labels of the two parts, of which one byte a pixel is held.

    Raises:
        DataError: a file is absent, damaged, or does not fit the others.
    """
    found = []
    for file in (one for one, _ in source.files_of(split) if "images" in one):
        beside = file.replace("images-idx3", "labels-idx1")
        images, named = (idx(present(source, one), axes) for one, axes in ((file, 3), (beside, 1)))
        if len(images) != len(named):
            raise DataError(f"{source.name}: {file} holds {len(images)} pictures, {beside} {len(named)} labels")
        found.append((images[:, None], named, "test" in file))
    return shown(source, wanted, found)


def shown(
    source: Source, wanted: Wanted, found: Sequence[tuple[np.ndarray, np.ndarray, bool]], names: Sequence[str] = ()
) -> Samples:
    """Return pictures as samples whose steps are all the same.

    Args:
        found: Pictures (B, channels, rows, columns) of bytes, their labels, and whether they are for tests, of some
            files after the other.
        names: Of the classes.

    Raises:
        DataError: a label is unknown.
    """
    pictures = [images for images, _, _ in found]
    labels_B = np.concatenate([labels.astype(np.int64) for _, labels, _ in found])
    check_classes(source.name, labels_B, source.n_classes)
    starts, n_steps = np.cumsum([0, *map(len, pictures)]), wanted.n_steps

    def read(batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for chosen in batches:
            of = np.searchsorted(starts, chosen, side="right") - 1
            some = np.stack([pictures[part][index - starts[part]] for part, index in zip(of, chosen, strict=True)])
            yield np.repeat(some.reshape(len(chosen), 1, -1), n_steps, axis=1)

    data = SampleSource(source.name, labels_B, n_steps, pictures[0].shape[1:], read, tuple(names), kind="counts")
    return Samples(data, np.concatenate([np.full(len(labels), is_test) for _, labels, is_test in found]))


@functools.lru_cache(maxsize=8)
def _idx(path: Path, changed_ns: int, n_axes: int) -> np.ndarray:
    with plain_file(path) as plain:
        content = plain.read_bytes()
    start = 4 * (1 + n_axes)
    if len(content) < start or content[:4] != bytes((0, 0, BYTES, n_axes)):
        raise DataError(f"{path}: is no IDX file of bytes with {n_axes} axes; copy it again")
    shape = tuple(int(size) for size in np.frombuffer(content, ">u4", n_axes, 4))
    if len(content) - start != math.prod(shape):
        raise DataError(f"{path}: says {shape}, and holds {len(content) - start} bytes; copy it again")
    found = np.frombuffer(content, np.uint8, offset=start).reshape(shape)
    found.flags.writeable = False  # it is handed to everybody who asks
    return found


def idx(path: Path, n_axes: int) -> np.ndarray:
    """Return the bytes in an IDX file, which may be packed (.gz), not to be written; a run asks for them often.

    Raises:
        DataError: it is another file, or cut off.
    """
    return _idx(path, path.stat().st_mtime_ns, n_axes)
