"""Labelled spikes from files: dense .npz, and HDF5 in the layout of SHD and SSC."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from neurodeploy.data.spikes import SpikeData, checked
from neurodeploy.errors import DataError

LAYOUTS = "an .npz with spikes (N, T, C) and labels (N,), or an HDF5 file in SHD layout"
SHD_ARRAYS = ("spikes/times", "spikes/units", "labels")
MOST_EXPANSION = 2000
"""Bytes of arrays per byte of file; gzip reaches 1032."""
MOST_ROUNDING = 0.01
"""Of a step. SHD's float16 times are coarser than that, and must not be moved by half a step."""
MOST_STEPS = 1_000_000
"""More come from times in milli- or microseconds, and would fill the memory."""


def read_file(path: Path, *, dt_s: float | None, n_channels: int | None) -> SpikeData:
    """Return the samples in a file.

    Args:
        dt_s: Bin width in seconds; needed by HDF5 files, whose events carry times.
        n_channels: Channels of the network; without it HDF5 files use the largest unit found.

    Raises:
        DataError: the file is absent, of another format, or damaged.
    """
    if os.path.isdir(path):
        raise DataError(f"{path}: is a folder; name {LAYOUTS}")
    try:
        with path.open("rb") as stream:
            start = stream.read(8)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    if start.startswith(b"PK\x03\x04"):
        return _read_npz(path)
    if start == b"\x89HDF\r\n\x1a\n":
        return _read_shd_layout(path, dt_s, n_channels)
    raise DataError(f"{path}: is of another format; give {LAYOUTS}")


def _read_npz(path: Path) -> SpikeData:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in ("spikes", "labels", "class_names") if name in stored.files}
            found = ", ".join(stored.files)
    except MemoryError:
        raise DataError(f"{path}: its arrays are larger than the memory; split the file") from None
    except Exception as error:  # numpy, zipfile and zlib raise many kinds for damaged files
        raise DataError(
            f"{path}: is a damaged .npz or holds objects ({_reason(error)}); save plain arrays with numpy.savez"
        ) from None
    missing = {"spikes", "labels"} - arrays.keys()
    if missing:
        raise DataError(
            f"{path}: lacks the array {' and '.join(sorted(missing))}, found {found or 'none'}; give {LAYOUTS}"
        )
    odd = [name for name, array in arrays.items() if not isinstance(array, np.ndarray)]
    if odd:
        raise DataError(f"{path}: {odd[0]} is no array; save plain arrays with numpy.savez")
    names = [str(name) for name in arrays["class_names"].ravel()] if "class_names" in arrays else []
    return checked(str(path), arrays["spikes"], arrays["labels"], names)


def _read_shd_layout(path: Path, dt_s: float | None, n_channels: int | None) -> SpikeData:
    if dt_s is None:
        raise DataError(f"{path}: its events carry times, so a step length is needed; give --dt in seconds")
    try:
        with h5py.File(path, "r") as stored:
            found = [stored[name] for name in SHD_ARRAYS]
            _check_layout(path, found)
            times, units, labels = (one[()] for one in found)
    except DataError:
        raise
    except KeyError as error:
        raise DataError(
            f"{path}: is not in SHD layout ({', '.join(SHD_ARRAYS)}): {_reason(error)}; write these arrays"
        ) from None
    except Exception as error:  # h5py raises many kinds for damaged files
        raise DataError(f"{path}: is a damaged HDF5 file ({_reason(error)}); copy it again") from None
    return checked(str(path), bin_events(str(path), times, units, dt_s, n_channels), labels)


