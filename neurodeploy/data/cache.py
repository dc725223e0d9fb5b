"""Prepared data kept on disk: made once for a file and its settings, and made again where the copy is damaged.

A data set is made, kept and read piece by piece, so that it may be larger than the memory.
"""

import contextlib
import functools
import hashlib
import itertools
import json
import os
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from neurodeploy.data.binning import Counts
from neurodeploy.data.mapped import in_place, numbers
from neurodeploy.errors import RunError
from neurodeploy.files import written_whole

FORMAT = 2
"""Raised when the same settings give other numbers than before, or are kept in another way."""
COUNTS = ("offsets", "cells", "values")

Arrays: TypeAlias = Mapping[str, Any]
Make: TypeAlias = Callable[[Callable[[Arrays], None]], dict[str, np.ndarray]]
"""Gives away one piece after another, arrays by name, and returns the arrays that are of all of them."""
WHOLE = "whole"


@dataclass(frozen=True, eq=False)
class Kept:
    """What was made.

    Attributes:
        pieces: Arrays by name; those that stay on disk are `StoredArray`s.
        whole: Arrays of all pieces together.
    """

    pieces: tuple[Arrays, ...]
    whole: dict[str, np.ndarray]


Sound: TypeAlias = Callable[[Kept], bool]
MakeCounts: TypeAlias = Callable[[Callable[[Counts], None]], dict[str, np.ndarray]]
"""Gives away the counts of some samples after the other, and returns `labels` and further arrays of all."""


@dataclass(frozen=True, eq=False)
class KeptCounts:
    """A file's samples after binning.

    Attributes:
        counts: Of its samples, piece by piece.
        extra: All arrays of the whole file, by name.
    """

    counts: tuple[Counts, ...]
    labels: np.ndarray
    extra: dict[str, np.ndarray]

    @property
    def dropped(self) -> int:
        """Events that came too late."""
        return sum(one.dropped for one in self.counts)


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


def kept(name: str, key: str, make: Make, stays: tuple[str, ...] = (), sound: Sound | None = None) -> Kept:
    """Return what `make` gives, from the disk where it was made before.

    Where nothing can be written it is made every time, and held in memory.

    Args:
        name: Start of the file's name, for people.
        stays: Names of the pieces' arrays that stay on disk, and are read when they are asked for.
        sound: Whether the arrays that were found fit together.
    """
    path: Path | None = None
    with contextlib.suppress(RuntimeError):  # no home
        path = cache_folder() / f"{name}-{key[:24]}.npz"
    if path is not None:
        found = _stored(path, key, stays, sound)
        if found is None and _written(path, key, make):
            found = _stored(path, key, stays, sound)
        if found is not None:
            return found
    pieces: list[Arrays] = []
    whole = make(pieces.append)
    return Kept(tuple(pieces), whole)


def kept_arrays(name: str, key: str, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return the arrays that `make` returns, from the disk where they were made before."""
    return kept(name, key, lambda _: make()).whole


def kept_counts(name: str, key: str, make: MakeCounts) -> KeptCounts:
    """Return the counts that `make` gives away, from the disk where they were made before."""

    def pieces(add: Callable[[Arrays], None]) -> dict[str, np.ndarray]:
        def add_counts(one: Counts) -> None:
            sizes = np.array([one.n_steps, one.n_channels, one.dropped], np.int64)
            add({key: getattr(one, key) for key in COUNTS} | {"sizes": sizes})

        return make(add_counts)

    found = kept(name, key, pieces, COUNTS[1:], _sound_counts)
    return KeptCounts(_counts(found), found.whole["labels"], found.whole)


def _counts(found: Kept) -> tuple[Counts, ...]:
    return tuple(
        Counts(one["offsets"], one["cells"], one["values"], *(int(size) for size in one["sizes"]))
        for one in found.pieces
    )


def _sound_counts(found: Kept) -> bool:
    counts = _counts(found)
    for one in counts:
        cells = numbers(one.cells)
        if not one.offsets[-1] == len(cells) == len(one.values) or cells.max(initial=0) >= one.n_steps * one.n_channels:
            return False
    return sum(map(len, counts)) == len(found.whole["labels"])


def _stored(path: Path, key: str, stays: tuple[str, ...], sound: Sound | None) -> Kept | None:
    try:
        return _checked(path, identity(path), key, stays, sound)
    except OSError:
        return None


@functools.lru_cache(maxsize=64)
def _checked(path: Path, identity: str, key: str, stays: tuple[str, ...], sound: Sound | None) -> Kept | None:
    """Return what is kept, or None where it is damaged or another's; zip compares every checksum, once a process."""
    tables: dict[str, dict[str, Any]] = {WHOLE: {}}
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            if str(stored["key"]) != key:
                return None
            for member in stored.files:
                table, _, name = member.partition("/")
                if not name:
                    continue
                array, on_disk = stored[member], table != WHOLE and name in stays
                found = in_place(path, stored.zip, f"{member}.npy", array) if on_disk else array
                tables.setdefault(table, {})[name] = found
        whole = tables.pop(WHOLE)
        kept = Kept(tuple(tables[number] for number in sorted(tables, key=int)), whole)
        return kept if sound is None or sound(kept) else None
    except Exception:  # numpy and zipfile raise many kinds for damaged files
        return None


def _written(path: Path, key: str, make: Make) -> bool:
    """Make and write piece by piece; False where it cannot be written, for a cache is no reason to stop."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as beside, zipfile.ZipFile(beside, "w") as archive:
            n_pieces = itertools.count()

            def write(name: str, array: Any) -> None:
                with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
                    np.lib.format.write_array(stream, np.asanyarray(array), allow_pickle=False)

            def add(piece: Arrays) -> None:
                number = next(n_pieces)
                for name, array in piece.items():
                    write(f"{number}/{name}", array)

            for name, array in make(add).items():
                write(f"{WHOLE}/{name}", array)
            write("key", key)
    except (OSError, RunError):  # a full disk, or a folder of others
        return False
    return True
