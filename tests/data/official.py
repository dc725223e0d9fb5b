"""Files in the official layout of SHD and SSC, small ones, made of random events."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tests.data.shd import write_shd


def events(n_samples: int, seed: int, n_events: int = 40) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return times up to 1.1 s, rising, and units, as the official files hold them."""
    generator = np.random.default_rng(seed)
    times = [np.sort(generator.uniform(0, 1.1, n_events)).astype(np.float16) for _ in range(n_samples)]
    return times, [generator.integers(0, 700, n_events).astype(np.uint16) for _ in range(n_samples)]


def write_part(path: Path, n_samples: int, n_classes: int, seed: int, n_speakers: int = 5, **changed: Any) -> Path:
    """Write one part: every class and speaker in turn; `changed` replaces times, units, labels or speaker."""
    times, units = events(n_samples, seed)
    labels = np.arange(n_samples, dtype=np.uint16) % n_classes
    path.parent.mkdir(parents=True, exist_ok=True)
    write_shd(
        path,
        changed.get("times", times),
        changed.get("units", units),
        changed.get("labels", labels),
        np.float16,
        changed.get("unit", np.uint16),
    )
    speaker = changed.get("speaker", np.arange(n_samples, dtype=np.uint16) // n_classes % n_speakers)
    with h5py.File(path, "a") as file:
        if speaker is not None:
            file["extra/speaker"] = speaker
        file["extra/keys"] = np.array([f"word{label}".encode() for label in range(n_classes)])
        file["extra/meta_info/age"] = np.arange(n_speakers)
    return path


def pack(path: Path, ending: str) -> Path:
    """Replace a file by its packed form."""
    packed = path.with_name(path.name + ending)
    if ending == ".gz":
        packed.write_bytes(gzip.compress(path.read_bytes(), 1))
    else:
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(path, path.name)
    path.unlink()
    return packed
