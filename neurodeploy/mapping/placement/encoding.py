"""How many bits and words synapses take: width of the weights, dense rows or lists of synapses.

Facts: nengo-loihi, `block.py` (`bits_per_axon`) for Loihi 1. Docs: docs/fit.md.
"""

from __future__ import annotations

import numpy as np

from neurodeploy.fixedpoint import rules
from neurodeploy.mapping.placement.limits import Limits
from neurodeploy.program.connection import Connection
from neurodeploy.program.program import Program

DENSE, SPARSE, CONV_DENSE, CONV_SPARSE = "dense", "sparse", "shared kernel", "shared sparse kernel"


def words(synapses: np.ndarray | int, bits: int, limits: Limits) -> int:
    """Return the words of synapse memory that lists of `synapses`, each of `bits`, take in sum.

    On Loihi 1 a list is cut into groups of at most 64 synapses, each with a header of 10 bits, and every
    group begins a new word of 64 bits.

    >>> from neurodeploy.hardware.chips import chip_named
    >>> loihi1 = Limits.of(chip_named("loihi1"))
    >>> [words(n, 8, loihi1) for n in (0, 1, 64, 65)]
    [0, 1, 9, 10]
    """
    return int(np.sum(words_of_lists(np.asarray(synapses, np.int64), bits, limits)))


def words_of_lists(count: np.ndarray, bits: int, limits: Limits) -> np.ndarray:
    """Return the words that each of some lists takes, see `words`."""
    full, rest = np.divmod(count, limits.group)

    def one(n: np.ndarray) -> np.ndarray:
        return -(-(n * bits + limits.header_bits) // limits.word_bits)

    return full * one(np.minimum(count, limits.group)) + np.where(rest > 0, one(rest), 0)


def needed_bits(held: np.ndarray, least_exponent: int) -> int:
    """Return the narrowest field that holds weights exactly; the exponent may move to make room.

    A field of b bits holds the upper bits of a weight of 8, so weights smaller than that are shifted up
    and their exponent down, which it can only as far as `rules.WEIGHT_EXPONENT_MIN`.

    >>> needed_bits(np.array([-254, 2]), 0), needed_bits(np.array([-4, 2]), 0), needed_bits(np.array([255]), 0)
    (8, 2, 8)
    """
    every = int(np.bitwise_or.reduce(held, axis=None))  # its lowest bit is that of the sizes, too
    if not every:
        return 1
    zeros = (every & -every).bit_length() - 1
    low, high = int(held.min()) >> zeros, int(held.max()) >> zeros
    mixed = low < 0 < high
    bits = max(high.bit_length(), (-low - 1).bit_length()) + 1 if mixed else max(high, -low).bit_length()
    shift = rules.WEIGHT_BITS + mixed - bits - zeros
    return bits + max(0, shift - (least_exponent - rules.WEIGHT_EXPONENT_MIN))


def declared_bits(program: Program, one: Connection) -> int:
    """Return the width that a connection was quantised to; the whole field where the Program does not say."""
    plan = program.plan.get("connections", {}).get(one.name, {})
    return int(plan.get("weight_bits", rules.WEIGHT_BITS))


def stored_bits(program: Program, one: Connection, limits: Limits, *, narrow: bool = False) -> int:
    """Return the width that a connection's weights are stored in; the chip's widest where they need more.

    Args:
        narrow: The narrowest that holds these weights, instead of what they were quantised to.
    """
    needed = needed_bits(one.held, int(np.min(one.weight_exp)))
    wanted = needed if narrow else max(needed, declared_bits(program, one))
    return next((bits for bits in limits.weight_bits if bits >= wanted), limits.weight_bits[-1])


def delay_bits(one: Connection) -> int:
    """Return the width of the delay that every synapse carries: none where all wait the same.

    A shared delay is the connection's, not the synapse's; one of each synapse takes what the longest needs.
    """
    return one.largest_delay.bit_length() if np.ndim(one.delay) else 0


def index_bits(n_targets: int, limits: Limits) -> int:
    """Return the width of an index into so many targets."""
    needed = max(1, (n_targets - 1).bit_length())
    for bits in limits.index_bits:
        if bits >= needed:
            return bits
    return needed
