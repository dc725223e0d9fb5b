"""The order in which a layer's neurons are dealt out to cores.

Images can be cut into bands of rows, bands of columns, or into channels. Axes: C channel, Y row, X column.
"""

import numpy as np

FLAT, ROWS, COLUMNS, CHANNELS = "neurons", "rows", "columns", "channels"
AXES = {ROWS: (1, 2, 0), COLUMNS: (2, 1, 0), CHANNELS: (0, 1, 2)}
"""Axes of (C, Y, X), the slowest first."""


def neurons_in(order: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return the neurons (N,), numbered as in the layer, in an order.

    >>> neurons_in(ROWS, (2, 1, 3))
    array([0, 3, 1, 4, 2, 5])
    """
    numbers: np.ndarray = np.arange(int(np.prod(shape)))
    return numbers if order == FLAT else numbers.reshape(shape).transpose(AXES[order]).ravel()


def piece(order: str, shape: tuple[int, ...]) -> int:
    """Return how many neurons that follow each other stand at one place of the image, or in one channel."""
    return 1 if order == FLAT else shape[1] * shape[2] if order == CHANNELS else shape[0]


def box(order: str, shape: tuple[int, int, int], first: int, last: int) -> tuple[range, range, range]:
    """Return the channels, rows and columns that hold the neurons from `first` up to, not with, `last`.

    What a box holds never shrinks as a range grows, so that a longer range never costs less.

    >>> box(ROWS, (2, 4, 3), 0, 6), box(ROWS, (2, 4, 3), 0, 8)
    ((range(0, 2), range(0, 1), range(0, 3)), (range(0, 2), range(0, 2), range(0, 3)))
    """
    axes = AXES[order]
    found = {axis: range(shape[axis]) for axis in axes}
    low, high, inner = first, last - 1, shape[axes[0]] * shape[axes[1]] * shape[axes[2]]
    for axis in axes:
        inner //= shape[axis]
        found[axis] = range(low // inner, high // inner + 1)
        if low // inner != high // inner:
            break
        low, high = low % inner, high % inner
    return found[0], found[1], found[2]
