"""How many bits and words synapses take; and what of a Program is wider than a chip, which `compile` refuses.

Facts: nengo-loihi, `block.py` (`bits_per_axon`) for Loihi 1. Docs: docs/fit.md.
"""

from collections.abc import Iterator

import numpy as np

from neurodeploy.fixedpoint import rules
from neurodeploy.hardware.chip import Chip
from neurodeploy.mapping.placement.limits import Limits
from neurodeploy.phrases import plural
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
    wanted = 0 if narrow else declared_bits(program, one)
    if wanted < limits.weight_bits[-1]:
        wanted = max(wanted, needed_bits(one.held, int(np.min(one.weight_exp))))
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


def widest_weights(chip: Chip) -> int:
    """Return the widest weights that a chip holds and a Program can have."""
    widest = chip.limits.get("weight_bits")
    return rules.WEIGHT_BITS if widest is None else min(rules.WEIGHT_BITS, int(widest.value))


def wide_weights(where: str, bits: int, chip: Chip) -> Iterator[str]:
    """Yield a line where weights of so many bits are wider than a chip's."""
    if bits > widest_weights(chip):
        yield f"{where}: {bits}-bit weights, {chip.name} holds {widest_weights(chip)} bits; quantise to that width"


def narrow_states(chip: Chip) -> Iterator[str]:
    """Yield a line where a chip's states are narrower than those of every Program."""
    states = chip.limits.get("state_bits")
    if states is not None and states.value < rules.STATE_BITS:
        yield (f"{chip.name}: has states of {states.written}, a Program's have {rules.STATE_BITS}; choose another chip")


def too_wide(program: Program, chip: Chip) -> Iterator[str]:
    """Yield a line for everything that does not fit the chip's widths; nothing where all does.

    Weights that are declared wider than they are fit where the chip holds them exactly. A width that the chip lacks is
    stored in the next wider one, so only its widest counts. What a chip file does not say is as wide as a Program's.
    """
    limits, widest = chip.limits, widest_weights(chip)
    yield from narrow_states(chip)
    longest = (1 << int(limits["delay_bits"].value)) - 1 if "delay_bits" in limits else rules.DELAY_MAX
    for one in program.connections:
        bits = declared_bits(program, one)
        if bits > widest:
            bits = needed_bits(one.held, int(np.min(one.weight_exp)))
        yield from wide_weights(one.name, bits, chip)
        if one.largest_delay > longest:
            waits = plural(one.largest_delay, "step")
            yield f"{one.name}: waits {waits}, {chip.name} at most {longest}; shorten the delay"
    if "message_bits" in limits and limits["message_bits"].value < rules.MESSAGE_BITS:
        senders = [layer.name for layer in program.layers if layer.graded]
        for name in ["input", *senders] if program.graded_input else senders:
            yield (
                f"{name}: sends values of {rules.MESSAGE_BITS} bits, messages of {chip.name} have "
                f"{limits['message_bits'].written}; send spikes"
            )
