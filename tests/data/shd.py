"""Files in the layout of the Spiking Heidelberg Digits, and damage to them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np


def write_shd(
    path: Path, times: Sequence[Any], units: Sequence[Any], labels: Any, time: Any = np.float64, unit: Any = np.int64
) -> None:
    """Write HDF5 in the layout of SHD: a list of times and of units per sample."""
    with h5py.File(path, "w") as file:
        for name, lists, kind in (("spikes/times", times, time), ("spikes/units", units, unit)):
            stored = file.create_dataset(name, (len(lists),), dtype=h5py.vlen_dtype(kind))
            for index, one in enumerate(lists):
                stored[index] = np.asarray(one, kind)
        if labels is not None:
            file["labels"] = labels


def write_official(path: Path, spikes_BTI: np.ndarray, dt_s: float, time: Any = np.float16) -> None:
    """Write dense spikes as the official files hold them: sorted times, units of 16 bits, and speakers beside."""
    events = [np.nonzero(sample) for sample in spikes_BTI]
    times = [(steps + 0.5) * dt_s for steps, _ in events]
    labels = np.zeros(len(events), np.uint16)
    write_shd(path, times, [units for _, units in events], labels, time, np.uint16)
    with h5py.File(path, "a") as file:
        file["extra/speaker"] = labels
        file["extra/keys"] = np.array([b"zero", b"eins"])


def break_last_lists(path: Path) -> None:
    """Make the lists that were written last unreadable; the earlier ones stay as they are."""
    content = bytearray(path.read_bytes())
    place = content.rindex(b"GCOL")
    content[place : place + 4] = b"LOST"
    path.write_bytes(content)
