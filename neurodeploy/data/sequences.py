"""Pictures as sequences: MNIST pixel by pixel in a shuffled order (psMNIST), and scikit-learn's digits row by row.

Axes: B sample, T step, I channel.
"""

import functools
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from neurodeploy.data.dataset import Pictures, Samples, Source, stratified
from neurodeploy.data.idx import load_pictures, shown
from neurodeploy.data.settings import Wanted
from neurodeploy.data.spikes import SpikeData, check_classes
from neurodeploy.data.stream import PixelOrder, SampleSource, from_memory
from neurodeploy.errors import DataError

N_PIXELS = 784
SHA256 = "270deb57c4870003ce4534865b0f04e317928a27ad60fbb85f672e2b3b340d86"
"""Of the permutation as 64-bit integers, the smallest byte first."""
NOTE = (
    f"psMNIST in the order of pytorch-lmu's permutation (torch.manual_seed(0), randperm(784)), SHA-256 {SHA256}; "
    "keras-lmu's is another"
)


@functools.cache
def permutation() -> np.ndarray:
    """Return the pixel of each step, int64, not to be written.

    Raises:
        DataError: this version of torch draws another.

    >>> permutation()[:5].tolist(), permutation()[-3:].tolist()
    ([60, 361, 167, 578, 107], [510, 253, 588])
    """
    import torch

    found = torch.randperm(N_PIXELS, generator=torch.Generator().manual_seed(0)).numpy().astype("<i8")
    if hashlib.sha256(found.tobytes()).hexdigest() != SHA256:
        raise DataError(
            f"psmnist: torch {torch.__version__} draws another permutation than pytorch-lmu's; take torch 2.13"
        )
    found.flags.writeable = False
    return found


def load_psmnist(source: Source, wanted: Wanted, split: str) -> Samples:
    """Return MNIST as sequences of bytes, a pixel a step.

    Raises:
        DataError: see `load_pictures`; or there are not so many pixels.
    """
    return _shuffled(source, wanted, load_pictures(source, replace(wanted, n_steps=1), split))


def show_psmnist(source: Source, wanted: Wanted, found: Pictures) -> Samples:
    """Return pictures as `load_psmnist` does those of MNIST."""
    return _shuffled(source, wanted, shown(source, replace(wanted, n_steps=1), found))


def _shuffled(source: Source, wanted: Wanted, found: Samples) -> Samples:
    pictures = found.data
    if pictures.n_inputs != N_PIXELS:
        raise DataError(f"{source.name}: found pictures of {pictures.n_inputs} values, {N_PIXELS} are needed (28 x 28)")
    if wanted.n_steps > N_PIXELS:
        raise DataError(f"data.n_steps: found {wanted.n_steps}, {source.name} has {N_PIXELS} pixels; leave it out")
    order_T = permutation()[: wanted.n_steps]

    def read(batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        return (one[:, 0, order_T, None] for one in pictures.read(batches))

    order = PixelOrder(pictures.shape, order_T) if len(order_T) == N_PIXELS else None
    data = replace(pictures, n_steps=len(order_T), shape=(1,), read=read, order=order, notes=(NOTE,))
    return replace(found, data=data)


@functools.cache
def _digits() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return bunch.data.astype(np.uint8), bunch.target


def load_digits_rows(source: Source, wanted: Wanted, split: str) -> Samples:
    """Return the digits, 64 numbers from 0 to 16, in equal pieces: 8 steps are rows, 64 are pixels.

    The parts are those of `digits`.

    Raises:
        DataError: they have no such pieces.
    """
    images, labels_B = _digits()
    is_test_B = np.zeros(len(images), dtype=bool)
    is_test_B[stratified(labels_B, 0.2)] = True
    return Samples(_pieces(source, wanted, images, labels_B), is_test_B)


def show_digits_rows(source: Source, wanted: Wanted, found: Pictures) -> Samples:
    """Return pictures of 8 x 8 numbers from 0 to 16 as `load_digits_rows` does the digits."""
    ((pictures, labels_B, is_test),) = found
    if pictures.shape[1:] != (1, 8, 8) or pictures.max() > 16:
        size = f"{pictures.shape[1]} x {pictures.shape[2]} x {pictures.shape[3]}"
        raise DataError(f"{source.name}: found pictures of {size} up to {pictures.max()}, 8 x 8 of 0 to 16 are needed")
    check_classes(source.name, labels_B, source.n_classes)
    return Samples(_pieces(source, wanted, pictures, labels_B), np.full(len(labels_B), is_test))


def _pieces(source: Source, wanted: Wanted, pictures: np.ndarray, labels_B: np.ndarray) -> SampleSource:
    if 64 % wanted.n_steps:
        raise DataError(f"data.n_steps: found {wanted.n_steps}, {source.name} is cut into 1, 2, 4, 8, 16, 32 or 64")
    names = tuple(map(str, range(source.n_classes)))
    pieces_BTI = pictures.reshape(len(pictures), wanted.n_steps, -1)
    return from_memory(SpikeData(source.name, pieces_BTI, labels_B.astype(np.int64), names, "counts"))
