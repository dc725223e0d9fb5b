"""Binned data kept on disk: made once for a file and its settings, and made again where the copy is damaged."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neurodeploy.data.binning import Counts
from neurodeploy.errors import NeurodeployError
from neurodeploy.files import written_whole

FORMAT = 1
"""Raised when the same settings give other numbers than before."""
COUNTS = ("offsets", "cells", "values")


@dataclass(frozen=True, eq=False)
class Kept:
    """A file's samples after binning.

    Attributes:
        extra: Further arrays, by name.
    """

    counts: Counts
    labels: np.ndarray
    extra: dict[str, np.ndarray]


def cache_folder() -> Path:
    """Return where binned data are kept: under NEURODEPLOY_CACHE, XDG_CACHE_HOME or ~/.cache."""
    named = os.environ.get("NEURODEPLOY_CACHE")
    return (
        Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "neurodeploy"
    ) / "binned"


def identity(path: Path) -> str:
    """Return what tells a file from another, or from an earlier one at its place, without reading it."""
    status = path.stat()
    return f"{os.path.realpath(path)}:{status.st_size}:{status.st_mtime_ns}"


def key_of(**what: Any) -> str:
    """Return the name under which a result of these settings is kept."""
    return hashlib.sha256(json.dumps(what | {"format": FORMAT}, sort_keys=True).encode()).hexdigest()


def kept_counts(name: str, key: str, make: Callable[[], Kept]) -> Kept:
    """Return what `make` returns, from the disk where it was made before.

    Where nothing can be written it is made every time.

    Args:
        name: Start of the file's name, for people.
    """
    path = _place(name, key)
    found = None if path is None else _read(path, key)
    if found is None:
        found = make()
        counts = found.counts
        sizes = np.array([counts.n_steps, counts.n_channels, counts.dropped], np.int64)
        arrays = {name: getattr(counts, name) for name in COUNTS} | {"sizes": sizes, "labels": found.labels}
        _write(path, key, arrays | {f"extra/{name}": array for name, array in found.extra.items()})
    return found


def kept_arrays(name: str, key: str, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return the arrays that `make` returns, from the disk where they were made before."""
    path = _place(name, key)
    found = None if path is None else _arrays(path, key)
    if found is None:
        found = make()
        _write(path, key, found)
    return found


def _place(name: str, key: str) -> Path | None:
    try:
        return cache_folder() / f"{name}-{key[:24]}.npz"
    except RuntimeError:  # no home
        return None


def _read(path: Path, key: str) -> Kept | None:
    arrays = _arrays(path, key)
    if arrays is None or not {*COUNTS, "sizes", "labels"} <= arrays.keys():
        return None
    offsets, cells, values = (arrays[name] for name in COUNTS)
    n_steps, n_channels, dropped = (int(size) for size in arrays["sizes"])
    whole = (
        len(offsets) == len(arrays["labels"]) + 1
        and offsets[-1] == len(cells) == len(values)
        and int(cells.max(initial=0)) < n_steps * n_channels
    )
    extra = {name.removeprefix("extra/"): array for name, array in arrays.items() if name.startswith("extra/")}
    return (
        Kept(Counts(offsets, cells, values, n_steps, n_channels, dropped), arrays["labels"], extra) if whole else None
    )


def _arrays(path: Path, key: str) -> dict[str, np.ndarray] | None:
    """Return what is kept, or None where it is absent, damaged or another's; zip compares every checksum."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            found = {name: stored[name] for name in stored.files}
    except Exception:  # numpy and zipfile raise many kinds for damaged files
        return None
    return found if str(found.pop("key", "")) == key else None


def _write(path: Path | None, key: str, arrays: dict[str, np.ndarray]) -> None:
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as beside, beside.open("wb") as stream:
            np.savez(stream, key=np.array(key), **arrays)  # type: ignore[arg-type]
    except (OSError, NeurodeployError):  # a full disk or a folder of others: a cache is no reason to stop
        return
