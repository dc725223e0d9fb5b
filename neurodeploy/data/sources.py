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
from neurodeploy.data.events import Binned, bin_events
from neurodeploy.data.spikes import checked
from neurodeploy.data.stream import SampleSource, from_events, from_memory
from neurodeploy.errors import DataError

SPLIT_SEED = 2024
"""Membership of train and validation never depends on a run's seed."""


@dataclass(frozen=True)
class Samples:
    """A whole dataset before it is split."""

    data: SampleSource
    is_test_B: np.ndarray


@dataclass(frozen=True)
class Source:
    """A dataset: what it is, where it comes from, and how to load it with a given number of steps.

    `load` takes the number of steps and the split that is asked for; it may leave the other splits out.
    `file` is the path below `NEURODEPLOY_DATA` or the user's cache; empty where none is needed.
    `parts` are the further files in its folder, each with its SHA-256.
    """

    name: str
    what: str
    licence: str
    citation: str
    dt_s: float
    n_steps: int
    load: Callable[[Source, int, str], Samples]
    file: str = ""
    sha256: str = ""
    note: str = ""
    parts: tuple[tuple[str, str], ...] = ()

    def path(self) -> Path | None:
        """Return where the file lies, or None when it is not on this machine."""
        return next((one / self.file for one in folders() if (one / self.file).is_file()), None)


def folders() -> list[Path]:
    """Return the folders searched for datasets, in order."""
    named = os.environ.get("NEURODEPLOY_DATA")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "neurodeploy" / "data"
    return ([Path(named)] if named else []) + [cache]


def _load_digits(source: Source, n_steps: int, split: str) -> Samples:
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
    return Samples(from_memory(data), chosen)


def _present(source: Source, file: str, sha256: str) -> Path:
    """Return where a file of a dataset lies.

    Raises:
        DataError: it is absent, or not the file it should be.
    """
    path = next((one / file for one in folders() if (one / file).is_file()), None)
    if path is None:
        raise DataError(
            f"{source.name}: {file} is not on this machine and cannot be downloaded; put it below "
            f"{' or '.join(map(str, folders()))}, or set NEURODEPLOY_DATA ({source.note})"
        )
    if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise DataError(f"{path}: its SHA-256 is not the expected {sha256[:12]}…; copy it again")
    return path


def _load_braille7(source: Source, n_steps: int, split: str) -> Samples:
    path = _present(source, source.file, source.sha256)
    with np.load(path, allow_pickle=False) as stored:
        shape = tuple(int(size) for size in stored["shape"])
        bits = np.unpackbits(stored["spikes_packed"], axis=1)[:, : shape[1] * shape[2]]
        names = [str(name) for name in stored["class_names"]]
        data = checked("braille7", bits.reshape(shape)[:, :n_steps], stored["label"], names)
        return Samples(from_memory(data), stored["is_test"].astype(bool))


NMNIST_SHAPE = (2, 34, 34)
"""Polarity (OFF, ON), row, column: the order in which the NIR paper's network takes them."""


def _load_nmnist_small(source: Source, n_steps: int, split: str) -> Samples:
    steps: list[np.ndarray] = []
    channels: list[np.ndarray] = []
    labels, is_test = [], []
    folder = str(Path(source.file).parent)
    for file, sha256 in ((source.file, source.sha256), *((f"{folder}/{name}", sha) for name, sha in source.parts)):
        if split != "all" and ("test" in file) != (split == "test"):
            continue
        path = _present(source, file, sha256)
        with np.load(path, allow_pickle=False) as stored:
            ends = stored["offsets"][1:-1]
            polarity = np.unpackbits(stored["p_packed"])[: len(stored["x"])].astype(np.int64)
            units = np.ravel_multi_index((polarity, stored["y"], stored["x"]), NMNIST_SHAPE)
            times = [np.cumsum(one, dtype=np.int64) / 1e6 for one in np.split(stored["dt_us"], ends)]
            inside = [one < n_steps * source.dt_s for one in times]
            found = bin_events(
                str(path),
                [when[kept] for when, kept in zip(times, inside, strict=True)],
                [which[kept] for which, kept in zip(np.split(units, ends), inside, strict=True)],
                source.dt_s,
                int(np.prod(NMNIST_SHAPE)),
                n_steps,
            )
            steps += found.steps
            channels += found.units
            labels.append(stored["label"])
            is_test.append(np.full(len(found), "test" in file))
    names = [str(digit) for digit in range(10)]
    events = Binned(steps, channels, n_steps, int(np.prod(NMNIST_SHAPE)))
    return Samples(from_events("nmnist_small", events, np.concatenate(labels), names), np.concatenate(is_test))


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
        Source(
            name="nmnist_small",
            what="942 event-camera digits of N-MNIST (870 to train, 72 to test), 2x34x34, 300 steps of 1 ms",
            licence="CC BY-SA 4.0",
            citation="Orchard et al., Frontiers in Neuroscience 9:437, 2015",
            dt_s=1e-3,
            n_steps=300,
            load=_load_nmnist_small,
            file="nmnist_small/nmnist_test.npz",
            sha256="cc0634fa478e8d3fa10e4a87eb958bf4e034c7e880984b7f41fdf9ac80334af9",
            note="from slayerPytorch's NMNISTsmall, with nmnist_train.npz beside it",
            parts=(("nmnist_train.npz", "776fd41dddbb7a3f85750befad511514947a639017f223da7b6d56a3f3329c6d"),),
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
