"""What a named dataset says of itself, where its files are looked for, and how parts are held out."""

from __future__ import annotations

import functools
import hashlib
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from neurodeploy.data.binning import N_UNITS, Binning, dropped_note
from neurodeploy.data.cache import KeptCounts
from neurodeploy.data.settings import DataSettings, Wanted
from neurodeploy.data.spikes import check_classes
from neurodeploy.data.stream import SampleSource, from_counts
from neurodeploy.errors import DataError, nearest

SPLIT_SEED = 2024
"""Membership of train and validation never depends on a run's seed."""
STRATIFIED = "stratified"
SPEAKERS = "speakers"
RECORDINGS = "recordings"
PAPER = "paper"


@dataclass(frozen=True)
class Samples:
    """A dataset before it is split, or those parts of it that were asked for.

    Attributes:
        is_test_B: The test part.
        is_validation_B: The validation part; may overlap with the test part where the rule says so. None: a share
            of each class is held out of the rest.
        rule: How the parts were made, in words; empty where there is nothing to say.
    """

    data: SampleSource
    is_test_B: np.ndarray
    is_validation_B: np.ndarray | None = None
    rule: str = ""


@dataclass(frozen=True)
class Download:
    """A file that its owner offers to everybody: where, and the MD5 published beside it.

    Attributes:
        file: Path below the folders of the datasets.
        url: Empty where a person must ask for it; then `md5` alone is known.
    """

    file: str
    url: str
    md5: str


Load: TypeAlias = "Callable[[Source, Wanted, str], Samples]"
Pictures: TypeAlias = Sequence[tuple[np.ndarray, np.ndarray, bool]]
Show: TypeAlias = "Callable[[Source, Wanted, Pictures], Samples]"


@dataclass(frozen=True)
class Source:
    """A dataset: what it is, where it comes from, and how to open it as the settings want it.

    `n_classes` are those of the whole dataset, heard in a part or not.
    `load` takes the settings and the split that is asked for; it may leave the other splits out. What it gives says the
    shape of a step, and reads samples when they are asked for.
    `file` is the path below `NEURODEPLOY_DATA` or the user's cache, of a folder where it is called like the dataset;
    empty where none is needed.
    `parts` are the further files in its folder, each with its SHA-256, or "" where it may be any.
    `packings` are further endings under which its files may lie, e.g. ".gz".
    `downloads` are the files that can be fetched.
    `binning` is set where there are timed events: how they are binned unless the settings say otherwise.
    `partitions` are the ways to make the parts; the first is used unless the settings say otherwise.
    `n_units` are the units of timed events, `counts` says that channels without times hold numbers of events.
    `also` are settings that it takes beside those of its kind.
    `show` makes its samples of pictures (B, channels, rows, columns) of bytes, their labels and whether they are for
    tests; None where it has no pictures.
    """

    name: str
    what: str
    licence: str
    citation: str
    dt_s: float
    n_steps: int
    n_classes: int
    load: Load
    file: str = ""
    sha256: str = ""
    note: str = ""
    parts: tuple[tuple[str, str], ...] = ()
    binning: Binning | None = None
    partitions: tuple[str, ...] = (STRATIFIED,)
    packings: tuple[str, ...] = ()
    downloads: tuple[Download, ...] = ()
    n_units: int = N_UNITS
    counts: bool = False
    also: tuple[str, ...] = ()
    show: Show | None = None

    @property
    def hashed_files(self) -> tuple[tuple[str, str], ...]:
        """All files, as paths below the folders of the datasets, each with its SHA-256 or ""."""
        folder = Path(self.file).parent
        more = ((str(folder / name), sha256) for name, sha256 in self.parts)
        return ((self.file, self.sha256), *more) if self.file else ()

    @property
    def files(self) -> tuple[str, ...]:
        """All files, as paths below the folders of the datasets."""
        return tuple(file for file, _ in self.hashed_files)

    def files_of(self, split: str) -> list[tuple[str, str]]:
        """Return the files that a split, or "all", comes from: that for tests has `test` in its name."""
        return [one for one in self.hashed_files if split == "all" or ("test" in one[0]) == (split == "test")]

    def path(self, file: str | None = None) -> Path | None:
        """Return where a file lies, the first unless one is named, or None when it is not on this machine."""
        named = [(file or self.file) + ending for ending in ("", *self.packings)]
        places = [folder / name for folder in folders() for name in named]
        return next((one for one in places if one.is_file() or (one.name == self.name and _filled(one))), None)

    @property
    def ready(self) -> bool:
        """True where every file is on this machine."""
        return all(self.path(file) is not None for file in self.files)

    def wanted(self, settings: DataSettings) -> Wanted:
        """Return the settings with this dataset's own in every open place.

        Raises:
            DataError: a setting that this dataset does not have, or a partition that is unknown.
        """
        partition = settings.partition or self.partitions[0]
        if partition not in self.partitions:
            raise DataError(
                f"data.partition: {partition!r} is unknown to {self.name}; {nearest(partition, self.partitions)}"
            )
        given = settings.binning_entries()
        for name, why in (
            ("dt_s", "has its own"),
            ("test", "has its own"),
            ("skip_broken", "is no folder of pictures"),
        ):
            if getattr(settings, name) is not None and name not in self.also:
                raise DataError(f"data.{name}: {self.name} {why}; leave it out")
        if self.binning is None:
            odd = next((name for name in given if name not in ("n_steps", *self.also)), None)
            if odd is not None:
                raise DataError(f"data.{odd}: {self.name} has no timed events to bin; leave it out")
            counts = given.get("counts", self.counts)
            n_steps = settings.n_steps or self.n_steps
            skips = bool(settings.skip_broken)
            return Wanted(n_steps, settings.validation_part, partition, None, counts, settings.test, skips)
        rule = given.pop("binning", self.binning.rule)
        binning = Binning(**{**vars(self.binning), "rule": rule, **given})
        binning.n_channels(self.n_units)
        return Wanted(binning.n_steps, settings.validation_part, partition, binning, test=settings.test)


