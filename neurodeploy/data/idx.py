"""Pictures in IDX files, as MNIST and Fashion-MNIST come: every step of a sample is the same picture.

The format: two zero bytes, 8 for bytes, the number of axes; then each axis, 32 bits, the largest byte first; then the
values. Axes: B sample, T step, I pixel.

Source: LeCun et al., http://yann.lecun.com/exdb/mnist (MNIST); Xiao et al., arXiv:1708.07747 (Fashion-MNIST).
"""

import functools
import math
from collections.abc import Iterable, Iterator
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
    files = [file for file in source.files if split == "all" or ("test" in file) == (split == "test")]
    pictures, labels, is_test = [], [], []
    for file in (one for one in files if "images" in one):
        beside = file.replace("images-idx3", "labels-idx1")
        images, named = (idx(present(source, one), axes) for one, axes in ((file, 3), (beside, 1)))
        if len(images) != len(named):
            raise DataError(f"{source.name}: {file} holds {len(images)} pictures, {beside} {len(named)} labels")
        pictures.append(images)
        labels.append(named.astype(np.int64))
        is_test.append(np.full(len(images), "test" in file))
    check_classes(source.name, np.concatenate(labels), source.n_classes)
    starts, n_steps = np.cumsum([0, *map(len, pictures)]), wanted.n_steps

    def read(batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for chosen in batches:
            of = np.searchsorted(starts, chosen, side="right") - 1
            some = np.stack([pictures[part][index - starts[part]] for part, index in zip(of, chosen, strict=True)])
            yield np.repeat(some.reshape(len(chosen), 1, -1), n_steps, axis=1)

    shape = (1, *pictures[0].shape[1:])
    data = SampleSource(source.name, np.concatenate(labels), n_steps, shape, read, kind="counts")
    return Samples(data, np.concatenate(is_test))


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
