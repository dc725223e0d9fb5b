"""Lists of what is not zero, which linear layers walk through, and dropout as bits: the kernels, and what calls them.

Axes: B sample, T step, I input, N neuron. A plane holds one bit for each neuron of each row; see `kernel`.
"""

from dataclasses import dataclass

import numpy as np
import torch

from neurodeploy.compiled import PLACES
from neurodeploy.neurons.fused import lanes
from neurodeploy.neurons.fused.extents import NONE_BITS, NONE_F32, Extent, flat, padded
from neurodeploy.neurons.fused.kernel import VECTORS, Kernel
from neurodeploy.neurons.fused.lanes import append_places, load, not_zero, splat, store, where_set
from neurodeploy.neurons.fused.pool import POOL

SPARE = 8
"""Entries that a list of places needs beyond its last one: eight are written at a time."""


@Kernel
def list_plane(plane, mask, n_rows, n_vectors, n_blocks, places, columns, starts):
    """List the neurons whose bit is set in a plane, and in the mask where that is not empty; return how many.

    Args:
        plane, mask: uint8 (n_rows * n_vectors,).
        columns: uint16; receives the neurons of the first row, the second, and so on.
        starts: int64 (n_rows * n_blocks + 1,); receives where the list of each row and block begins.
    """
    found = 0
    for row in range(n_rows):
        for block in range(n_blocks):
            starts[row * n_blocks + block] = found
            for vector in range(block * VECTORS, min(block * VECTORS + VECTORS, n_vectors)):
                at = row * n_vectors + vector
                bits = np.int64(plane[at])
                if len(mask):
                    bits &= np.int64(mask[at])
                found += append_places(bits, 8 * vector, places, columns, found)
    starts[n_rows * n_blocks] = found
    return found


@Kernel
def list_dense(x, n_rows, n_columns, places, columns, values, starts):
    """List the entries of dense rows that are not 0, with their values; return how many.

    Args:
        x: float32 (n_rows * n_columns,).
        starts: int64 (n_rows + 1,).
    """
    found = 0
    for row in range(n_rows):
        starts[row] = found
        begin = row * n_columns
        for column in range(0, n_columns - n_columns % 8, 8):
            found += append_places(not_zero(load(x, begin + column)), column, places, columns, found)
        for column in range(n_columns - n_columns % 8, n_columns):
            columns[found] = column
            found += x[begin + column] != 0
        for entry in range(starts[row], found):
            values[entry] = x[begin + columns[entry]]
    starts[n_rows] = found
    return found


