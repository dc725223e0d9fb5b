"""Dense labelled spikes from an .npz, whose spikes are unpacked batch by batch.

Axes: B sample, T step, I channel.
"""

import math
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import IO, Any

import numpy as np

from neurodeploy.data.spikes import Kind, check_kinds, check_values
from neurodeploy.data.stream import SampleSource
from neurodeploy.errors import DataError
from neurodeploy.files import check_fetched, written_whole
from neurodeploy.memory import array_head

PIECE = 1 << 20
"""Bytes unpacked in one go: zipfile joins what it reads in time with its square."""


@dataclass(frozen=True)
class Head:
    """What a stored array says of itself, and where it lies."""

    member: str
    shape: tuple[int, ...]
    dtype: np.dtype
    by_columns: bool
    offset: int


def open_npz(path: Path, layouts: str, *, counts: bool = False) -> SampleSource:
    """Return the samples in an .npz with `spikes`, `labels` and perhaps `class_names`.

    Values are checked when they are read.

    Args:
        layouts: What a data file may be, for messages.
        counts: A step and channel may hold any number of events, not one only.

    Raises:
        DataError: an array is missing or of another kind, or the file is damaged.
    """
    with unpacked(path) as stored:
        found = shorten(", ".join(stored.files), 100)
        missing = sorted({"spikes", "labels"} - set(stored.files))
        if missing:
            raise DataError(f"{path}: lacks the array {' and '.join(missing)}, found {found or 'none'}; give {layouts}")
        head = _head(path, stored)
        arrays = {name: stored[name] for name in ("labels", "class_names") if name in stored.files}
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise _no_array(path, name)
    names = tuple(str(name) for name in arrays["class_names"].ravel()) if "class_names" in arrays else ()
    labels_B = check_kinds(str(path), head.shape, head.dtype, arrays["labels"])
    kind: Kind = "counts" if counts else "binary"

    def read(batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        return _read(path, head, batches, counts)

    return SampleSource(str(path), labels_B, head.shape[1], head.shape[2:], read, names, kind)


def _read(path: Path, head: Head, batches: Iterable[np.ndarray], counts: bool) -> Iterator[np.ndarray]:
    if head.by_columns:  # samples do not lie one after the other
        with unpacked(path) as stored:
            whole = stored["spikes"]
        for chosen in batches:
            yield check_values(str(path), whole[chosen], chosen, counts=counts)
        return
    with unpacked(path) as stored, ExitStack() as opened:
        now, n_bytes = head.shape[0], math.prod(head.shape[1:]) * head.dtype.itemsize
        for chosen in batches:
            rising, place = np.unique(chosen, return_inverse=True)
            if rising[0] < now:  # from the start again: what is packed cannot be entered in the middle
                opened.close()
                stream = opened.enter_context(stored.zip.open(head.member))
                _take(stream, head.offset)
                now = 0
            some, reached = np.empty((len(rising), *head.shape[1:]), head.dtype), now
            try:
                for row, index in enumerate(rising):
                    while now <= index:
                        some[row] = _take(stream, n_bytes).view(head.dtype).reshape(head.shape[1:])
                        now += 1
            except Exception as error:
                raise _damaged(path, error, f", samples from {reached} on cannot be read") from None
            yield check_values(str(path), some, rising, counts=counts)[place]


def _head(path: Path, stored: Any) -> Head:
    """Return the header of the spikes, after comparing the size it claims with the one that is there."""
    member = "spikes.npy" if "spikes.npy" in stored.zip.namelist() else "spikes"
    with stored.zip.open(member) as stream:
        if not stream.peek().startswith(np.lib.format.MAGIC_PREFIX):  # type: ignore[attr-defined]
            raise _no_array(path, "spikes")
        shape, by_columns, dtype = array_head(stream)
        offset = stream.tell()
    if dtype.hasobject:
        raise ValueError("spikes hold objects")
    there = stored.zip.getinfo(member).file_size - offset
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != there:
        raise ValueError(f"spikes of shape {shape} in {there} bytes")
    return Head(member, shape, dtype, by_columns and len(shape) > 1, offset)


def write_npz(
    path: str | Path, name: str, shape: tuple[int, ...], pieces: Iterable[np.ndarray], more: Mapping[str, Any]
) -> None:
    """Write an .npz whose first array is larger than the memory; it is there whole or not at all.

    Args:
        name: Of the first array.
        shape: Of all of it.
        pieces: Its parts, one after the other along the first axis, all of one type.
        more: Further arrays, by name.

    Raises:
        RunError: it cannot be written.
    """
    with written_whole(path) as beside, zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        with file.open(f"{name}.npy", "w", force_zip64=True) as stream:
            for number, piece in enumerate(pieces):
                if number == 0:
                    head = {"descr": piece.dtype.str, "fortran_order": False, "shape": shape}
                    np.lib.format.write_array_header_1_0(stream, head)
                stream.write(piece.tobytes())
        for key, values in more.items():
            with file.open(f"{key}.npy", "w") as stream:
                np.lib.format.write_array(stream, np.asarray(values), allow_pickle=False)


def _take(stream: IO[bytes], n_bytes: int) -> np.ndarray:
    found = np.empty(n_bytes, np.uint8)
    for first in range(0, n_bytes, PIECE):
        part = stream.read(min(PIECE, n_bytes - first))
        if len(part) < min(PIECE, n_bytes - first):
            raise EOFError("it ends too early")
        found[first : first + len(part)] = np.frombuffer(part, np.uint8)
    return found


@contextmanager
def unpacked(path: Path) -> Iterator[Any]:
    """Give the arrays of an .npz.

    Raises:
        DataError: it cannot be read, or holds objects; damage that shows only in the block is told alike.
    """
    check_fetched(path, DataError)
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            yield stored
    except DataError:
        raise
    except MemoryError:
        raise DataError(f"{path}: its arrays are larger than the memory; split the file") from None
    except Exception as error:  # numpy, zipfile and zlib raise many kinds for damaged files
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception, where: str = "") -> DataError:
    reason = str(error).strip() or type(error).__name__
    return DataError(
        f"{path}: is a damaged .npz or holds objects{where} ({reason}); save plain arrays with numpy.savez"
    )


def _no_array(path: Path, name: str) -> DataError:
    return DataError(f"{path}: {name} is no array; save plain arrays with numpy.savez")
