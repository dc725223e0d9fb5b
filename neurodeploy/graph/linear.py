"""Linear maps between populations: a matrix, or a kernel over a window; and what several in a row amount to.

Axes: B sample, O and I the ends of a map, K output channel, C channel, Y row, X column, J tap.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurodeploy.program.window import Window

MOST_ENTRIES = 1 << 24
"""Entries of the largest matrix that maps in a row are multiplied out to."""
MOST_LISTED = 1 << 25
"""Synapses of a window up to which they are listed one by one, to follow single spikes."""
BLOCK = 1 << 20
"""Values at either end of maps that are multiplied out together."""


class TooLarge(Exception):
    """Maps in a row are no single window, and too large for a matrix."""


@dataclass(frozen=True, eq=False)
class LinearMap:
    """Weights from I values to O values.

    Attributes:
        weight: Matrix (O, I), or of a convolution (K, channels, rows, columns).
        window: Geometry of a convolution or pool; None for a matrix.
    """

    weight: np.ndarray
    window: Window | None = None

    @property
    def n_inputs(self) -> int:
        return self.window.n_inputs if self.window else self.weight.shape[1]

    @property
    def n_outputs(self) -> int:
        return self.window.n_outputs if self.window else self.weight.shape[0]

    def apply(self, sent_BI: np.ndarray) -> np.ndarray:
        """Return the weighted sums (B, O)."""
        return self.window.apply(sent_BI, self.weight) if self.window else sent_BI @ self.weight.T

    def prepared(self) -> Callable[[np.ndarray], np.ndarray]:
        """Return `apply`, made ready to be called often with few spikes among the values."""
        if self.window is None:
            # In Fortran order the transpose that is multiplied with is contiguous.
            return LinearMap(np.asfortranarray(self.weight)).apply
        if int(self.window.spread(np.ones_like(self.weight, np.int64)).sum()) > MOST_LISTED:
            return self.apply
        matrix_IO = _listed(self.weight, self.window)
        from scipy import sparse  # a fifth of a second, which only convolutions need

        return lambda sent_BI: (sparse.csr_matrix(sent_BI) @ matrix_IO).toarray()

    def fan_out(self, *, zeros: bool = False) -> np.ndarray:
        """Return how many synapses each source has (I,): with a non-zero weight, or of any weight."""
        if self.window:
            return (
                self.window.spread(np.ones_like(self.weight, np.int64)) if zeros else self.window.fan_out(self.weight)
            )
        return np.full(self.weight.shape[1], len(self.weight)) if zeros else (self.weight != 0).sum(axis=0)

    def shares_rows(self, values_O: np.ndarray) -> bool:
        """True where `per_row` can hold a factor for each output: a matrix, or the same in all of a channel."""
        if self.window is None or not any(values_O.strides):
            return True
        by_channel = values_O.reshape(len(self.weight), -1)
        return bool((by_channel == by_channel[:, :1]).all())

    def per_row(self, values_O: np.ndarray) -> np.ndarray:
        """Return factors of the outputs, shaped to be multiplied with `weight`."""
        rows = values_O.reshape(len(self.weight), -1)[:, 0]
        return rows.reshape(-1, *(1,) * (self.weight.ndim - 1))

    def back(self, sent_BO: np.ndarray) -> np.ndarray:
        """Return what each input gets of values at the outputs (B, I): the transpose of `apply`."""
        return self.window.back(sent_BO, self.weight) if self.window else sent_BO @ self.weight

    def matrix(self) -> LinearMap:
        """Return the same map as a matrix.

        Raises:
            TooLarge: it would have more than 2^24 entries.
        """
        return self if self.window is None else self._as_matrix(lambda sent_BO: sent_BO, self.n_outputs)

    def then(self, after: LinearMap) -> LinearMap:
        """Return this map and `after` as one: a window where the geometry allows, else a matrix.

        Raises:
            TooLarge: the matrix would have more than 2^24 entries.
        """
        if self.window is None and after.window is None:
            if self.n_inputs * after.n_outputs > max(MOST_ENTRIES, self.weight.size, after.weight.size):
                raise TooLarge(
                    f"{self.n_inputs} values to {after.n_outputs} make a matrix of more than {MOST_ENTRIES} weights"
                )
            return LinearMap(after.weight @ self.weight)
        joined = None
        if self.window and after.window:
            joined = _joined(self.weight, self.window, after.weight, after.window)
        return joined or self._as_matrix(after.back, after.n_outputs)

    def _as_matrix(self, after: Callable[[np.ndarray], np.ndarray], n_outputs: int) -> LinearMap:
        """Return the matrix of this map and what follows, which `after` is the transpose of: some outputs at a time.

        There are far fewer outputs than inputs where a pool is followed by a matrix.
        """
        if n_outputs * self.n_inputs > MOST_ENTRIES:
            raise TooLarge(
                f"{self.n_inputs} values to {n_outputs} make a matrix of more than {MOST_ENTRIES} weights, and no "
                "convolution does the same"
            )
        matrix = np.empty((n_outputs, self.n_inputs))
        n_rows = max(1, BLOCK // max(self.n_inputs, self.n_outputs, n_outputs))
        for first in range(0, n_outputs, n_rows):
            rows = matrix[first : first + n_rows]
            units = np.zeros((len(rows), n_outputs))
            units[np.arange(len(rows)), np.arange(first, first + len(rows))] = 1
            rows[:] = self.back(after(units))
        return LinearMap(matrix)


def _listed(weight: np.ndarray, window: Window) -> Any:
    """Return a window's weights (I, O), each synapse listed with its ends."""
    channels, rows, columns = window.input_shape
    _, out_rows, out_columns = window.output_shape
    inputs, outputs, values = [], [], []
    k = np.arange(window.out_channels)
    group = k // (window.out_channels // window.groups)
    c = group[:, None] * (channels // window.groups) + np.arange(weight.shape[1])
    for ky, kx in np.ndindex(*window.kernel):
        y = np.arange(out_rows) * window.stride[0] - window.padding[0] + ky * window.dilation[0]
        x = np.arange(out_columns) * window.stride[1] - window.padding[1] + kx * window.dilation[1]
        out_y, out_x = np.flatnonzero((y >= 0) & (y < rows)), np.flatnonzero((x >= 0) & (x < columns))
        seen = (y[out_y, None] * columns + x[out_x]).ravel()
        ends = (out_y[:, None] * out_columns + out_x).ravel()
        shape = (*c.shape, len(seen))
        inputs.append(np.broadcast_to(c[:, :, None] * rows * columns + seen, shape).ravel())
        outputs.append(np.broadcast_to(k[:, None, None] * out_rows * out_columns + ends, shape).ravel())
        values.append(np.broadcast_to(weight[:, :, ky, kx, None], shape).ravel())
    ends_of = (np.concatenate(inputs), np.concatenate(outputs))
    from scipy import sparse

    return sparse.csr_matrix((np.concatenate(values), ends_of), (window.n_inputs, window.n_outputs))


def diagonal(factors: np.ndarray, shape: tuple[int, ...]) -> LinearMap:
    """Return the map that multiplies every value by its factor; over an image a window of one tap.

    Raises:
        TooLarge: neither fits.
    """
    size = int(np.prod(shape))
    full = np.broadcast_to(factors, size)
    if len(shape) != 3:
        if size * size > MOST_ENTRIES:
            raise TooLarge(f"{size} values passed on one by one make a matrix of more than {MOST_ENTRIES} weights")
        return LinearMap(np.diag(full))
    window = Window((shape[0], shape[1], shape[2]), shape[0], (1, 1), groups=shape[0])
    alone = LinearMap(np.ones(window.weight_shape), window)
    if not alone.shares_rows(full):
        return LinearMap(alone.matrix().weight * full)
    return LinearMap(alone.weight * alone.per_row(full), window)


def columns_scaled(linear: LinearMap, factors: np.ndarray) -> LinearMap:
    """Return the map after a factor on every input, (1,) or (I,)."""
    if (factors == 1).all():
        return linear
    if linear.window is None:
        return LinearMap(linear.weight * factors)
    groups, channels = linear.window.groups, linear.window.input_shape[0]
    by_channel = np.broadcast_to(factors, linear.n_inputs).reshape(channels, -1)
    if (by_channel != by_channel[:, :1]).any():
        return LinearMap(linear.matrix().weight * factors)
    split = linear.weight.reshape(groups, -1, *linear.weight.shape[1:])
    scaled = split * by_channel[:, 0].reshape(groups, 1, -1, 1, 1)
    return LinearMap(scaled.reshape(linear.weight.shape), linear.window)


def rows_scaled(linear: LinearMap, factors: np.ndarray) -> LinearMap:
    """Return the map before a factor on every output, (1,) or (O,)."""
    full = np.broadcast_to(factors, linear.n_outputs)
    if not linear.shares_rows(full):
        linear = linear.matrix()
    return LinearMap(linear.per_row(full) * linear.weight, linear.window)


def _joined(first: np.ndarray, inner: Window, second: np.ndarray, outer: Window) -> LinearMap | None:
    """Return two windows as one, or None where no single window does the same.

    Output i of the second reads tap j at c i + d j - q of what is between, and that reads tap a at
    s (c i + d j - q) + e a - r of the input: one window with stride s c, padding s q + r, and taps
    at s d j + e a.
    """
    joint = _mixed(first, inner, second, outer)
    if joint is None:
        return None
    (kernel, stride), sizes = ([], []), []
    for axis in (0, 1):
        extent = inner.dilation[axis] * (inner.kernel[axis] - 1) + 1
        between, step, pad = inner.output_shape[1 + axis], inner.stride[axis], inner.padding[axis]
        # Where the second pads with zeros, the first must have seen nothing but zeros either.
        blind = extent <= step + pad and step * between - pad >= inner.input_shape[1 + axis]
        if outer.padding[axis] and not blind:
            return None
        sizes.append(step * outer.dilation[axis] * (outer.kernel[axis] - 1) + extent)
        kernel.append(step * outer.dilation[axis])
        stride.append(step * outer.stride[axis])
    if joint.shape[0] * joint.shape[1] * sizes[0] * sizes[1] > MOST_ENTRIES:
        return None
    weight = np.zeros((*joint.shape[:2], *sizes))
    for ky, kx in np.ndindex(*outer.kernel):
        for ay, ax in np.ndindex(*inner.kernel):
            y, x = kernel[0] * ky + inner.dilation[0] * ay, kernel[1] * kx + inner.dilation[1] * ax
            weight[:, :, y, x] += joint[:, :, ky, kx, ay, ax]
    window = Window(
        input_shape=inner.input_shape,
        out_channels=outer.out_channels,
        kernel=(sizes[0], sizes[1]),
        stride=(stride[0], stride[1]),
        padding=(
            inner.stride[0] * outer.padding[0] + inner.padding[0],
            inner.stride[1] * outer.padding[1] + inner.padding[1],
        ),
        groups=inner.input_shape[0] // weight.shape[1],
    )
    return LinearMap(weight, window) if window.output_shape == outer.output_shape else None


def _mixed(first: np.ndarray, inner: Window, second: np.ndarray, outer: Window) -> np.ndarray | None:
    """Return the products (K, channels of a group, taps of the second, taps of the first), or None."""
    between = inner.out_channels
    if inner.groups == inner.input_shape[0] == between:
        split = second.reshape(outer.groups, -1, *second.shape[1:])
        alone = first[:, 0].reshape(outer.groups, 1, -1, *inner.kernel)
        return np.einsum("gkcyx,gocuv->gkcyxuv", split, alone).reshape(*second.shape, *inner.kernel)
    if outer.groups == between == outer.out_channels:
        return np.einsum("kyx,kcuv->kcyxuv", second[:, 0], first)
    if inner.groups == outer.groups == 1:
        return np.einsum("kmyx,mcuv->kcyxuv", second, first)
    return None
