"""Handwritten digits before an event camera: a subset of N-MNIST.

Source: Orchard et al., Frontiers in Neuroscience 9:437, 2015; the subset is slayerPytorch's NMNISTsmall.
"""

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from neurodeploy.data.binning import Binning, Counts, count_events
from neurodeploy.data.cache import KeptCounts, kept_counts, key_of
from neurodeploy.data.dataset import Samples, Source, flags
from neurodeploy.data.fetch import present
from neurodeploy.data.settings import Wanted
from neurodeploy.data.stream import from_counts

SHAPE = (2, 34, 34)
"""Polarity (OFF, ON), row, column: the order in which the NIR paper's network takes them."""
DIGITS = tuple(map(str, range(10)))


def load_nmnist_small(source: Source, wanted: Wanted, split: str) -> Samples:
    """Return digits in the parts of the subset's two files; events after the last step are left out."""
    return _loaded(source, split, Binning(wanted.n_steps, wanted.n_steps * source.dt_s, counts=False, rule="floor"))


def load_nmnist_frames(source: Source, wanted: Wanted, split: str) -> Samples:
    """Return the same digits with their events counted over longer steps."""
    assert wanted.binning is not None
    return _loaded(source, split, wanted.binning)


def _loaded(source: Source, split: str, binning: Binning) -> Samples:
    chosen = source.files_of(split)
    found = [_kept(source.name, present(source, *one), one[1], binning) for one in chosen]
    data = from_counts(
        source.name,
        [piece for one in found for piece in one.counts],
        np.concatenate([one.labels for one in found]),
        DIGITS,
        binary=not binning.counts,
        shape=SHAPE,
    )
    return Samples(data, flags(found, ["test" in file for file, _ in chosen]))


def _kept(name: str, path: Path, sha256: str, binning: Binning) -> KeptCounts:
    def make(add: Callable[[Counts], None]) -> dict[str, np.ndarray]:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {key: stored[key] for key in ("offsets", "p_packed", "x", "y", "dt_us", "label")}
        add(count_events(str(path), _events(arrays), binning, math.prod(SHAPE)))
        return {"labels": arrays["label"]}

    return kept_counts(name, key_of(file=sha256, **vars(binning)), make)


def _events(arrays: dict[str, np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    polarity = np.unpackbits(arrays["p_packed"])[: len(arrays["x"])].astype(np.int64)
    units = np.ravel_multi_index((polarity, arrays["y"], arrays["x"]), SHAPE)
    for first, after in zip(arrays["offsets"][:-1], arrays["offsets"][1:], strict=True):
        yield np.cumsum(arrays["dt_us"][first:after], dtype=np.int64) / 1e6, units[first:after]
