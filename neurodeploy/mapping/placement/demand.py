"""What a run of neurons on one core needs of it: axons, synapse memory and formats, by connection.

Axes: O neurons a connection ends on, I neurons it starts from, K output channel of a kernel.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from neurodeploy.errors import MappingError
from neurodeploy.mapping.placement.encoding import (
    CONV_DENSE,
    CONV_SPARSE,
    DENSE,
    SPARSE,
    delay_bits,
    index_bits,
    words,
    words_of_lists,
)
from neurodeploy.mapping.placement.limits import Limits
from neurodeploy.mapping.placement.order import FLAT, box, neurons_in
from neurodeploy.program.connection import Connection
from neurodeploy.program.window import Window

MOST_ATOMS = 512
"""Channels that the spikes of one population axon can tell apart, 9 bits: nengo-loihi, `block.py`."""


BLOCK = 16
"""Rows of a matrix whose synapses are counted together; fewer than 128, so that two blocks are counted in a byte."""


@dataclass(frozen=True)
class Demand:
    """What one connection needs on one core."""

    axons: int
    words: int
    formats: int
    encoding: str


Cuts = tuple[tuple[bool, ...], ...]
"""Parts of a kernel, in rows or columns: which of its taps each part has."""


class Matrix:
    """A matrix. Sources without a weight into a core need no axon there and no memory.

    Rows of different exponents are lists of their own, with axons of their own: a synapse format has one exponent.
    Dense lists take it that neurons of one exponent stand together.

    Attributes:
        units: The axon that each source neuron uses (I,).
    """

    def __init__(
        self, one: Connection, bits: int, order: str, shape: tuple[int, ...], limits: Limits, counted: Counted
    ) -> None:
        self.limits, self.bits = limits, bits + delay_bits(one)
        if (one, order) not in counted:
            counted[one, order] = _lists(one, neurons_in(order, shape) if order != FLAT else None)
        self.lists = counted[one, order]
        self.units = np.arange(one.n_inputs)
        self.tables: dict[int, np.ndarray] = {}

    def on(self, first: int, last: int) -> Demand:
        """Return what the neurons from `first` up to, not with, `last` of the order need."""
        parts = list(self._parts(first, last))
        used = [int(np.count_nonzero(synapses_I)) for _, synapses_I in parts]
        of_dense, bits = self._words(self.bits), self.bits + index_bits(last - first, self.limits)
        dense = sum([count * int(of_dense[n_rows]) for count, (n_rows, _) in zip(used, parts, strict=True)])
        # Lists take at least the bits of their synapses, which is much sooner known than their words.
        n_synapses = sum([int(np.add.reduce(synapses_I, dtype=np.int64)) for _, synapses_I in parts])
        if n_synapses * bits >= dense * self.limits.word_bits:
            return Demand(sum(used), dense, len(parts), DENSE)
        of_sparse = self._words(bits)
        sparse = sum([int(of_sparse.take(synapses_I).sum()) for _, synapses_I in parts])
        return Demand(sum(used), min(dense, sparse), len(parts), DENSE if dense <= sparse else SPARSE)

    def axons(self, first: int, last: int) -> np.ndarray:
        """Return how many axons lead to them from each of `units`."""
        there = ((synapses_I > 0).astype(np.int32) for _, synapses_I in self._parts(first, last))
        return functools.reduce(np.add, there)

    def _parts(self, first: int, last: int) -> Iterator[tuple[int, np.ndarray]]:
        """Yield the number of rows of each exponent, and each source's synapses (I,) there."""
        for one in self.lists:
            low, high = one.between(first, last)
            if high > low:
                yield high - low, one.lengths(low, high)

    def _words(self, bits: int) -> np.ndarray:
        """Return the words of a list of 0, 1, ... synapses, up to a whole column."""
        if bits not in self.tables:
            longest = max(len(one.there_OI) for one in self.lists)
            self.tables[bits] = words_of_lists(np.arange(longest + 1), bits, self.limits)
        return self.tables[bits]


