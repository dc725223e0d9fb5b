"""Events of a camera as frames: cut into parts of as many events, or of as much time, and counted per pixel.

The frames equal those of SpikingJelly's `integrate_events_to_frames`, as Fang et al., ICCV 2021, train on them.
Axes: T frame, C polarity (0, and any other), H row, W column.
"""

import math
from typing import Literal

import numpy as np

from neurodeploy.errors import DataError, nearest

By = Literal["number", "time"]
EVENT = np.dtype([("t", "<i8"), ("x", "<i2"), ("y", "<i2"), ("p", "i1")])
"""An event: microseconds, column, row, polarity."""
KINDS = ("max", "sum", "norm", "frequency")
LEAST = 1e-5
"""What a frame is divided by at least."""


def cuts(times_us: np.ndarray, n_frames: int, by: By) -> np.ndarray:
    """Return the number of each frame's first event, and that after the last event: int64, n_frames + 1.

    Args:
        times_us: Whole microseconds, rising.
        by: "number": each frame has N // n_frames of N events, the last one the rest too. "time": each lasts a whole
            number of microseconds, (last - first) // n_frames, and the last one until the last event.

    Raises:
        DataError: there are fewer events than frames, or frames of no length.

    >>> cuts(np.array([0, 1, 2, 3, 4, 50, 90]), 3, "number"), cuts(np.array([0, 1, 2, 3, 4, 50, 90]), 3, "time")
    (array([0, 2, 4, 7]), array([0, 5, 6, 7]))
    """
    n_events = len(times_us)
    if n_frames < 1:
        raise DataError(f"found {n_frames}", option="frames", allowed="at least 1 is needed")
    if by not in ("number", "time"):
        raise DataError(f"found {by!r}", nearest(by, ("number", "time")), option="by")
    if n_events < n_frames:
        raise DataError(f"has {n_events} event(s), fewer than {n_frames} frames", "take fewer frames, or leave it out")
    if by == "number":
        return np.append(np.arange(n_frames) * (n_events // n_frames), n_events)
    length = int(times_us[-1] - times_us[0]) // n_frames
    if not length:
        lasts = f"lasts {times_us[-1] - times_us[0]} us, which makes frames of 0 us"
        raise DataError(lasts, "cut it by number, or leave it out")
    return np.append(np.searchsorted(times_us, times_us[0] + length * np.arange(n_frames)), n_events)


def events_to_frames(
    events: np.ndarray, n_frames: int, by: By = "number", *, shape: tuple[int, int], normalize: str | None = None
) -> np.ndarray:
    """Return one recording's events as frames (T, 2, H, W): counts, int64, or normalised, float64.

    Args:
        events: A structured array with fields t (whole microseconds, rising), x, y and p, as `EVENT`.
        n_frames: T.
        by: As in `cuts`.
        shape: H and W.
        normalize: Of each frame and polarity: "max" and "sum" divide by its largest count and by their sum, "norm"
            makes the mean 0 and the variance 1, "frequency" divides by the frame's microseconds. A divisor is at least
            1e-5.

    Raises:
        DataError: see `cuts`; or an event lies outside the sensor, or the normalisation is unknown.
    """
    if normalize is not None and normalize not in KINDS:
        raise DataError(f"found {normalize!r}", nearest(normalize, KINDS), option="normalize")
    starts, axes = cuts(events["t"], n_frames, by), (n_frames, 2, *shape)
    frame = np.repeat(np.arange(n_frames), np.diff(starts))
    at = (frame, events["p"] != 0, events["y"].astype(np.int64), events["x"].astype(np.int64))
    try:
        cells = np.ravel_multi_index(at, axes)
    except ValueError:
        raise DataError(f"has events outside the sensor of {shape[0]} rows and {shape[1]} columns") from None
    counts = np.bincount(cells, minlength=math.prod(axes)).reshape(axes)
    if normalize is None:
        return counts
    flat = counts.reshape(n_frames, 2, -1).astype(np.float64)
    if normalize == "frequency":
        first, last = events["t"][0], events["t"][-1]
        ends = (first + (last - first) // n_frames * np.arange(n_frames)) if by == "time" else events["t"][starts[:-1]]
        divisor = np.diff(np.append(ends, last)).astype(np.float64)[:, None, None]
    elif normalize == "norm":
        divisor = np.sqrt(np.maximum(flat.var(axis=2, keepdims=True), LEAST))
        flat -= flat.mean(axis=2, keepdims=True)
    else:
        divisor = getattr(flat, normalize)(axis=2, keepdims=True)
    return (flat / np.maximum(divisor, LEAST)).reshape(axes)
