"""What the fused functions share on the Python side: sizes, layouts of arrays, and work divided among threads."""

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch

from neurodeploy.neurons.fused.kernel import BLOCK, VECTORS

LANES = 8
NONE_F32: np.ndarray = np.empty(0, np.float32)
NONE_F64: np.ndarray = np.empty(0, np.float64)
NONE_BITS: np.ndarray = np.empty(0, np.uint8)


class Extent(NamedTuple):
    """How many samples, steps and neurons there are, and how these are padded."""

    n_samples: int
    n_steps: int
    n_neurons: int

    @property
    def n_rows(self) -> int:
        return self.n_samples * self.n_steps

    @property
    def n_vectors(self) -> int:
        return -(-self.n_neurons // LANES)

    @property
    def n_padded(self) -> int:
        return self.n_vectors * LANES

    @property
    def n_blocks(self) -> int:
        return -(-self.n_vectors // VECTORS)


class Layout(NamedTuple):
    """How a field lies in memory; see `kernel`."""

    slab: int
    stride: int
    size: int


def blocks(extent: Extent) -> Layout:
    """Return the layout of one block of neurons after another."""
    return Layout(extent.n_rows * BLOCK, BLOCK, extent.n_blocks * extent.n_rows * BLOCK)


def rows(extent: Extent) -> Layout:
    """Return the layout of plain rows."""
    return Layout(BLOCK, extent.n_padded, extent.n_rows * extent.n_padded)


def in_parts(n_items: int, call: Callable[[int, int], None]) -> None:
    """Call with the first and the place after the last of every thread's items; torch says how many threads there are.

    What a call computes for an item must not depend on the other items, so that results do not depend on threads.
    """
    n_threads = min(torch.get_num_threads(), n_items)
    if n_threads <= 1:
        call(0, n_items)
        return
    edges = [n_items * part // n_threads for part in range(n_threads + 1)]
    with ThreadPoolExecutor(n_threads) as pool:
        for done in [pool.submit(call, *pair) for pair in itertools.pairwise(edges)]:
            done.result()


def flat(tensor: torch.Tensor) -> np.ndarray:
    """Return a float32 tensor's numbers as a flat array; a view where that is possible."""
    return tensor.detach().contiguous().view(-1).numpy()  # type: ignore[no-any-return]


def padded(tensor: torch.Tensor, n_padded: int) -> torch.Tensor:
    """Return a tensor with zeros added to its last axis."""
    missing = n_padded - tensor.shape[-1]
    return torch.nn.functional.pad(tensor, (0, missing)) if missing else tensor


def plain(extent: Extent, layout: Layout, field: np.ndarray) -> np.ndarray:
    """Return a field as (B, T, padded neurons); a view where it lies in plain rows."""
    if layout.stride != BLOCK:
        return field[: extent.n_rows * extent.n_padded].reshape(extent.n_samples, extent.n_steps, -1)
    by_block = field.reshape(extent.n_blocks, extent.n_rows, BLOCK).transpose(1, 0, 2)
    return by_block.reshape(extent.n_samples, extent.n_steps, -1)[:, :, : extent.n_padded]


def in_records(table: np.ndarray) -> np.ndarray:
    """Return a table (rows, padded neurons) as records, flat: eight neurons' first row, their second, and so on."""
    n_rows, n_padded = table.shape
    return table.reshape(n_rows, n_padded // LANES, LANES).transpose(1, 0, 2).reshape(-1)


def from_records(records: np.ndarray, n_rows: int) -> np.ndarray:
    """Return records (padded neurons * rows,) as a table again."""
    return records.reshape(-1, n_rows, LANES).transpose(1, 0, 2).reshape(n_rows, -1)
