"""Squared rounding errors of a matrix on many grids: bounds from a histogram, and the sum itself where it decides.

A grid is given by its step: the matrix is cut into bins much finer than that, and all weights of a bin mostly go to one
level. So each grid costs as much as there are bins, not weights.

Axes: O rows, I columns, H bin.
"""

from collections.abc import Callable

import numpy as np

from neurodeploy.memory import BLOCK, row_blocks
from neurodeploy.quantize import grid

N_BINS = 1 << 14
"""Over the sizes of the weights: at least 64 for each level of 8 bits, the largest weight clipped at half."""
FEW = 1 << 14
"""Up to so many weights the sum itself is as fast."""
SLACK = 1e-13
"""Of float64 arithmetic, in squares of the largest weight for each weight."""


class RoundingErrors:
    """Of one matrix, whose weights count by `rates` where these are given: (I,) or (O, I), with 1e-6 added."""

    def __init__(self, weight_OI: np.ndarray, rates: np.ndarray | None, weight_bits: int) -> None:
        self.weight_OI, self.weight_bits = np.ascontiguousarray(weight_OI), weight_bits
        self.rates = None if rates is None else rates + 1e-6
        self.largest = largest_size(self.weight_OI)
        self.bins: tuple[np.ndarray, ...] | None = None
        self.known: dict[float, float] = {}

    def bounds(self, vth_mant: int, exponent: int) -> tuple[float, float]:
        """Return two numbers that the error lies between."""
        if self.weight_OI.size <= FEW or not self.largest:
            found = self.exact(vth_mant, exponent)
            return found, found
        self.bins = self.bins or self._binned()
        n_H, low_H, from_middle_H, squares_H = self.bins
        width, step = self.largest / N_BINS, grid.weight_step(self.weight_bits) * 2.0**exponent / vth_mant
        most = grid.weight_limit(self.weight_bits) // grid.weight_step(self.weight_bits)
        level_H = np.minimum(np.rint(low_H / step), most)
        split_H = np.minimum(np.rint((low_H + width) / step), most) != level_H
        off_H = low_H + width / 2 - level_H * step
        error_H = squares_H + 2 * off_H * from_middle_H + off_H**2 * n_H
        alone, n_split = float(error_H[~split_H].sum()), float(n_H[split_H].sum())
        slack = SLACK * self.largest**2 * float(n_H.sum())
        # What lies in a bin with a border between two levels is nearly half a step off, whichever it goes to.
        least = max(step / 2 - 1.001 * width, 0.0) ** 2
        return alone + n_split * least - slack, alone + n_split * (step / 2) ** 2 + slack

    def _binned(self) -> tuple[np.ndarray, ...]:
        """Return of each bin (H,) that holds any: weights, lower end, and sums of distances from its middle."""
        sums = np.zeros((3, N_BINS))
        width = self.largest / N_BINS
        flat = self.weight_OI.reshape(-1)
        for first in range(0, flat.size, BLOCK):
            size = np.abs(flat[first : first + BLOCK])
            place = np.minimum((size / width).astype(np.intp), N_BINS - 1)
            size -= (place + 0.5) * width
            rates = self._rates(first, len(size))
            weighted = size if rates is None else size * rates
            for row, values in zip(sums, (rates, weighted, weighted * size), strict=True):
                row += np.bincount(place, values, N_BINS)
        there = np.flatnonzero(sums[0])
        return sums[0, there], there * width, sums[1, there], sums[2, there]

    def exact(self, vth_mant: int, exponent: int) -> float:
        """Return the error, the same number as numpy's sum over the whole matrix."""
        scale = vth_mant / 2.0**exponent  # twice the threshold and one exponent more are the same grid
        if scale not in self.known:
            self.known[scale] = self._summed(vth_mant, exponent)
        return self.known[scale]

    def _summed(self, vth_mant: int, exponent: int) -> float:
        flat = self.weight_OI.reshape(-1)

        def of(first: int, last: int) -> float:
            some, rates = flat[first:last], self._rates(first, last - first)
            whole = grid.weight_integers(some, vth_mant, exponent, self.weight_bits)
            error = (grid.weight_values(whole, vth_mant, exponent) - some) ** 2
            return float((error if rates is None else error * rates).sum())

        return sum_in_halves(of, 0, flat.size)

    def _rates(self, first: int, n_weights: int) -> np.ndarray | None:
        """Return the rates of weights that follow each other, row by row."""
        if self.rates is None:
            return None
        if self.rates.ndim == 2:
            return self.rates.reshape(-1)[first : first + n_weights]
        start = first % len(self.rates)
        return np.resize(np.roll(self.rates, -start), n_weights)


def sum_in_halves(of: Callable[[int, int], float], first: int, last: int) -> float:
    """Return a sum over `first` up to, not with, `last`, of parts added as numpy adds up one array.

    Numpy halves an array, at a multiple of 8, until 128 numbers are left. So parts of it may be computed one after
    another, in little memory, and the result is the same to the last bit.
    """
    size = last - first
    if size <= BLOCK:
        return of(first, last)
    middle = first + size // 2 - size // 2 % 8
    return sum_in_halves(of, first, middle) + sum_in_halves(of, middle, last)


def largest_size(weight: np.ndarray) -> float:
    """Return the largest absolute value; 0 of no weights."""
    return max(float(weight.max(initial=0.0)), -float(weight.min(initial=0.0)))


def row_sizes(weight_OI: np.ndarray) -> np.ndarray:
    """Return the sum of the absolute weights of each row (O,)."""
    found: np.ndarray = np.empty(len(weight_OI))
    for rows in row_blocks(weight_OI):
        found[rows] = np.abs(weight_OI[rows]).sum(axis=1)
    return found
