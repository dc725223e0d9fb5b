"""One door to data: a dataset's name or a file's path in, labelled spikes of a split out."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from neurodeploy.data.archive import is_folder, names
from neurodeploy.data.binning import Binning
from neurodeploy.data.cifar import BATCH
from neurodeploy.data.dataset import Samples, Source, last_of_each, stratified
from neurodeploy.data.datasets import SOURCES
from neurodeploy.data.files import LAYOUTS, open_file
from neurodeploy.data.own import is_function, is_own, own_source, whole_function, whole_name
from neurodeploy.data.recordings import CAMERAS, layout_of
from neurodeploy.data.settings import DataSettings, Wanted
from neurodeploy.data.stream import SampleSource, check_limit
from neurodeploy.errors import DataError, nearest

Split = Literal["train", "validation", "test", "all"]
PARTS: tuple[Split, ...] = ("train", "validation", "test")
ON_TEST = (
    "accuracy-A: the test part chose the epoch, and the validation part was trained on; the accuracy is the highest of "
    "all epochs, which is optimistic"
)
LAST = "accuracy-B: the last samples of each class, in the order of the files, chose the epoch"


def open_parts(settings: DataSettings) -> dict[Split, SampleSource]:
    """Return the parts of a dataset by their names, `PARTS`; no sample is read yet.

    Raises:
        DataError: see `open_part`.
    """
    return {split: open_part(settings, split) for split in PARTS}


def notes_of(settings: DataSettings) -> list[str]:
    """Return what a result on these data has to say of them, a sentence each.

    Raises:
        DataError: see `open_part`.
    """
    return list(dict.fromkeys(note for one in open_parts(settings).values() for note in one.notes))


def open_part(settings: DataSettings, split: Split, limit: int | None = None) -> SampleSource:
    """Return one part of a named dataset; its samples are read when they are asked for.

    Raises:
        DataError: the dataset or a setting is unknown to it, the data are absent or damaged, or the part is empty.
    """
    check_limit(limit)
    source = source_of(settings)
    on_test = settings.selection == "test"
    part: Split = "test" if on_test and split == "validation" else split
    samples = source.load(source, source.wanted(settings), part)
    chosen = _members(samples, part, settings)
    if not len(chosen) and samples.is_validation_B is not None:
        raise DataError(f"{source.name}: its {split} part is empty ({samples.rule}); copy the whole dataset")
    if not len(chosen):
        advice = (
            "give more samples of each class" if split == "test" else "choose a share that leaves some on both sides"
        )
        share = "" if split == "test" else f" with validation_part = {settings.validation_part:g}"
        raise DataError(f"{source.name}: its {split} part is empty{share}; {advice}")
    chosen_by = ON_TEST if on_test else LAST if settings.validation == "last" else ""
    notes = tuple(filter(None, (samples.rule, chosen_by, *samples.data.notes)))
    return replace(samples.data.take(chosen), name=f"{source.name} ({split})", notes=notes).first(limit)


def source_of(settings: DataSettings) -> Source:
    """Return the dataset that settings name: one that is known, perhaps in another folder, or one's own (`data.own`).

    Raises:
        DataError: it is unknown, or cannot be read.
    """
    if settings.dataset not in SOURCES and is_own(settings.dataset):
        return _folder(whole_name(settings.dataset)) if is_folder(settings.dataset) else own_source(settings)
    if settings.dataset not in SOURCES:
        raise DataError(f"data.dataset: {settings.dataset[:80]!r} is unknown; {nearest(settings.dataset, SOURCES)}")
    return SOURCES[settings.dataset]


def _folder(name: str) -> Source:
    """Return a known dataset whose files lie in another folder or an archive, which has one way of its parts."""
    kind, partition = layout_of(Path(name)) or ("", "")
    if not kind and any(map(BATCH.search, names(Path(name)))):
        kind, partition = "cifar10", SOURCES["cifar10"].partitions[0]
    if not kind:
        known = f"name {LAYOUTS}, or a folder or archive of {', '.join(CAMERAS)} or cifar10"
        raise DataError(f"is {'a folder' if os.path.isdir(name) else 'an archive'}", known, where=name)
    every = SOURCES[kind].partitions
    partitions = every if partition == every[0] else (partition,)
    return replace(SOURCES[kind], name=os.path.basename(name), file=name, partitions=partitions)


def wanted_of(settings: DataSettings) -> Wanted:
    """Return the settings with the dataset's own in every open place.

    Raises:
        DataError: the dataset is unknown, or a setting to it.
    """
    return source_of(settings).wanted(settings)


def step_s(settings: DataSettings) -> float:
    """Return the length of a step, seconds."""
    source = source_of(settings)
    binning = source.wanted(settings).binning
    return source.dt_s if binning is None else binning.dt_s


def open_samples(
    where: str,
    *,
    split: Split = "test",
    n_steps: int | None = None,
    dt_s: float | None = None,
    n_channels: int | None = None,
    binning: Binning | None = None,
    partition: str | None = None,
    limit: int | None = None,
    counts: bool = False,
    parted: bool = False,
) -> SampleSource:
    """Return labelled spikes to be read batch by batch.

    Args:
        where: A dataset's name (`SOURCES`), the path of a file (`data.files`), a function (`data.own`), or a folder or
            archive of recordings (`data.recordings`).
        split: Part of a named dataset or such a folder; a file or a function's Dataset is taken whole.
        n_steps: Steps to encode over or to cut to; the dataset's own number when None.
        dt_s: Step length in seconds, for files of timed events.
        n_channels: Channels of the network, for files of timed events.
        binning: How timed events become steps and channels; for files, and for datasets that have such events.
        partition: Who makes the parts of a named dataset; its own way when None.
        limit: First samples only; no others are read, so a file of timed events has as many steps as these need.
        counts: Of a file: the network takes any whole numbers, and events of one step and channel are counted.
        parted: Take the split of a file or function too, as recipes do.

    Raises:
        DataError: the name is unknown, the data are absent, or the file is unusable.
    """
    check_limit(limit)
    if where not in SOURCES and not is_own(where):
        raise DataError(f"{where[:80]!r} is neither a file nor a dataset", nearest(where, SOURCES), option="data")
    if where not in SOURCES and not parted and not is_folder(where):
        if is_function(where):
            return whole_function(where, dt_s, binning, counts=counts).first(limit)
        return open_file(Path(where), dt_s=dt_s, n_channels=n_channels, binning=binning, limit=limit, counts=counts)
    settings = DataSettings(dataset=where, n_steps=n_steps, partition=partition)
    if binning is not None and source_of(settings).binning is not None:
        entries = {name: value for name, value in vars(binning).items() if name != "rule"}
        settings = settings.model_copy(update=entries | {"binning": binning.rule})
    return open_part(settings, split, limit)


def _members(samples: Samples, split: Split, settings: DataSettings) -> np.ndarray:
    if split == "all":
        return np.arange(len(samples.is_test_B))
    if split == "test":
        return np.flatnonzero(samples.is_test_B)
    if settings.selection == "test":
        return np.flatnonzero(~samples.is_test_B)
    if samples.is_validation_B is not None and settings.validation == "last":
        raise DataError(f"data.validation: {samples.data.name} has a validation part of its own; leave it out")
    if samples.is_validation_B is not None:
        inside_B = samples.is_validation_B if split == "validation" else ~(samples.is_validation_B | samples.is_test_B)
        return np.flatnonzero(inside_B)
    rest = np.flatnonzero(~samples.is_test_B)
    inside = np.zeros(len(rest), dtype=bool)
    chosen_by = last_of_each if settings.validation == "last" else stratified
    inside[chosen_by(samples.data.labels_B[rest], settings.validation_part)] = True
    return rest[inside] if split == "validation" else rest[~inside]
