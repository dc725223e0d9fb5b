"""Labelled spikes from files: dense .npz, and HDF5 in the layout of SHD and SSC."""

from __future__ import annotations

import zipfile
from pathlib import Path

import h5py
import numpy as np

from neurodeploy.data.spikes import SpikeData, checked
from neurodeploy.errors import DataError

LAYOUTS = "an .npz with spikes (N, T, C) and labels (N,), or an HDF5 file in SHD layout"


def read_file(path: Path, *, dt_s: float | None, n_channels: int | None) -> SpikeData:
    """Return the samples in a file.

    Args:
        dt_s: Bin width in seconds; needed by HDF5 files, whose events carry times.
        n_channels: Channels of the network; without it HDF5 files use the largest unit found.

    Raises:
        DataError: the file is absent, of another format, or damaged.
    """
    if path.is_dir():
        raise DataError(f"{path}: is a folder; name {LAYOUTS}")
    try:
        with path.open("rb") as stream:
            start = stream.read(8)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    if start.startswith(b"PK\x03\x04"):
        return _read_npz(path)
    if start == b"\x89HDF\r\n\x1a\n":
        return _read_shd_layout(path, dt_s, n_channels)
    raise DataError(f"{path}: is neither {LAYOUTS}")


def _read_npz(path: Path) -> SpikeData:
    try:
        with np.load(path, allow_pickle=False) as stored:
            missing = {"spikes", "labels"} - set(stored.files)
            if missing:
                raise DataError(
                    f"{path}: lacks the array {' and '.join(sorted(missing))}; found {', '.join(stored.files)}"
                )
            names = [str(name) for name in stored["class_names"]] if "class_names" in stored.files else []
            return checked(str(path), stored["spikes"], stored["labels"], names)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: is a damaged .npz or holds objects ({error}); save plain arrays") from None


def _read_shd_layout(path: Path, dt_s: float | None, n_channels: int | None) -> SpikeData:
    if dt_s is None:
        raise DataError(f"{path}: its events carry times, so a step length is needed; give --dt in seconds")
    try:
        with h5py.File(path, "r") as stored:
            times, units = stored["spikes/times"][()], stored["spikes/units"][()]
            labels = stored["labels"][()]
    except KeyError as error:
        raise DataError(f"{path}: is not in SHD layout (spikes/times, spikes/units, labels): {error}") from None
    except OSError as error:
        raise DataError(f"{path}: is a damaged HDF5 file ({error})") from None
    return checked(str(path), bin_events(str(path), times, units, dt_s, n_channels), labels)


def bin_events(
    where: str, times: np.ndarray, units: np.ndarray, dt_s: float, n_channels: int | None
) -> np.ndarray:
    """Return events as spikes (B, T, I), at most one per step and channel.

    Args:
        times, units: One array per sample: seconds from its start, and channel numbers.
        dt_s: Step length; an event at time t falls in step floor(t / dt_s).

    Raises:
        DataError: lengths differ, times are negative or not finite, or units are out of range.
    """
    if len(times) != len(units) or not len(times):
        raise DataError(f"{where}: {len(times)} samples of times and {len(units)} of units")
    largest = max((int(one.max()) for one in units if len(one)), default=-1)
    channels = n_channels if n_channels is not None else largest + 1
    last = 0.0
    for index, (when, which) in enumerate(zip(times, units, strict=True)):
        if len(when) != len(which):
            raise DataError(f"{where}: sample {index} has {len(when)} times and {len(which)} units")
        if len(when) and not (np.isfinite(when).all() and when.min() >= 0):
            raise DataError(f"{where}: sample {index} has times that are negative or not finite")
        if len(which) and not (0 <= which.min() and which.max() < channels):
            raise DataError(
                f"{where}: sample {index} has units {which.min()}..{which.max()}, the network has channels "
                f"0..{channels - 1}"
            )
        last = max(last, float(when.max()) if len(when) else 0.0)
    spikes = np.zeros((len(times), int(last / dt_s) + 1, channels), dtype=np.uint8)
    for index, (when, which) in enumerate(zip(times, units, strict=True)):
        spikes[index, (np.asarray(when, dtype=np.float64) / dt_s).astype(np.int64), which] = 1
    return spikes
