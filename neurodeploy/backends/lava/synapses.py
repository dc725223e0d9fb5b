"""How Lava runs a connection exactly: as its convolution, or as one or more of its matrices.

Lava's `Conv` has neither a negative exponent nor a delay. Where a Program has a negative one, the
convolution is unrolled into sparse matrices, which do, but which cut weights to the synapse memory's
and do not wrap sums into 24 bits: they stand in wherever neither shows. Plain numpy, so that it is
checked without Lava.

Axes: O and I the ends of a connection, K output channel, G group, C channel of a group, Y row, X column.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from neurodeploy.errors import LavaError
from neurodeploy.fixedpoint import rules
from neurodeploy.fixedpoint.rules import IntArray
from neurodeploy.program.connection import Connection
from neurodeploy.program.program import INPUT, Program
from neurodeploy.program.window import Window

INT8_MAX = 127
"""Lava's `Conv` keeps its kernel size, stride, padding, dilation and number of groups in int8."""


@dataclass(frozen=True, eq=False)
class Matrix:
    """What one of Lava's matrix processes computes.

    Attributes:
        weight: Before the synapse memory's cut, shaped like the connection's own: a matrix or a kernel.
        exponent: Shared by all its synapses.
        sign: Sign mode; "auto" leaves it to Lava.
    """

    weight: IntArray
    exponent: int
    sign: str


def runs_as_conv(one: Connection) -> bool:
    """Return whether Lava's `Conv` can run the connection."""
    window = one.window
    if window is None or np.min(one.weight_exp) < 0:
        return False
    return max(*window.kernel, *window.stride, *window.padding, *window.dilation, window.groups) <= INT8_MAX


def shares_a_process(one: Connection) -> bool:
    """Return whether the matrices of a connection's exponents share one process, with all samples: without delays."""
    return not one.window and not one.largest_delay and len(np.unique(one.weight_exp)) > 1


def most_side_by_side(program: Program) -> int:
    """Return how many samples fit into Lava's `Conv` as groups side by side."""
    groups = (one.window.groups for one in program.connections if one.window and runs_as_conv(one))
    return INT8_MAX // max(groups, default=1)


def matrices(one: Connection) -> Iterator[Matrix]:
    """Yield the matrices that add up to a connection, one for each exponent of its rows or output channels.

    Raises:
        LavaError: an unrolled convolution's weights fit none of Lava's sign modes.
    """
    exponents = np.broadcast_to(one.weight_exp, one.weight.shape[:1])
    found = np.unique(exponents)
    # Cut apart, the rows of a matrix keep the sign mode of the whole.
    sign = rules.sign_mode(one.weight) if one.sign == rules.SIGN_FROM_VALUES and len(found) > 1 else one.sign
    for exponent in found:
        rows = (exponents == exponent).reshape(-1, *[1] * (one.weight.ndim - 1))
        weight = np.where(rows, one.weight.astype(np.int64), 0)
        yield _held_exactly(one, weight, int(exponent)) if one.window else Matrix(weight, int(exponent), sign)


def _held_exactly(one: Connection, weight: IntArray, exponent: int) -> Matrix:
    """Return a matrix of the same sums that loses no bit in the synapse memory."""
    ways = (
        (weight, exponent, rules.sign_mode(weight)),
        (weight, exponent, rules.SIGN_MIXED),
        # floor(sum / 2^n) is floor(2 sum / 2^(n + 1)).
        (2 * weight, exponent - 1, rules.SIGN_MIXED),
    )
    for candidate, shift, sign in ways:
        if (rules.loihi_weights(candidate, sign=sign) == candidate).all():
            return Matrix(candidate, shift, sign)
    raise LavaError(
        f"connection {one.name!r}: Lava's Conv has no negative exponent, and its matrices hold no "
        f"odd weights of both signs beyond -128..127, found {weight.min()}..{weight.max()} with "
        f"exponent {exponent}",
        "use 8-bit weights or leave Lava out",
        where="lava",
    )


def largest_message(one: Connection) -> int:
    """Return the largest size of a message for which a convolution unrolled cannot differ from Lava's `Conv`.

    Up to it no sum leaves 24 bits after the exponent, nor int32 before it, doubled weights included.
    """
    size = np.abs(one.weight).sum(axis=(1, 2, 3))
    exponents = np.broadcast_to(one.weight_exp, size.shape)
    room = np.minimum(rules.shift_by_exponent(np.full_like(size, rules.STATE_LIMIT - 1), -exponents), (1 << 30) - 1)
    return int((room // np.maximum(size, 1)).min())


def check_messages(program: Program, source: str, largest: int) -> None:
    """Check that messages of that size do not show that a convolution was unrolled.

    Raises:
        LavaError: they might.
    """
    for one in program.connections:
        if one.source == source and one.window and not runs_as_conv(one) and largest > largest_message(one):
            raise LavaError(
                f"connection {one.name!r}: Lava's Conv has no negative exponent, and its matrices do not "
                f"wrap sums into 24 bits, which messages up to {largest} need",
                f"they may be up to {largest_message(one)}",
                where="lava",
            )


def check_supported(program: Program, largest_input: int) -> None:
    """Check that Lava can run every connection.

    Raises:
        LavaError: it cannot, with the connection and the reason.
    """
    for one in program.connections:
        if one.window and not runs_as_conv(one):
            list(matrices(one))
    check_messages(program, INPUT, largest_input)


def entries(window: Window, weight: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Return target, source and weight of every synapse of a convolution whose weight is not zero, each (n,)."""
    source = np.arange(window.n_inputs).reshape(window.groups, 1, -1, *window.input_shape[1:])
    target = np.arange(window.n_outputs).reshape(window.groups, -1, 1, *window.output_shape[1:])
    found = []
    for ky, kx in np.ndindex(*window.kernel):
        (seen_y, from_y), (seen_x, from_x) = window.seen(0, ky), window.seen(1, kx)
        tap = weight[:, :, ky, kx].reshape(window.groups, -1, weight.shape[1], 1, 1)
        each = np.broadcast_arrays(target[..., from_y, from_x], source[..., seen_y, seen_x], tap)
        found.append([values[each[2] != 0] for values in each])
    targets, sources, weights = (np.concatenate(values) for values in zip(*found, strict=True))
    return targets, sources, weights