def _check_layout(path: Path, found: list[h5py.Dataset]) -> None:
    """Check kinds and lengths before anything is read, so that a damaged size cannot fill the memory."""
    for name, one in zip(SHD_ARRAYS, found, strict=True):
        if not isinstance(one, h5py.Dataset) or len(one.shape) != 1:
            raise DataError(f"{path}: {name} is no list with one entry per sample; write it in SHD layout")
        if one.nbytes > MOST_EXPANSION * path.stat().st_size:
            raise DataError(f"{path}: {name} claims {len(one)} entries, more than the file can hold; copy it again")
    for name, one, kinds in (("spikes/times", found[0], "f"), ("spikes/units", found[1], "iu")):
        inner = h5py.check_vlen_dtype(one.dtype)
        if getattr(inner, "kind", "none") not in kinds:
            what = "real numbers (seconds)" if kinds == "f" else "whole numbers (channels)"
            raise DataError(
                f"{path}: {name} holds {f'lists of {inner}' if isinstance(inner, np.dtype) else 'single values'}, "
                f"lists of {what} are needed, one per sample"
            )


def _reason(error: Exception) -> str:
    return str(error).strip() or type(error).__name__


def bin_events(
    where: str,
    times: Sequence[np.ndarray],
    units: Sequence[np.ndarray],
    dt_s: float,
    n_channels: int | None,
    least_steps: int = 1,
) -> np.ndarray:
    """Return events as spikes (B, T, I), at most one per step and channel.

    Args:
        times, units: One array per sample: seconds from its start (floats), and channel numbers.
        least_steps: Steps of the result, where the last event does not ask for more.
        dt_s: Step length; an event at time t falls in step floor(t / dt_s), see `_steps` for the edges.

    Raises:
        DataError: lengths differ, times are negative or not finite, or units are out of range.
    """
    if len(times) != len(units) or not len(times):
        raise DataError(
            f"{where}: {len(times)} samples of times and {len(units)} of units, as many of both and at least one "
            "are needed"
        )
    largest = max((int(one.max()) for one in units if len(one)), default=-1)
    channels = n_channels if n_channels is not None else largest + 1
    last = 0.0
    for index, (when, which) in enumerate(zip(times, units, strict=True)):
        if len(when) != len(which):
            raise DataError(
                f"{where}: sample {index} has {len(when)} times and {len(which)} units, one unit per time is needed"
            )
        if len(when) and not (np.isfinite(when).all() and when.min() >= 0):
            raise DataError(
                f"{where}: sample {index} has times from {when.min():g} to {when.max():g}, seconds from 0 are "
                "allowed; shift or drop these events"
            )
        if len(which) and not (which.min() >= 0 and which.max() < channels):
            raise DataError(
                f"{where}: sample {index} has units {which.min()}..{which.max()}, the network has channels "
                f"0..{channels - 1}"
            )
        last = max(last, float(when.max()) if len(when) else 0.0)
    if last / dt_s >= MOST_STEPS:
        raise DataError(
            f"{where}: its last event is at {last:g} s, which makes {last / dt_s:.3g} steps of {dt_s:g} s, at most "
            f"{MOST_STEPS} are allowed; times must be in seconds, or give a larger --dt"
        )
    steps = [_steps(np.asarray(when), dt_s) for when in times]
    n_steps = max(least_steps, 1 + max(int(one.max(initial=0)) for one in steps))
    spikes = np.zeros((len(times), n_steps, channels), dtype=np.uint8)
    for index, (step, which) in enumerate(zip(steps, units, strict=True)):
        spikes[index, step, which] = 1
    return spikes


def _steps(times: np.ndarray, dt_s: float) -> np.ndarray:
    """Return floor(t / dt), where a time that its type cannot tell from a step's start counts as that start.

    >>> _steps(np.array([0.3, 0.29]), 0.1)  # 0.3 / 0.1 is 2.9999999999999996
    array([3, 2])
    """
    exact = times.astype(np.float64) / dt_s
    nearest = np.rint(exact)
    rounding = np.minimum(np.finfo(times.dtype).eps * nearest, MOST_ROUNDING)
    return np.where(np.abs(exact - nearest) <= rounding, nearest, np.floor(exact)).astype(np.int64)
