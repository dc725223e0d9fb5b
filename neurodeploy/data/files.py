"""Labelled spikes in files: HDF5 in the layout of SHD and SSC, read batch by batch and written, and dense .npz."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from neurodeploy.data.binning import N_UNITS, Binning, Counts, count_events, dropped_note
from neurodeploy.data.events import Binned, check_as_many, extent, steps_of
from neurodeploy.data.npz import open_npz
from neurodeploy.data.spikes import check_kinds
from neurodeploy.data.stream import SampleSource, check_limit, from_counts
from neurodeploy.errors import DataError
from neurodeploy.files import check_fetched, written_whole
from neurodeploy.phrases import Phrase

LAYOUTS = "an .npz with spikes (N, T, C) and labels (N,), or an HDF5 file in SHD layout"
SHD_ARRAYS = ("spikes/times", "spikes/units", "labels")
MOST_EXPANSION = 2000
"""Bytes of arrays per byte of file; gzip reaches 1032."""
AT_ONCE = 1024
"""Samples whose events are read together."""


def open_file(
    path: Path,
    *,
    dt_s: float | None,
    n_channels: int | None,
    binning: Binning | None = None,
    limit: int | None = None,
    counts: bool = False,
) -> SampleSource:
    """Return the samples in a file, to be read batch by batch.

    Args:
        dt_s: Bin width in seconds; needed by HDF5 files, whose events carry times.
        n_channels: Channels of the network; without it HDF5 files use the largest unit found.
        binning: Instead of `dt_s` for HDF5 files: events are counted by this rule, and must be in order. Dense files
            are binned already.
        limit: First samples only; no others are looked at.
        counts: A step and channel may hold more than 0 and 1; so it is where `binning` counts.

    Raises:
        DataError: the file is absent, of another format, or damaged.
    """
    check_limit(limit)
    if os.path.isdir(path):
        raise DataError("is a folder", f"name {LAYOUTS}", where=path)
    check_fetched(path, DataError)
    try:
        with path.open("rb") as stream:
            start = stream.read(8)
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", "check the path", where=path) from None
    if start.startswith(b"PK"):
        return open_npz(path, LAYOUTS, counts=binning.counts if binning else counts).first(limit)
    if start == b"\x89HDF\r\n\x1a\n":
        if binning is not None:
            units = N_UNITS if n_channels is None else n_channels * binning.spatial_bin
            return counted(path, binning, units, limit)
        return _open_shd_layout(path, dt_s, n_channels, limit, counts=counts)
    raise DataError("is of another format", f"give {LAYOUTS}", where=path)


def _open_shd_layout(
    path: Path, dt_s: float | None, n_channels: int | None, limit: int | None, *, counts: bool
) -> SampleSource:
    """Check every event once, which also tells the steps that hold them all; `read` then reads them again."""
    if dt_s is None:
        raise DataError(
            "its events carry times, so a step length is needed", Phrase("give {dt_s} in seconds"), where=path
        )
    with _stored(path) as (times, units, labels):
        check_as_many(str(path), times, units)
        n_samples = min(len(times), limit or len(times))
        parts = (
            _events(path, times, units, np.arange(first, min(first + AT_ONCE, n_samples)))
            for first in range(0, n_samples, AT_ONCE)
        )
        n_steps, channels = extent(
            str(path), (one for part in parts for one in zip(*part, strict=True)), dt_s, n_channels
        )
        shape = (len(times), n_steps, channels)
        labels_B = check_kinds(str(path), shape, np.dtype(np.uint8), labels[()])[:n_samples]

    def read(batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        with _stored(path) as (times, units, _):
            for chosen in batches:
                when, which = _events(path, times, units, chosen)
                events = Binned([steps_of(one, dt_s) for one in when], list(which), n_steps, channels, counts)
                yield from events.read([np.arange(len(chosen))])

    return SampleSource(str(path), labels_B, n_steps, (channels,), read, kind="counts" if counts else "binary")


def counted(path: Path, binning: Binning, n_units: int, limit: int | None = None) -> SampleSource:
    """Return the samples of a file in SHD layout, counted by a rule and held compactly.

    Raises:
        DataError: the file is damaged, or a sample holds events that are not allowed; see `count_events`.
    """
    found: list[Counts] = []
    labels = count_lists(path, binning, n_units, found.append, limit)
    source = from_counts(str(path), found, labels, binary=not binning.counts)
    return replace(source, notes=dropped_note(path.name, sum(one.dropped for one in found)))


def count_lists(
    path: Path, binning: Binning, n_units: int, add: Callable[[Counts], None], limit: int | None = None
) -> np.ndarray:
    """Give away the counts in a file in SHD layout, some samples after the other, and return the labels.

    Raises:
        DataError: see `counted`.
    """
    with _stored(path) as (times, units, labels):
        check_as_many(str(path), times, units)
        if labels.shape != times.shape or labels.dtype.kind not in "iu":
            raise DataError(
                f"{len(times)} samples have labels of shape {labels.shape} and type {labels.dtype}, one "
                "whole number each is needed",
                where=path,
            )
        n_samples = min(len(times), limit or len(times))
        for first in range(0, n_samples, AT_ONCE):
            some = _events(path, times, units, np.arange(first, min(first + AT_ONCE, n_samples)))
            add(count_events(str(path), zip(*some, strict=True), binning, n_units, first))
        return labels[:n_samples]  # type: ignore[no-any-return]


@contextmanager
def _stored(path: Path) -> Iterator[Any]:
    """Give times, units and labels of a file, open."""
    try:
        with h5py.File(path, "r") as stored:
            found = [stored[name] for name in SHD_ARRAYS]
            _check_layout(path, found)
            yield found
    except (DataError, MemoryError):
        raise
    except KeyError as error:
        raise DataError(
            f"is not in SHD layout ({', '.join(SHD_ARRAYS)}): {_reason(error)}", "write these arrays", where=path
        ) from None
    except Exception as error:  # h5py raises many kinds for damaged files
        raise DataError(f"is a damaged HDF5 file ({_reason(error)})", "copy it again", where=path) from None


def _events(
    path: Path, times: Any, units: Any, chosen: np.ndarray
) -> tuple[Sequence[np.ndarray], Sequence[np.ndarray]]:
    """Return the lists of some samples; where one cannot be read, the error names the first."""
    first = int(chosen[0])
    in_a_row = bool((np.diff(chosen) == 1).all())
    try:
        if in_a_row:
            return times[first : first + len(chosen)], units[first : first + len(chosen)]
        return [times[index] for index in chosen], [units[index] for index in chosen]
    except Exception as error:  # h5py raises many kinds for damaged files
        if len(chosen) == 1:
            raise DataError(
                f"is a damaged HDF5 file, sample {first} cannot be read ({_reason(error)})", "copy it again", where=path
            ) from None
    for index in chosen:
        _events(path, times, units, np.array([index]))
    raise DataError(f"is a damaged HDF5 file around sample {first}", "copy it again", where=path)


def _check_layout(path: Path, found: list[h5py.Dataset]) -> None:
    """Check kinds and lengths before anything is read, so that a damaged size cannot fill the memory."""
    for name, one in zip(SHD_ARRAYS, found, strict=True):
        if not isinstance(one, h5py.Dataset) or len(one.shape) != 1:
            raise DataError(f"{name} is no list with one entry per sample", "write it in SHD layout", where=path)
        if one.nbytes > MOST_EXPANSION * path.stat().st_size:
            raise DataError(
                f"{name} claims {len(one)} entries, more than the file can hold", "copy it again", where=path
            )
    for name, one, kinds in (("spikes/times", found[0], "f"), ("spikes/units", found[1], "iu")):
        inner = h5py.check_vlen_dtype(one.dtype)
        if getattr(inner, "kind", "none") not in kinds:
            what = "real numbers (seconds)" if kinds == "f" else "whole numbers (channels)"
            raise DataError(
                f"{name} holds {f'lists of {inner}' if isinstance(inner, np.dtype) else 'single values'}, "
                f"lists of {what} are needed, one per sample",
                where=path,
            )


def _reason(error: Exception) -> str:
    return str(error).strip() or type(error).__name__


TIME_TYPES = ("float16", "float32", "float64")


class ShdWriter:
    """The lists of a file that is being written."""

    def __init__(self, times: h5py.Dataset, units: h5py.Dataset) -> None:
        self._times, self._units = times, units
        self._kind = h5py.check_vlen_dtype(times.dtype)

    def write(self, index: int, times_s: np.ndarray, units: np.ndarray) -> None:
        """Write one clip's spikes; `times_s` are rounded to the file's type."""
        self._times[index] = times_s.astype(self._kind)
        self._units[index] = units.astype(np.uint16)


@contextmanager
def shd_file(
    path: str | Path,
    labels: Sequence[int],
    *,
    keys: Sequence[str],
    extra: Mapping[str, Any] | None = None,
    settings: Mapping[str, str | int | float] | None = None,
    times: str = "float16",
) -> Iterator[ShdWriter]:
    """Give a writer for a file with `spikes/times`, `spikes/units`, `labels` and `extra/keys`.

    The file is there once the block succeeds, and not before. The same spikes give the same bytes.

    Args:
        labels: Of each clip, from 0.
        keys: The word of each label.
        extra: Further arrays under `extra/`; words are stored as bytes in UTF-8, as the data sets do.
        settings: Kept as attributes of the file.
        times: Type of the times, one of `TIME_TYPES`; SHD and SSC have float16.

    Raises:
        DataError: the type is unknown.
        RunError: the file cannot be written.
    """
    if times not in TIME_TYPES:
        raise DataError(f"times: found {times!r}, one of {', '.join(TIME_TYPES)} is allowed; SSC has float16")
    with written_whole(path) as beside, h5py.File(beside, "w") as file:
        for name, value in (settings or {}).items():
            file.attrs[name] = value
        file["labels"] = np.asarray(labels, np.uint16)
        for name, values in {"keys": list(keys), **(extra or {})}.items():
            array = np.asarray(values)
            file[f"extra/{name}"] = np.array([str(one).encode() for one in array]) if array.dtype.kind == "U" else array
        lists = (
            file.create_dataset(f"spikes/{name}", (len(labels),), dtype=h5py.vlen_dtype(np.dtype(kind)))
            for name, kind in (("times", times), ("units", "uint16"))
        )
        yield ShdWriter(*lists)
