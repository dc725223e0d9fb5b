"""The geometry of a convolution or a pool: which output a source reaches, and through which weight.

Shared by the graph's real-valued synapses and the Program's integer ones.
Axes: B sample, C channel, Y row, X column, G group; I and O are (C, Y, X) flattened in this order.
A one-dimensional convolution has one row.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from neurodeploy.program.fields import MOST, read_fields

Pair = tuple[int, int]


@dataclass(frozen=True)
class Window:
    """Where a kernel is laid over its input.

    Attributes:
        input_shape: Channels, rows and columns of the source.
        out_channels: Channels of the target.
        kernel: Rows and columns of the kernel.
        stride, dilation: Steps between outputs, and between the kernel's taps, in rows and columns.
        padding: Zeros before and after, in rows and columns.
        groups: Channels are split into so many groups that do not see each other.
    """

    input_shape: tuple[int, int, int]
    out_channels: int
    kernel: Pair
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1

    @classmethod
    def read(cls, where: object, stored: Any) -> Window | None:
        """Return the window in a file's header; None for None.

        Raises:
            ProgramError: a size is missing or means nothing.
        """
        return None if stored is None else cls(**read_fields(where, stored, [one.name for one in fields(cls)]))

    @property
    def output_shape(self) -> tuple[int, int, int]:
        """Channels, rows and columns of the target."""
        rows, columns = (
            (size + 2 * pad - spread * (taps - 1) - 1) // step + 1
            for size, pad, spread, taps, step in zip(
                self.input_shape[1:], self.padding, self.dilation, self.kernel, self.stride, strict=True
            )
        )
        return self.out_channels, rows, columns

    @property
    def n_inputs(self) -> int:
        return math.prod(self.input_shape)

    @property
    def n_outputs(self) -> int:
        return math.prod(self.output_shape)

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        """Output channels, input channels of one group, kernel rows, kernel columns."""
        return self.out_channels, self.input_shape[0] // self.groups, *self.kernel

    def problem(self) -> str:
        """Return in words what is wrong with the geometry; empty where nothing is."""
        if len(self.input_shape) != 3:
            return f"{self} holds an input of other axes than channels, rows and columns"
        whole = (*self.input_shape, self.out_channels, *self.kernel, *self.stride, *self.dilation, self.groups)
        if min(whole) < 1 or min(self.padding) < 0:
            return f"{self} holds a size, stride, dilation or group count below 1, or a negative padding"
        if self.input_shape[0] % self.groups or self.out_channels % self.groups:
            return f"{self.input_shape[0]} and {self.out_channels} channels do not split into {self.groups} groups"
        if min(self.output_shape) < 1:
            return f"a kernel of {self.kernel} does not fit into {self.input_shape[1:]} rows and columns"
        padded = [size + 2 * pad for size, pad in zip(self.input_shape[1:], self.padding, strict=True)]
        if max(math.prod(padded) * self.input_shape[0], self.n_outputs) > MOST:
            return f"{self} needs more than {MOST} values in one step"
        return ""

    def apply(self, values_BI: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Return the weighted sums (B, O) of `values_BI`; exact for integers, in their own kind of number."""
        channels, rows, columns = self.input_shape
        (up, left), (_, out_rows, out_columns) = self.padding, self.output_shape
        image = values_BI.reshape(-1, channels, rows, columns)
        image = np.pad(image, ((0, 0), (0, 0), (up, up), (left, left)))
        grouped = image.reshape(len(image), self.groups, -1, *image.shape[2:])
        split = weight.reshape(self.groups, -1, *weight.shape[1:])
        kind = np.result_type(image, weight)
        total = np.zeros((self.groups, len(image), out_rows, out_columns, split.shape[1]), kind)
        for ky, kx in np.ndindex(*self.kernel):
            first_y, first_x = ky * self.dilation[0], kx * self.dilation[1]
            seen = grouped[
                ...,
                first_y : first_y + (out_rows - 1) * self.stride[0] + 1 : self.stride[0],
                first_x : first_x + (out_columns - 1) * self.stride[1] + 1 : self.stride[1],
            ]
            for group in range(self.groups):
                # (B, C, Y, X) x (O, C) -> (B, Y, X, O): a matrix product, so that BLAS does it.
                total[group] += np.tensordot(seen[:, group], split[group, :, :, ky, kx], axes=([1], [1]))
        return total.transpose(1, 0, 4, 2, 3).reshape(len(image), -1)

    def back(self, values_BO: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Return what each input gets of values at the outputs, through the same weights (B, I)."""
        channels, rows, columns = self.input_shape
        outputs = values_BO.reshape(len(values_BO), self.groups, -1, *self.output_shape[1:])
        split = weight.reshape(self.groups, -1, *weight.shape[1:])
        kind = np.result_type(values_BO, weight)
        total = np.zeros((len(values_BO), self.groups, channels // self.groups, rows, columns), kind)
        for ky, kx in np.ndindex(*self.kernel):
            (seen_y, from_y), (seen_x, from_x) = self.seen(0, ky), self.seen(1, kx)
            # Each tap sees an input from one output at most; per group (B, K, Y, X) x (K, C) -> (B, C, Y, X).
            sent = outputs[..., from_y, from_x]
            got = split[..., ky, kx].transpose(0, 2, 1) @ sent.reshape(*sent.shape[:3], sent.shape[3] * sent.shape[4])
            total[..., seen_y, seen_x] += got.reshape(*got.shape[:3], *sent.shape[3:])
        return total.reshape(len(values_BO), -1)

    def seen(self, axis: int, tap: int) -> tuple[slice, slice]:
        """Return the input rows (axis 0) or columns (1) that a tap sees, and the outputs that see them."""
        size, step = self.input_shape[1 + axis], self.stride[axis]
        offset = tap * self.dilation[axis] - self.padding[axis]
        first = max(0, -(offset // step))
        last = min(self.output_shape[1 + axis], (size - 1 - offset) // step + 1)
        if last <= first:
            return slice(0, 0), slice(0, 0)
        return slice(offset + first * step, offset + (last - 1) * step + 1, step), slice(first, last)

    def unrolled(self, weight: np.ndarray) -> np.ndarray:
        """Return the matrix (O, I) that the convolution amounts to."""
        return self.apply(np.eye(self.n_inputs, dtype=weight.dtype), weight).T

    def fan_out(self, weight: np.ndarray) -> np.ndarray:
        """Return how many synapses with a non-zero weight each source has (I,)."""
        return self.spread((weight != 0).astype(np.int64))

    def spread(self, weight: np.ndarray) -> np.ndarray:
        """Return the sum of the weights that leave each source (I,)."""
        split = weight.reshape(self.groups, -1, *weight.shape[1:])
        per_tap = split.sum(axis=1).reshape(-1, *self.kernel)
        reached = np.zeros(self.input_shape, per_tap.dtype)
        ways = [(self.ways(axis) >= 0).astype(np.int64) for axis in (0, 1)]
        for ky, kx in np.ndindex(*self.kernel):
            reached += per_tap[:, ky, kx, None, None] * np.outer(ways[0][ky], ways[1][kx])
        return reached.ravel()

    def ways(self, axis: int) -> np.ndarray:
        """Return the output row (axis 0) or column (1) that each tap leads to from each input, else -1."""
        found = np.full((self.kernel[axis], self.input_shape[1 + axis]), -1, np.int64)
        for tap, outputs in enumerate(found):
            seen, by = self.seen(axis, tap)
            outputs[seen] = np.arange(by.start, by.stop)
        return found
