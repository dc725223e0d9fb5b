"""Lists of what is not zero, which linear layers walk through, and dropout as bits.

Axes: B sample, T step, I input, N neuron. A plane holds one bit for each neuron of each row; see `kernel`.
"""

from dataclasses import dataclass

import numpy as np
import torch

from neurodeploy.compiled import PLACES
from neurodeploy.neurons.fused import bits
from neurodeploy.neurons.fused.extents import NONE_BITS, NONE_F32, Extent, flat, padded
from neurodeploy.neurons.fused.pool import POOL


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
        bits.list_by_column(self.starts, self.per_row, self.columns, self.values, *extent, rows, values, starts)
        return starts, rows, values


def in_plane(extent: Extent, plane: np.ndarray, mask: np.ndarray = NONE_BITS, value: float | None = None) -> Events:
    """List the neurons whose bit is set, in the mask too unless that is empty; all get one value, or none."""
    columns = POOL.array(extent.n_rows * extent.n_padded + bits.SPARE, np.uint16)
    starts = np.empty(extent.n_rows * extent.n_blocks + 1, np.int64)
    found = bits.list_plane(plane, mask, extent.n_rows, extent.n_vectors, extent.n_blocks, PLACES, columns, starts)
    values = NONE_F32
    if value is not None:
        values = POOL.array(found)
        values.fill(value)
    return Events(extent, starts, extent.n_blocks, columns[:found], values)


def in_dense(x_BTI: torch.Tensor) -> Events:
    """List what is not zero in a float32 tensor."""
    extent = Extent(*x_BTI.shape)
    x = flat(x_BTI)
    columns, values = POOL.array(len(x) + bits.SPARE, np.uint16), POOL.array(len(x) + bits.SPARE)
    starts = np.empty(extent.n_rows + 1, np.int64)
    found = bits.list_dense(x, extent.n_rows, extent.n_neurons, PLACES, columns, values, starts)
    return Events(extent, starts, 1, columns[:found], values[:found])


def drawn(extent: Extent, share: float) -> np.ndarray:
    """Return a plane whose bits are set with the given probability, by two draws from torch's global generator."""
    plane = POOL.array(extent.n_rows * extent.n_vectors, np.uint8)
    first, second = torch.randint(1 << 32, (2,)).tolist()
    bits.draw_plane(plane, first, second, round(share * (1 << 32)))
    return plane


def packed(mask_BTN: torch.Tensor) -> np.ndarray:
    """Return a mask as a plane: bits are set where it is not zero."""
    full = padded((mask_BTN != 0).to(torch.uint8), Extent(*mask_BTN.shape).n_padded)
    return np.packbits(full.flatten().numpy(), bitorder="little")


def spread(extent: Extent, plane: np.ndarray, value: float = 1.0) -> torch.Tensor:
    """Return a tensor (B, T, N): a value where a bit is set, otherwise 0."""
    found = torch.empty(extent)
    bits.spread_plane(plane, value, extent.n_rows, extent.n_vectors, extent.n_neurons, found.view(-1).numpy())
    return found


def taken(where: Events, x_BTN: torch.Tensor) -> np.ndarray:
    """Return a tensor's numbers at listed entries."""
    found = np.empty(len(where.columns), np.float32)
    bits.take(
        flat(x_BTN), where.extent.n_rows, where.extent.n_neurons, where.starts, where.per_row, where.columns, found
    )
    return found


def nothing(extent: Extent) -> Events:
    """Return an empty list."""
    starts = np.zeros(extent.n_rows + 1, np.int64)
    return Events(extent, starts, 1, np.empty(0, np.uint16), np.empty(0, np.float32))
