"""The datasets known by name.

A new dataset is one function here and one line in `SOURCES`.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurodeploy.data.encode import regular_rate
from neurodeploy.data.spikes import SpikeData, checked
from neurodeploy.errors import DataError

SPLIT_SEED = 2024
"""Membership of train and validation never depends on a run's seed."""


@dataclass(frozen=True)
class Samples:
    """A whole dataset before it is split."""

    data: SpikeData
    is_test_B: np.ndarray


@dataclass(frozen=True)
class Source:
    """A dataset: what it is, where it comes from, and how to load it with a given number of steps.

    `file` is the path below `NEURODEPLOY_DATA` or the user's cache; empty where none is needed.
    """

    name: str
    what: str
    licence: str
    citation: str
    dt_s: float
    n_steps: int
    load: Callable[[Source, int], Samples]
    file: str = ""
    sha256: str = ""
    note: str = ""

    def path(self) -> Path | None:
        """Return where the file lies, or None when it is not on this machine."""
        return next((one / self.file for one in folders() if (one / self.file).is_file()), None)


def folders() -> list[Path]:
    """Return the folders searched for datasets, in order."""
    named = os.environ.get("NEURODEPLOY_DATA")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "neurodeploy" / "data"
    return ([Path(named)] if named else []) + [cache]


def _load_digits(source: Source, n_steps: int) -> Samples:
    return _digits(n_steps)


@functools.lru_cache(maxsize=2)
def _digits(n_steps: int) -> Samples:
    """Return the digits; a run asks for them dozens of times."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    names = [str(name) for name in bunch.target_names]
    data = checked("digits", regular_rate(bunch.data / 16.0, n_steps), bunch.target, names)
    chosen = np.zeros(len(data), dtype=bool)
    chosen[stratified(data.labels_B, 0.2)] = True
    return Samples(data, chosen)


def _load_braille7(source: Source, n_steps: int) -> Samples:
    path = source.path()
    if path is None:
        raise DataError(
            f"{source.name}: {source.file} is not on this machine and cannot be downloaded; put it below "
            f"{' or '.join(map(str, folders()))}, or set NEURODEPLOY_DATA ({source.note})"
        )
    if hashlib.sha256(path.read_bytes()).hexdigest() != source.sha256:
        raise DataError(f"{path}: its SHA-256 is not the expected {source.sha256[:12]}…; copy it again")
    with np.load(path, allow_pickle=False) as stored:
        shape = tuple(int(size) for size in stored["shape"])
        bits = np.unpackbits(stored["spikes_packed"], axis=1)[:, : shape[1] * shape[2]]
        names = [str(name) for name in stored["class_names"]]
        data = checked("braille7", bits.reshape(shape)[:, :n_steps], stored["label"], names)
        return Samples(data, stored["is_test"].astype(bool))


SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        Source(
            name="digits",
            what="1,797 handwritten digits, 8x8 pixels, as regular spike trains; inside scikit-learn",
            licence="CC BY 4.0",
            citation="Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998",
            dt_s=1e-3,
            n_steps=24,
            load=_load_digits,
        ),
        Source(
            name="braille7",
            what="984 Braille letters (7 classes) from 12 touch sensors, 256 steps of 5 ms",
            licence="CC BY 4.0",
            citation="Müller-Cleve et al., Frontiers in Neuroscience 16:951164, 2022",
            dt_s=5e-3,
            n_steps=256,
            load=_load_braille7,
            file="braille7_events/braille7_events.npz",
            sha256="682aac633ec27f1932c33ccf2a85117f304894971878ba1522954929be1e8949",
            note="Zenodo record 7050094, events with threshold 1, ON and OFF joined",
        ),
    )
}


def stratified(labels_B: np.ndarray, part: float) -> np.ndarray:
    """Return the indices of `part` of the samples, the same share of each class, sorted."""
    generator = np.random.default_rng(SPLIT_SEED)
    chosen = []
    for label in np.unique(labels_B):
        members = np.flatnonzero(labels_B == label)
        chosen.append(generator.permutation(members)[: round(part * len(members))])
    return np.sort(np.concatenate(chosen))