@Kernel
def spread_plane(plane: np.ndarray, value: float, n_rows: int, n_vectors: int, n_columns: int, x: np.ndarray) -> None:
    """Write dense rows: a value where a neuron's bit is set, otherwise 0."""
    everywhere = splat(np.float32(value))
    for row in range(n_rows):
        begin = row * n_columns
        for column in range(0, n_columns - n_columns % 8, 8):
            store(x, begin + column, where_set(np.int64(plane[row * n_vectors + column // 8]), everywhere))
        for column in range(n_columns - n_columns % 8, n_columns):
            bit = plane[row * n_vectors + column // 8] >> (column % 8) & 1
            x[begin + column] = value if bit else 0.0


@Kernel
def draw_plane(plane: np.ndarray, first_key: int, second_key: int, limit: int) -> None:
    """Set each bit of a plane with probability `limit` / 2^32, the same for the same two 32-bit keys."""
    for at in range(len(plane)):
        plane[at] = lanes.drawn(np.int64(8 * at), first_key, second_key, limit)


@Kernel
def list_by_column(starts, per_row, columns, values, n_samples, n_steps, n_columns, rows_out, values_out, starts_out):
    """Order a list of entries by sample and column, and in these by step.

    Args:
        starts: Where each row's entries begin, at every `per_row`-th place.
        rows_out: int32; receives the row of each entry.
        starts_out: int64 (n_samples * n_columns + 1,); receives where each sample's and column's entries begin.
    """
    for at in range(n_samples * n_columns + 1):
        starts_out[at] = 0
    for sample in range(n_samples):
        counts = starts_out[sample * n_columns + 1 :]
        for entry in range(starts[sample * n_steps * per_row], starts[(sample + 1) * n_steps * per_row]):
            counts[columns[entry]] += 1
    for at in range(n_samples * n_columns):
        starts_out[at + 1] += starts_out[at]
    for sample in range(n_samples):
        nexts = starts_out[sample * n_columns :]
        for row in range(sample * n_steps, (sample + 1) * n_steps):
            for entry in range(starts[row * per_row], starts[(row + 1) * per_row]):
                at = nexts[columns[entry]]
                rows_out[at] = row
                values_out[at] = values[entry]
                nexts[columns[entry]] = at + 1
    for at in range(n_samples * n_columns, 0, -1):  # each start has moved on to the next one
        starts_out[at] = starts_out[at - 1]
    starts_out[0] = 0


@Kernel
def take(x, n_rows, n_columns, starts, per_row, columns, values):
    """Write the numbers of dense rows at listed entries."""
    for row in range(n_rows):
        for entry in range(starts[row * per_row], starts[(row + 1) * per_row]):
            values[entry] = x[row * n_columns + columns[entry]]


@dataclass(frozen=True, eq=False)
class Events:
    """Entries of a (B, T, N) array, row after row.

    Attributes:
        starts: int64; where each row's entries begin, at every `per_row`-th place.
        columns: uint16, the neuron of each entry.
        values: float32, the entries' values; where none are needed, empty.
    """

    extent: Extent
    starts: np.ndarray
    per_row: int
    columns: np.ndarray
    values: np.ndarray

    @property
    def density(self) -> float:
        """Part of all entries that is listed."""
        return len(self.columns) / max(1, self.extent.n_rows * self.extent.n_neurons)

    def by_column(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return starts, rows and values in the order of samples, then neurons, then steps."""
        extent = self.extent
        starts = np.empty(extent.n_samples * extent.n_neurons + 1, np.int64)
        rows, values = POOL.array(len(self.columns), np.int32), POOL.array(len(self.columns))
        list_by_column(self.starts, self.per_row, self.columns, self.values, *extent, rows, values, starts)
        return starts, rows, values


def in_plane(extent: Extent, plane: np.ndarray, mask: np.ndarray = NONE_BITS, value: float | None = None) -> Events:
    """List the neurons whose bit is set, in the mask too unless that is empty; all get one value, or none."""
    columns = POOL.array(extent.n_rows * extent.n_padded + SPARE, np.uint16)
    starts = np.empty(extent.n_rows * extent.n_blocks + 1, np.int64)
    found = list_plane(plane, mask, extent.n_rows, extent.n_vectors, extent.n_blocks, PLACES, columns, starts)
    values = NONE_F32
    if value is not None:
        values = POOL.array(found)
        values.fill(value)
    return Events(extent, starts, extent.n_blocks, columns[:found], values)


def in_dense(x_BTI: torch.Tensor) -> Events:
    """List what is not zero in a float32 tensor."""
    extent = Extent(*x_BTI.shape)
    x = flat(x_BTI)
    columns, values = POOL.array(len(x) + SPARE, np.uint16), POOL.array(len(x) + SPARE)
    starts = np.empty(extent.n_rows + 1, np.int64)
    found = list_dense(x, extent.n_rows, extent.n_neurons, PLACES, columns, values, starts)
    return Events(extent, starts, 1, columns[:found], values[:found])


def drawn(extent: Extent, share: float) -> np.ndarray:
    """Return a plane whose bits are set with the given probability, by two draws from torch's global generator."""
    plane = POOL.array(extent.n_rows * extent.n_vectors, np.uint8)
    first, second = torch.randint(1 << 32, (2,)).tolist()
    draw_plane(plane, first, second, round(share * (1 << 32)))
    return plane


def packed(mask_BTN: torch.Tensor) -> np.ndarray:
    """Return a mask as a plane: bits are set where it is not zero."""
    full = padded((mask_BTN != 0).to(torch.uint8), Extent(*mask_BTN.shape).n_padded)
    return np.packbits(full.flatten().numpy(), bitorder="little")


def spread(extent: Extent, plane: np.ndarray, value: float = 1.0) -> torch.Tensor:
    """Return a tensor (B, T, N): a value where a bit is set, otherwise 0."""
    found = torch.empty(extent)
    spread_plane(plane, value, extent.n_rows, extent.n_vectors, extent.n_neurons, found.view(-1).numpy())
    return found


def taken(where: Events, x_BTN: torch.Tensor) -> np.ndarray:
    """Return a tensor's numbers at listed entries."""
    found = np.empty(len(where.columns), np.float32)
    take(flat(x_BTN), where.extent.n_rows, where.extent.n_neurons, where.starts, where.per_row, where.columns, found)
    return found


def nothing(extent: Extent) -> Events:
    """Return an empty list."""
    starts = np.zeros(extent.n_rows + 1, np.int64)
    return Events(extent, starts, 1, np.empty(0, np.uint16), np.empty(0, np.float32))
