"""Structured arrays of events as tonic gives them: fields t (microseconds), x, p and perhaps y; tonic is not needed.

A sensor's axes are polarity, row and column, side by side in C order.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from neurodeploy.data.events import WHERE, Events
from neurodeploy.errors import DataError

FIELD_S = 1e-6
"""A microsecond of field t."""


def holds_events(value: Any) -> bool:
    """True for an array of events: a structured one with the fields t and x."""
    return {"t", "x"} <= set(getattr(getattr(value, "dtype", None), "names", None) or ())


def events_inside(data: Any) -> Any | None:
    """Return what gives arrays of events by number: a list, a Dataset, a DataLoader's Dataset; None for other data.

    Each is an array, or a pair of one and its label, as in tonic's datasets. One array is one sample.
    """
    if holds_events(data):
        return [data]
    items = getattr(data, "dataset", data) if hasattr(data, "batch_sampler") else data
    if hasattr(items, "dtype") or not (hasattr(items, "__getitem__") and hasattr(items, "__len__")) or not len(items):
        return None
    first = items[0]
    return items if holds_events(first[0] if isinstance(first, tuple | list) and first else first) else None


def pairs(items: Any) -> Iterator[tuple[np.ndarray, int | None]]:
    """Yield every array of events with its label, None where it has none.

    Raises:
        DataError: one is none, or its label is no whole number.
    """
    for index in range(len(items)):
        item = items[index]
        array, label = item if isinstance(item, tuple | list) and len(item) == 2 else (item, None)
        try:
            if not holds_events(array) or array.ndim != 1:
                raise TypeError(f"found {type(array).__name__}")
            yield array, None if label is None else int(label)
        except (TypeError, ValueError) as error:
            raise DataError(
                f"{WHERE}: sample {index} is no array with fields t, x, p (and y), alone or with a label ({error})"
            ) from None


def sensor_of(items: Any) -> tuple[int, int, int]:
    """Return the axes of the sensor: a Dataset's own `sensor_size` (columns, rows, polarities), else all that occur.

    A polarity that never changes is none.
    """
    if getattr(items, "sensor_size", None) is not None:
        columns, rows, polarities = map(int, items.sensor_size)
        return polarities, rows, columns
    most, seen = {"y": 0, "x": 0}, set[int]()
    for array, _ in pairs(items):
        names = set(array.dtype.names or ()) if len(array) else set()
        most |= {key: max(most[key], int(array[key].max())) for key in names & set(most)}
        seen |= {int(one) for one in np.unique(array["p"])} if "p" in names else set()
    return 1 + max(seen) if len(seen) > 1 else 1, 1 + most["y"], 1 + most["x"]


def sensor_for(input_shape: Sequence[int], items: Any) -> tuple[int, ...]:
    """Return the axes of the sensor whose events a network takes.

    Args:
        input_shape: Of the network. One axis is split as `sensor_size` says; without it as a square sensor, of which
            the number of channels tells one polarity from two, or, without y, into as many polarities as occur.

    Raises:
        DataError: no such sensor has so many channels.
    """
    n_inputs, told = math.prod(input_shape), getattr(items, "sensor_size", None)
    if len(input_shape) == 3:
        return tuple(input_shape)
    polarities, rows, columns = sensor_of(items)
    if told is None and rows == 1:
        columns = n_inputs // polarities
    elif told is None:
        square = [(one, math.isqrt(n_inputs // one)) for one in (2, 1)]
        polarities, rows = next(((one, side) for one, side in square if one * side * side == n_inputs), (1, 1))
        columns = rows
    if polarities * rows * columns != n_inputs:
        raise DataError(
            f"{WHERE}: do not say which of {n_inputs} channels they are in; give a Dataset with sensor_size (columns, "
            "rows, polarities), or a graph whose input has these three axes"
        )
    return polarities, rows, columns


def timed(items: Any, sensor: Sequence[int]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield times in seconds, rising, and units of each sample.

    Raises:
        DataError: an event lies outside the sensor.
    """
    for index, (array, _) in enumerate(pairs(items)):
        array = array[np.argsort(array["t"], kind="stable")]
        known = set(array.dtype.names or ()) - (set() if sensor[0] > 1 else {"p"})
        axes = [array[key].astype(np.int64) if key in known else np.zeros(len(array), np.int64) for key in "pyx"]
        try:
            yield array["t"] * FIELD_S, np.ravel_multi_index(tuple(axes), tuple(sensor))
        except ValueError:
            raise DataError(
                f"{WHERE}: sample {index} has some outside the sensor of {'x'.join(map(str, sensor))} (polarities, "
                "rows, columns); check that data and network belong together"
            ) from None


def as_events(items: Any, input_shape: Sequence[int]) -> tuple[Events, np.ndarray | None]:
    """Return arrays of events as `Events` for a network, and their labels (B,), None where they bring none.

    Raises:
        DataError: they do not fit, see `sensor_for` and `timed`.
    """
    times, units = zip(*timed(items, sensor_for(input_shape, items)), strict=True)
    labels = [label for _, label in pairs(items) if label is not None]
    return Events(times_s=times, units=units), np.array(labels, np.int64) if len(labels) == len(items) else None
