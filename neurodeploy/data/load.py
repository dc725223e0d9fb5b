"""One door to data: a dataset's name or a file's path in, labelled spikes of a split out."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from neurodeploy.data.files import open_file
from neurodeploy.data.sources import SOURCES, Source, folders, stratified
from neurodeploy.data.spikes import SpikeData
from neurodeploy.data.stream import SampleSource, check_limit
from neurodeploy.errors import DataError, nearest

Split = Literal["train", "validation", "test", "all"]


class DataSettings(BaseModel):
    """The [data] table of a recipe."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: str
    n_steps: int | None = Field(None, gt=0, description="Time steps; the dataset's own number when absent.")
    validation_part: float = Field(0.15, gt=0, lt=1, description="Share of the training part, per class.")


def open_samples(
    where: str,
    *,
    split: Split = "test",
    n_steps: int | None = None,
    validation_part: float = 0.15,
    dt_s: float | None = None,
    n_channels: int | None = None,
    limit: int | None = None,
) -> SampleSource:
    """Return labelled spikes to be read batch by batch.

    Args:
        where: A dataset's name (`SOURCES`), or the path of a file (`data.files`).
        split: Part of a named dataset; a file is taken whole.
        n_steps: Steps to encode over or to cut to; the dataset's own number when None.
        dt_s: Step length in seconds, for files of timed events.
        n_channels: Channels of the network, for files of timed events.
        limit: First samples only; no others are read, so a file of timed events has as many steps as these need.

    Raises:
        DataError: the name is unknown, the data are absent, or the file is unusable.
    """
    check_limit(limit)
    if where not in SOURCES:
        if where and (os.path.exists(where) or any(mark in where for mark in "/\\.")):
            return open_file(Path(where), dt_s=dt_s, n_channels=n_channels, limit=limit)
        raise DataError(f"--data: {where[:80]!r} is neither a file nor a dataset; {nearest(where, SOURCES)}")
    source = SOURCES[where]
    samples = source.load(source, n_steps or source.n_steps, split)
    chosen = _members(samples.data.labels_B, samples.is_test_B, split, validation_part)
    if not len(chosen):
        raise DataError(
            f"{where}: its {split} part is empty with validation_part = {validation_part:g}; choose a share that "
            "leaves samples on both sides"
        )
    return replace(samples.data.take(chosen), name=f"{where} ({split})").first(limit)


def load(
    where: str,
    *,
    split: Split = "test",
    n_steps: int | None = None,
    validation_part: float = 0.15,
    dt_s: float | None = None,
    n_channels: int | None = None,
) -> SpikeData:
    """Return labelled spikes, all at once; for the arguments and errors see `open_samples`."""
    return open_samples(
        where, split=split, n_steps=n_steps, validation_part=validation_part, dt_s=dt_s, n_channels=n_channels
    ).whole()


def _members(labels_B: np.ndarray, is_test_B: np.ndarray, split: Split, validation_part: float) -> np.ndarray:
    if split == "all":
        return np.arange(len(labels_B))
    if split == "test":
        return np.flatnonzero(is_test_B)
    rest = np.flatnonzero(~is_test_B)
    inside = np.zeros(len(rest), dtype=bool)
    inside[stratified(labels_B[rest], validation_part)] = True
    return rest[inside] if split == "validation" else rest[~inside]


def listing() -> list[dict[str, Any]]:
    """Return what is known of every named dataset, and where it lies on this machine."""
    return [_row(source) for source in SOURCES.values()]


def _row(source: Source) -> dict[str, Any]:
    path = source.path() if source.file else None
    return {
        "name": source.name,
        "what": source.what,
        "licence": source.licence,
        "citation": source.citation,
        "dt_s": source.dt_s,
        "n_steps": source.n_steps,
        "sha256": source.sha256 or None,
        "ready": not source.file or path is not None,
        "path": str(path) if path else None,
        "searched": [str(one / source.file) for one in folders()] if source.file else [],
    }
