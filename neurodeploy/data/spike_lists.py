"""Recordings turned to 700-channel cochlea spikes, kept as differences of time steps in an .npz.

Arrays: `delta_step` steps since the previous event of the sample, `unit`, `offsets` where each sample's events start,
`step_rate` steps per second, `num_units`, and one value per sample in each of the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurodeploy.data.npz import unpacked
from neurodeploy.errors import DataError

NEEDED = ("delta_step", "unit", "offsets", "step_rate", "num_units")


@dataclass(frozen=True, eq=False)
class SpikeLists:
    """Events of every sample, and what else the file says of each.

    Attributes:
        extra: Further arrays; one entry per sample, or names.
    """

    path: Path
    delta_step: np.ndarray
    unit: np.ndarray
    offsets: np.ndarray
    steps_per_s: int
    n_units: int
    extra: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def samples(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield times and units of each sample.

        Times are rounded to float16, seconds, as the files of SHD and SSC hold them, so that these spikes are binned
        like those: the published networks were trained on such times.
        """
        for first, after in zip(self.offsets[:-1], self.offsets[1:], strict=True):
            steps = np.cumsum(self.delta_step[first:after], dtype=np.int64)
            yield (steps / self.steps_per_s).astype(np.float16), self.unit[first:after]


def read_spike_lists(path: Path, per_sample: tuple[str, ...]) -> SpikeLists:
    """Return the events in a file.

    Args:
        per_sample: Arrays of one entry per sample that must be there.

    Raises:
        DataError: the file is damaged, an array is missing or of another length, or an offset points elsewhere.
    """
    with unpacked(path) as stored:
        missing = [name for name in (*NEEDED, *per_sample) if name not in stored.files]
        if missing:
            raise DataError(
                f"{path}: lacks the array {' and '.join(missing)}, found {', '.join(stored.files) or 'none'}; "
                "it is no file of cochlea spikes"
            )
        arrays = {name: stored[name] for name in stored.files}
    for name in NEEDED:
        if arrays[name].dtype.kind not in "iu" or arrays[name].ndim != (name not in ("step_rate", "num_units")):
            raise DataError(
                f"{path}: {name} is {arrays[name].dtype} of shape {arrays[name].shape}, "
                f"{'a list of whole numbers' if arrays[name].ndim else 'a whole number'} is needed; copy it again"
            )
    offsets = arrays.pop("offsets").astype(np.int64)
    n_events = len(arrays["delta_step"])
    if not len(offsets) or offsets[0] != 0 or offsets[-1] != n_events or (np.diff(offsets) < 0).any():
        raise DataError(f"{path}: offsets do not lead from 0 to its {n_events} events; copy it again")
    for name, length in (("unit", n_events), *((name, len(offsets) - 1) for name in per_sample)):
        if arrays[name].shape != (length,):
            raise DataError(f"{path}: {name} has shape {arrays[name].shape}, ({length},) is needed; copy it again")
    rate, n_units = int(arrays.pop("step_rate")), int(arrays.pop("num_units"))
    if rate < 1 or n_units < 1:
        raise DataError(f"{path}: step_rate is {rate} and num_units {n_units}, both must be above 0; copy it again")
    return SpikeLists(path, arrays.pop("delta_step"), arrays.pop("unit"), offsets, rate, n_units, arrays)
