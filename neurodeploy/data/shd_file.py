"""HDF5 files in the layout of SHD and SSC, written clip by clip."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from neurodeploy.errors import DataError
from neurodeploy.files import written_whole

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
            file[f"extra/{name}"] = _stored(values)
        lists = (
            file.create_dataset(f"spikes/{name}", (len(labels),), dtype=h5py.vlen_dtype(np.dtype(kind)))
            for name, kind in (("times", times), ("units", "uint16"))
        )
        yield ShdWriter(*lists)


def _stored(values: Any) -> np.ndarray:
    """Return an array that HDF5 can hold."""
    found = np.asarray(values)
    return np.array([str(one).encode() for one in found]) if found.dtype.kind == "U" else found