def _lists(one: Connection, neurons: np.ndarray | None) -> list[Lists]:
    """Return the lists of a matrix's rows of each exponent, its neurons dealt out in an order."""
    there_OI, exponents_O = one.held != 0, one.row_exponents
    if neurons is not None:
        there_OI, exponents_O = there_OI[neurons], exponents_O[neurons]
    found = np.unique(exponents_O)
    if len(found) == 1:
        return [Lists(None, there_OI)]
    every = (np.flatnonzero(exponents_O == exponent) for exponent in found)
    return [Lists(rows_O, there_OI[rows_O]) for rows_O in every]


class Lists:
    """How many synapses each source has in any run of some rows, counted once: sums at every `BLOCK`th row.

    Attributes:
        rows_O: Places of the rows in the order of the layer's neurons, ascending; None where they are all.
    """

    def __init__(self, rows_O: np.ndarray | None, there_OI: np.ndarray) -> None:
        self.rows_O, self.there_OI = rows_O, there_OI.view(np.uint8)
        n_blocks, n_inputs = len(there_OI) // BLOCK, there_OI.shape[1]
        blocks = self.there_OI[: n_blocks * BLOCK].reshape(n_blocks, BLOCK, n_inputs)
        self.sums = np.zeros((n_blocks + 1, n_inputs), np.uint16 if len(there_OI) < 1 << 16 else np.int64)
        for block, before, after in zip(blocks, self.sums, self.sums[1:], strict=False):
            np.add(before, np.add.reduce(block, axis=0, dtype=np.uint8), out=after)

    def between(self, first: int, last: int) -> tuple[int, int]:
        """Return which of the rows lie from `first` up to, not with, `last` of the order."""
        if self.rows_O is None:
            return first, last
        low, high = np.searchsorted(self.rows_O, (first, last))
        return int(low), int(high)

    def lengths(self, low: int, high: int) -> np.ndarray:
        """Return the synapses of each source (I,) in these rows."""
        begin, end = -(-low // BLOCK), high // BLOCK
        if begin >= end:
            return np.add.reduce(self.there_OI[low:high], axis=0, dtype=np.uint8)
        found = self.sums[end] - self.sums[begin]
        for first, last in ((low, begin * BLOCK), (end * BLOCK, high)):
            if first < last:
                found += np.add.reduce(self.there_OI[first:last], axis=0, dtype=np.uint8)
        return found


class Convolution:
    """A convolution, whose kernel is stored once for all places of the image that see the same part of it.

    Its spikes come through population axons: one for each place of the source's image, whatever the channel.
    Places at the edge of a core's part of the image reach fewer outputs, and need a list of their own where
    the chip does not cut the kernel by itself. Where the window is the whole image, as of a mean over places, those of
    equal weights share one: axons may name the same list (nengo-loihi, `Synapse.axon_weight_map`). Boxes are used
    throughout, see `order.box`; methods as of `Matrix`.
    """

    def __init__(self, one: Connection, bits: int, order: str, shape: tuple[int, ...], limits: Limits) -> None:
        if one.window is None:
            raise MappingError(f"{one.name}: has no kernel to share")
        self.limits, self.bits, self.order = limits, bits + delay_bits(one), order
        self.window: Window = one.window
        # A flat layer behind a convolution is still its image.
        self.shape = self.window.output_shape
        self.whole = self.shape[1:] == (1, 1) and self.window.padding == (0, 0)
        self.there = (_distinct(one.weight) if self.whole else one.weight) != 0
        self.n_exponents = len(np.unique(one.weight_exp))
        channels, rows, columns = self.window.input_shape
        self.units = np.tile(np.arange(rows * columns), channels)
        # Bands of one image are alike but for their ends, so that few kernels are ever looked at.
        self._words = functools.lru_cache(maxsize=None)(self._kernel_words)
        self._reach = functools.lru_cache(maxsize=None)(self._reached)

    def on(self, first: int, last: int) -> Demand:
        channels, rows, columns = box(self.order, self.shape, first, last)
        (y_places, y_cuts), (x_places, x_cuts) = self._reach(0, rows), self._reach(1, columns)
        axons = len(y_places) * len(x_places) * -(-self.window.input_shape[0] // MOST_ATOMS)
        if self.whole:  # lists of one tap each
            y_cuts, x_cuts = ((True,),), tuple(map(tuple, np.eye(self.there.shape[3], dtype=bool).tolist()))
        needed, encoding = self._words(channels, y_cuts, x_cuts, index_bits(last - first, self.limits))
        return Demand(axons, needed, self.n_exponents, encoding)

    def axons(self, first: int, last: int) -> np.ndarray:
        _, rows, columns = box(self.order, self.shape, first, last)
        (y_places, _), (x_places, _) = self._reach(0, rows), self._reach(1, columns)
        found = np.zeros(self.window.input_shape[1:], np.int64)
        found[np.ix_(y_places, x_places)] = 1
        return found.ravel()

    def _reached(self, axis: int, part: range) -> tuple[np.ndarray, Cuts]:
        """Return the input rows (axis 0) or columns that a part of the output sees, and the cuts of the kernel."""
        ways = self.window.ways(axis)
        inside = (ways >= part.start) & (ways < part.stop)
        places = np.flatnonzero(inside.any(axis=0))
        if self.limits.one_kernel:
            return places, ((True,) * self.window.kernel[axis],)
        return places, tuple(sorted({tuple(inside[:, place].tolist()) for place in places}))

    def _kernel_words(self, channels: range, y_cuts: Cuts, x_cuts: Cuts, index: int) -> tuple[int, str]:
        """Return the words that some output channels' kernel takes in all its cuts, and its encoding."""
        if not (y_cuts and x_cuts):  # outputs that see the padding alone
            return 0, CONV_SPARSE
        split = self.there.reshape(self.window.groups, -1, *self.there.shape[1:])
        per_group = split.shape[1]
        y, x = np.array(y_cuts, np.int64), np.array(x_cuts, np.int64)
        dense = sparse = 0
        for group in range(channels.start // per_group, (channels.stop - 1) // per_group + 1):
            first = max(0, channels.start - group * per_group)
            last = min(per_group, channels.stop - group * per_group)
            # How many synapses of each tap leave each input channel: (I, taps, taps).
            synapses = np.count_nonzero(split[group, first:last], axis=0)
            synapses = synapses[synapses.any(axis=(1, 2))]
            sparse += words(y @ synapses @ x.T, self.bits + index, self.limits)
            if self.limits.one_kernel:
                size = y.shape[1] * x.shape[1] * (last - first)
                dense += len(synapses) * words(size, self.bits, self.limits)
        # Only where the kernel is stored whole can the places of its taps be left out.
        return (dense, CONV_DENSE) if self.limits.one_kernel and dense <= sparse else (sparse, CONV_SPARSE)


def _distinct(weight: np.ndarray) -> np.ndarray:
    """Return the taps (K, I, 1, taps) of a kernel of which no two have the same weights."""
    taps = np.moveaxis(weight.reshape(*weight.shape[:2], -1), -1, 0)
    kept = {one.tobytes(): number for number, one in enumerate(taps)}
    return np.moveaxis(taps[sorted(kept.values())], 0, -1)[:, :, None]


Wiring = Matrix | Convolution
"""One connection, seen from the cores of its target."""


def wiring(
    one: Connection, bits: int, order: str, shape: tuple[int, ...], limits: Limits, counted: Counted | None = None
) -> Wiring:
    """Return a connection as the cores of its target see it, whose neurons are dealt out in `order`.

    Args:
        counted: Synapses that were counted for another placement; what is new is added.
    """
    if one.window is None:
        return Matrix(one, bits, order, shape, limits, {} if counted is None else counted)
    return Convolution(one, bits, order, shape, limits)


Counted = dict[tuple[Connection, str], list[Lists]]
"""Synapses of matrices, by connection and order of its target's neurons."""
