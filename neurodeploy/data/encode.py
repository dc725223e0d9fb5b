"""Real values to spikes."""

from __future__ import annotations

import numpy as np

from neurodeploy.errors import DataError


def regular_rate(values_BI: np.ndarray, n_steps: int) -> np.ndarray:
    """Return evenly spaced spikes (B, T, I), uint8, whose rate per step is the value.

    An integrator per channel starts at one half, adds the value every step, and sends a spike
    and loses one when it reaches one. No random numbers: the same values give the same spikes.

    Args:
        values_BI: Between 0 (silent) and 1 (a spike every step).
        n_steps: Steps to encode over.

    Raises:
        DataError: values outside 0..1.

    >>> regular_rate(np.array([[0.0, 0.5, 1.0]]), 4)[0].T
    array([[0, 0, 0, 0],
           [1, 0, 1, 0],
           [1, 1, 1, 1]], dtype=uint8)
    """
    if values_BI.min() < 0 or values_BI.max() > 1:
        raise DataError(f"values {values_BI.min()}..{values_BI.max()} are outside 0..1; scale them first")
    # Counting in whole 1/65536 keeps the sums exact, so every machine gives the same spikes.
    steps_T11 = np.arange(1, n_steps + 1)[:, None, None]
    parts_BI = np.rint(values_BI * 65536).astype(np.int64)
    reached_TBI = (steps_T11 * parts_BI + 32768) >> 16
    spikes_TBI = np.diff(reached_TBI, axis=0, prepend=0)
    return spikes_TBI.transpose(1, 0, 2).astype(np.uint8)
