"""Where the sources of a convolution or a pool lead to, as flat arrays that the compiled kernels read."""

from typing import Any

import numpy as np

from neurodeploy.backends.fixed.native import columns as c
from neurodeploy.backends.fixed.native.arrays import aligned
from neurodeploy.program.window import Window


class Flat:
    """Arrays put one after another."""

    def __init__(self, kind: Any) -> None:
        self.kind, self.size = kind, 0
        self.parts: list[np.ndarray] = []

    def put(self, values: Any) -> int:
        """Return where the values start."""
        part = np.ascontiguousarray(values, self.kind).ravel()
        self.parts.append(part)
        self.size += part.size
        return self.size - part.size

    def whole(self) -> np.ndarray:
        found = aligned((self.size + c.MANY,), self.kind)
        np.concatenate([*self.parts, np.zeros(c.MANY, self.kind)], out=found)
        return found


class Geometry:
    """Which taps lead from a source to which outputs, for every convolution."""

    def __init__(self) -> None:
        self.rows: list[list[int]] = []
        self.places = Flat(np.int32)

    def put(self, window: Window, source_order: np.ndarray) -> int:
        """Return the row of a convolution's geometry."""
        channels, _, columns = window.output_shape
        cyx = np.stack(np.unravel_index(source_order, window.input_shape), axis=1)
        self.rows.append(
            [
                columns,
                channels,
                window.input_shape[0] // window.groups,
                channels // window.groups,
                window.kernel[1],
                window.kernel[0] * window.kernel[1],
                self.places.put(cyx),
                self._taps(window.ways(0)),
                self._runs(window),
                window.output_shape[1],
                *window.input_shape[1:],
                *(*window.stride, *window.padding, *window.dilation),
            ]
        )
        return len(self.rows) - 1

    def pooled(self, window: Window, source_order: np.ndarray, target_order: np.ndarray) -> np.ndarray:
        """Return the target of each source of a pool in their inner orders, -1 where it has none."""
        (y, x), (channels, rows, columns) = (window.ways(axis).max(axis=0) for axis in (0, 1)), window.output_shape
        targets = np.arange(channels)[:, None, None] * rows * columns + y[:, None] * columns + x
        inner = np.where((y[:, None] < 0) | (x < 0), -1, np.argsort(target_order)[targets])
        return inner.ravel()[source_order]

    def _taps(self, ways: np.ndarray) -> int:
        """Return where the ranges start; `ways` holds for (tap, input) the output it leads to, or -1.

        A range is where the (tap, output) pairs of an input start, and where they end.
        """
        every = (np.flatnonzero(ways[:, at] >= 0) for at in range(ways.shape[1]))
        return self._ranges([np.stack([taps, ways[taps, at]], axis=1) for at, taps in enumerate(every)])

    def _runs(self, window: Window) -> int:
        """Return where the ranges of columns start, of (tap, output, number of taps) whose outputs are neighbours."""
        ways = window.ways(1)[neighbours(window)]
        found = []
        for at in range(ways.shape[1]):
            taps = np.flatnonzero(ways[:, at] >= 0)
            starts = taps[:1] if _together(window) else taps
            length = len(taps) if _together(window) else 1
            found.append(np.stack([starts, ways[starts, at], np.full(len(starts), length)], axis=1))
        return self._ranges(found)

    def _ranges(self, every: list[np.ndarray]) -> int:
        starts = [self.places.put(some) for some in every]
        return self.places.put([(start, start + some.size) for start, some in zip(starts, every, strict=True)])


def is_pool(window: Window) -> bool:
    """Return whether each source leads to one output of its own channel at most."""
    once = all((window.ways(axis) >= 0).sum(axis=0).max() <= 1 for axis in (0, 1))
    return once and window.groups == window.out_channels == window.input_shape[0]


def _together(window: Window) -> bool:
    """Return whether the outputs that a source reaches in a row are neighbours, and all their channels too."""
    return window.groups == 1 and window.dilation[1] == 1


def neighbours(window: Window) -> np.ndarray:
    """Return the kernel's columns in the order in which the outputs that they lead to are neighbours."""
    taps = np.arange(window.kernel[1])
    return np.lexsort((-taps, taps % window.stride[1])) if _together(window) else taps
