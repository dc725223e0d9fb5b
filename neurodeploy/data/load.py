"""One door to data: a dataset's name or a file's path in, labelled spikes of a split out."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from neurodeploy.data.binning import Binning
from neurodeploy.data.dataset import Samples, Source, folders, stratified
from neurodeploy.data.datasets import SOURCES
from neurodeploy.data.files import open_file
from neurodeploy.data.settings import DataSettings, Wanted
from neurodeploy.data.spikes import Kind, SpikeData
from neurodeploy.data.stream import SampleSource, check_limit
from neurodeploy.errors import DataError, nearest

Split = Literal["train", "validation", "test", "all"]
__all__ = [
    "DataSettings",
    "LoadedData",
    "Split",
    "listing",
    "load",
    "load_all",
    "load_part",
    "open_part",
    "open_samples",
    "wanted_of",
]


@dataclass(frozen=True, eq=False)
class LoadedData:
    """All parts of a dataset as its settings want them, in memory.

    Attributes:
        dt_s: Length of a step, seconds.
        class_names: What the classes are called; empty when the source does not say.
        n_classes: Classes of the whole dataset, heard in these parts or not.
        kind: What the values are; see `SpikeData`.
        notes: What a result on these data has to say of them, a sentence each.
    """

    train: SpikeData
    validation: SpikeData
    test: SpikeData
    dt_s: float
    class_names: tuple[str, ...]
    n_classes: int
    kind: Kind
    notes: tuple[str, ...]

    @property
    def n_channels(self) -> int:
        return self.train.n_channels

    @property
    def n_steps(self) -> int:
        return self.train.n_steps


def load_all(settings: DataSettings) -> LoadedData:
    """Return the three parts of a dataset.

    Raises:
        DataError: see `open_part`.
    """
    parts: tuple[Split, ...] = ("train", "validation", "test")
    opened = {split: open_part(settings, split) for split in parts}
    train = opened["train"]
    notes = dict.fromkeys(note for one in opened.values() for note in one.notes)
    return LoadedData(
        **{split: one.whole() for split, one in opened.items()},
        dt_s=step_s(settings),
        class_names=train.class_names,
        n_classes=n_classes(settings),
        kind=train.kind,
        notes=tuple(notes),
    )


def notes_of(settings: DataSettings) -> list[str]:
    """Return what a result on these data has to say of them, a sentence each.

    Raises:
        DataError: see `open_part`.
    """
    parts: tuple[Split, ...] = ("train", "validation", "test")
    return list(dict.fromkeys(note for split in parts for note in open_part(settings, split).notes))


def load_part(settings: DataSettings, split: Split) -> SpikeData:
    """Return one part of a dataset, all at once; for the errors see `open_part`."""
    return open_part(settings, split).whole()


def open_part(settings: DataSettings, split: Split, limit: int | None = None) -> SampleSource:
    """Return one part of a named dataset, to be read batch by batch.

    Raises:
        DataError: the dataset or a setting is unknown to it, the data are absent or damaged, or the part is empty.
    """
    check_limit(limit)
    source = source_of(settings)
    samples = source.load(source, source.wanted(settings), split)
    chosen = _members(samples, split, settings.validation_part)
    if not len(chosen) and samples.is_validation_B is not None:
        raise DataError(f"{source.name}: its {split} part is empty ({samples.rule}); copy the whole dataset")
    if not len(chosen):
        raise DataError(
            f"{source.name}: its {split} part is empty with validation_part = {settings.validation_part:g}; choose a "
            "share that leaves samples on both sides"
        )
    notes = (samples.rule, *samples.data.notes) if samples.rule else samples.data.notes
    return replace(samples.data.take(chosen), name=f"{source.name} ({split})", notes=notes).first(limit)


def source_of(settings: DataSettings) -> Source:
    """Return the dataset that settings name.

    Raises:
        DataError: it is unknown.
    """
    if settings.dataset not in SOURCES:
        raise DataError(f"data.dataset: {settings.dataset[:80]!r} is unknown; {nearest(settings.dataset, SOURCES)}")
    return SOURCES[settings.dataset]


def wanted_of(settings: DataSettings) -> Wanted:
    """Return the settings with the dataset's own in every open place.

    Raises:
        DataError: the dataset is unknown, or a setting to it.
    """
    return source_of(settings).wanted(settings)


def step_s(settings: DataSettings) -> float:
    """Return the length of a step, seconds."""
    return source_of(settings).step_s(settings)


def n_classes(settings: DataSettings) -> int:
    """Return the number of classes of the dataset, heard in a part or not."""
    known = source_of(settings).n_classes
    return known or int(open_part(settings, "all").labels_B.max()) + 1


def open_samples(
    where: str,
    *,
    split: Split = "test",
    n_steps: int | None = None,
    validation_part: float = 0.15,
    dt_s: float | None = None,
    n_channels: int | None = None,
    binning: Binning | None = None,
    partition: str | None = None,
    limit: int | None = None,
) -> SampleSource:
    """Return labelled spikes to be read batch by batch.

    Args:
        where: A dataset's name (`SOURCES`), or the path of a file (`data.files`).
        split: Part of a named dataset; a file is taken whole.
        n_steps: Steps to encode over or to cut to; the dataset's own number when None.
        dt_s: Step length in seconds, for files of timed events.
        n_channels: Channels of the network, for files of timed events.
        binning: How timed events become steps and channels; for files, and for datasets that have such events.
        partition: Who makes the parts of a named dataset; its own way when None.
        limit: First samples only; no others are read, so a file of timed events has as many steps as these need.

    Raises:
        DataError: the name is unknown, the data are absent, or the file is unusable.
    """
    check_limit(limit)
    if where not in SOURCES:
        if where and (os.path.exists(where) or any(mark in where for mark in "/\\.")):
            return open_file(Path(where), dt_s=dt_s, n_channels=n_channels, binning=binning, limit=limit)
        raise DataError(f"--data: {where[:80]!r} is neither a file nor a dataset; {nearest(where, SOURCES)}")
    settings = DataSettings(dataset=where, n_steps=n_steps, validation_part=validation_part, partition=partition)
    if binning is not None and SOURCES[where].binning is not None:
        entries = {name: value for name, value in vars(binning).items() if name != "rule"}
        settings = settings.model_copy(update=entries | {"binning": binning.rule})
    return open_part(settings, split, limit)


def load(
    where: str,
    *,
    split: Split = "test",
    n_steps: int | None = None,
    validation_part: float = 0.15,
    dt_s: float | None = None,
    n_channels: int | None = None,
    binning: Binning | None = None,
) -> SpikeData:
    """Return labelled spikes, all at once; for the arguments and errors see `open_samples`."""
    return open_samples(
        where,
        split=split,
        n_steps=n_steps,
        validation_part=validation_part,
        dt_s=dt_s,
        n_channels=n_channels,
        binning=binning,
    ).whole()


def _members(samples: Samples, split: Split, validation_part: float) -> np.ndarray:
    if split == "all":
        return np.arange(len(samples.is_test_B))
    if split == "test":
        return np.flatnonzero(samples.is_test_B)
    if samples.is_validation_B is not None:
        inside_B = samples.is_validation_B if split == "validation" else ~(samples.is_validation_B | samples.is_test_B)
        return np.flatnonzero(inside_B)
    rest = np.flatnonzero(~samples.is_test_B)
    inside = np.zeros(len(rest), dtype=bool)
    inside[stratified(samples.data.labels_B[rest], validation_part)] = True
    return rest[inside] if split == "validation" else rest[~inside]


def listing() -> list[dict[str, Any]]:
    """Return what is known of every named dataset, and where it lies on this machine."""
    return [_row(source) for source in SOURCES.values()]


def _row(source: Source) -> dict[str, Any]:
    path = source.path() if source.file else None
    binning = source.binning
    return {
        "name": source.name,
        "what": source.what,
        "licence": source.licence,
        "citation": source.citation,
        "dt_s": source.dt_s,
        "n_steps": source.n_steps,
        "sha256": source.sha256 or None,
        "files": list(source.files),
        "partitions": list(source.partitions),
        "binning": None if binning is None else vars(binning) | {"dt_s": binning.dt_s},
        "fetch": [one.url for one in source.downloads],
        "ready": source.ready,
        "path": str(path) if path else None,
        "searched": [str(one / source.file) for one in folders()] if source.file else [],
    }