def _filled(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


def folders() -> list[Path]:
    """Return the folders searched for datasets, in order."""
    named = os.environ.get("NEURODEPLOY_DATA")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "neurodeploy" / "data"
    return ([Path(named)] if named else []) + [cache]


@functools.lru_cache(maxsize=64)
def digest(path: Path, size: int, changed_ns: int, kind: str = "sha256") -> str:
    """Return the checksum of a file, as `hashlib` calls its kind; a run asks for it dozens of times.

    Raises:
        DataError: it cannot be read.
    """
    found = hashlib.new(kind, usedforsecurity=False)
    try:
        with path.open("rb") as stream:
            while piece := stream.read(1 << 20):
                found.update(piece)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check its permissions") from None
    return found.hexdigest()


def stratified(labels_B: np.ndarray, part: float) -> np.ndarray:
    """Return the indices of `part` of the samples, the same share of each class, sorted."""
    generator = np.random.default_rng(SPLIT_SEED)
    chosen = []
    for label in np.unique(labels_B):
        members = np.flatnonzero(labels_B == label)
        chosen.append(generator.permutation(members)[: round(part * len(members))])
    return np.sort(np.concatenate(chosen))


def last_of_each(labels_B: np.ndarray, part: float) -> np.ndarray:
    """Return the indices of the last samples of each class, of which the first `1 - part`, rounded up, are left.

    Source: Fang et al., ICCV 2021, and its code: what its accuracy-B is chosen by.

    >>> last_of_each(np.array([0, 0, 0, 1, 1, 1, 1]), 0.5)
    array([2, 5, 6])
    """
    members = [np.flatnonzero(labels_B == label) for label in np.unique(labels_B)]
    return np.sort(np.concatenate([one[math.ceil(round(len(one) * (1 - part), 9)) :] for one in members]))


def held_out(groups: np.ndarray, part: float) -> np.ndarray:
    """Return which of the groups (speakers, say) are held out: `part` of them, at least one, sorted.

    >>> held_out(np.arange(10), 0.15)
    array([3, 5])
    """
    names = np.unique(groups)
    chosen = np.random.default_rng(SPLIT_SEED).permutation(names)[: max(1, round(part * len(names)))]
    return np.sort(chosen)


def flags(found: Sequence[KeptCounts], values: Sequence[bool]) -> np.ndarray:
    """Return one value per file, repeated for each of its samples."""
    return np.concatenate([np.full(len(one.labels), value) for one, value in zip(found, values, strict=True)])


def together(
    source: Source,
    wanted: Wanted,
    found: Sequence[KeptCounts],
    class_names: Sequence[str],
    is_test: np.ndarray,
    is_validation: np.ndarray | None,
    rule: str,
) -> Samples:
    """Return the samples of all files, in their order.

    Args:
        found: Of each file; their `extra["file"]` names it in what is to be said of dropped events.
        is_test, is_validation, rule: As in `Samples`.

    Raises:
        DataError: a label is not one of the classes.
    """
    assert wanted.binning is not None
    labels = np.concatenate([one.labels for one in found]).astype(np.int64)
    check_classes(source.name, labels, source.n_classes)
    counts = [piece for one in found for piece in one.counts]
    data = from_counts(source.name, counts, labels, class_names, binary=not wanted.binning.counts)
    notes = (note for one in found for note in dropped_note(str(one.extra["file"]), one.dropped))
    return Samples(replace(data, notes=tuple(notes)), is_test, is_validation, rule)
