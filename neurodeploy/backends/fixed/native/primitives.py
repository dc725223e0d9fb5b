"""The innermost loops, compiled: leak, sums of weight rows, neuron updates, and finding the spikes.

Everything is 32-bit integer arithmetic that the compiler turns into vector instructions: numba
widens every operation to 64 bits, and a cast after each one narrows it again.
The rules are those of `fixedpoint.rules` and `fixedpoint.sigma_delta`, written a second time for
speed; the property tests hold both equal. Axes: N neurons of a layer in inner order, padding included.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from neurodeploy.fixedpoint import rules

i32 = np.int32
HALF = i32(rules.STATE_LIMIT)
AROUND = i32(2 * rules.STATE_LIMIT)
HIGHEST = i32(rules.STATE_LIMIT - 1)
LOWEST = i32(1 - rules.STATE_LIMIT)
LOW_BITS = i32(rules.DECAY_ONE - 1)
SHIFT = i32(rules.DECAY_BITS)
ALIGN = i32(rules.ALIGN_SHIFT)
SIGN = i32(31)
ZERO = i32(0)

ROWS_IN_16_BITS = 256
"""Rows of int8 whose sum always fits into int16."""

_BITS = (np.arange(256)[:, None] >> np.arange(8)) & 1
PLACES = np.argsort(1 - _BITS, axis=1, kind="stable").astype(np.int32).ravel()
"""For every byte of eight flags, the places of those that are set, first (256 x 8)."""


@intrinsic  # type: ignore[misc]
def append_places(context: Any, flags: Any, at: Any, base: Any, places: Any, events: Any, to: Any) -> Any:
    """Write `base` plus the places of the set flags among eight, and return how many are set.

    A vector comparison, a table and a vector store; without branches, because a branch on random
    spikes costs more than all of this. Always writes eight entries.
    """
    byte, word, long = ir.IntType(8), ir.IntType(32), ir.IntType(64)
    eight_bytes, eight_words = ir.VectorType(byte, 8), ir.VectorType(word, 8)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def pointer(index: int, offset: Any, kind: Any) -> Any:
            array = cgutils.create_struct_proxy(signature.args[index])(context, builder, arguments[index])
            return builder.bitcast(builder.gep(array.data, [offset]), kind.as_pointer())

        seen = builder.load(pointer(0, arguments[1], eight_bytes), align=1)
        mask = builder.bitcast(builder.icmp_unsigned("!=", seen, ir.Constant(eight_bytes, [0] * 8)), byte)
        row = builder.shl(builder.zext(mask, long), ir.Constant(long, 3))
        found = builder.load(pointer(3, row, eight_words), align=4)
        empty = ir.Constant(eight_words, ir.Undefined)
        single = builder.insert_element(empty, arguments[2], ir.Constant(word, 0))
        spread = builder.shuffle_vector(single, empty, ir.Constant(eight_words, [0] * 8))
        builder.store(builder.add(found, spread), pointer(4, arguments[5], eight_words), align=4)
        return builder.zext(builder.ctpop(mask), long)

    return types.int64(flags, types.int64, types.int32, places, events, types.int64), generate


@njit(nogil=True)
def spikes_in(flags: np.ndarray, begin: int, size: int, places: np.ndarray, events: np.ndarray, to: int) -> int:
    """Write the places of the flags that are 1 into `events` from `to` on, and return how many there are.

    Up to seven entries beyond the last are overwritten.
    """
    found = to
    for word in range(size // 8):
        found += append_places(flags, begin + 8 * word, i32(8 * word), places, events, found)  # type: ignore[call-arg]
    for at in range(size - size % 8, size):
        events[found] = at
        found += flags[begin + at]
    return found - to


@njit(inline="always")
def leaked(state: Any, kept: Any) -> Any:
    """`rules.leak_toward_zero`: the product, of up to 44 bits, in two halves of 32."""
    high, low = i32(state >> SHIFT), i32(state & LOW_BITS)
    # The floor of a negative number plus 4095/4096 is its truncation toward zero.
    upward = i32(i32(state >> SIGN) & LOW_BITS)
    return i32(i32(high * kept) + i32(i32(i32(low * kept) + upward) >> SHIFT))


@njit(inline="always")
def wrapped(u: Any) -> Any:
    """`rules.wrap_current`."""
    return i32(u - AROUND) if u > HALF else (i32(u + AROUND) if u <= -HALF else u)


@njit(inline="always")
def saturated(v: Any) -> Any:
    """`rules.saturate_potential`."""
    return min(max(v, LOWEST), HIGHEST)


@njit(inline="always")
def shifted(value: Any, exponent: Any) -> Any:
    """`rules.shift_by_exponent`."""
    return i32(value << exponent) if exponent >= 0 else i32(value >> i32(-exponent))


@njit(nogil=True)
def rows_16(rows: np.ndarray, events: np.ndarray, begin: int, after: int, total: np.ndarray) -> None:
    """Sum up the rows that `events[begin:after]` name, at most 256 of int8 weights.

    Eight rows a pass, so that the sum is loaded and stored once for eight. What is missing at the
    end is the last row of all, whose weights are neutral: up to seven entries are overwritten.
    """
    size = rows.shape[1]
    neutral = rows.shape[0] - 1
    for o in range(size):
        total[o] = 0
    at = begin
    while after - at > 4:
        for k in range(after - at, 8):
            events[at + k] = neutral
        a, b, c, d = rows[events[at]], rows[events[at + 1]], rows[events[at + 2]], rows[events[at + 3]]
        e, f, g, h = rows[events[at + 4]], rows[events[at + 5]], rows[events[at + 6]], rows[events[at + 7]]
        for o in range(size):
            total[o] += a[o] + b[o] + c[o] + d[o] + e[o] + f[o] + g[o] + h[o]
        at += 8
    if at < after:
        for k in range(after - at, 4):
            events[at + k] = neutral
        a, b, c, d = rows[events[at]], rows[events[at + 1]], rows[events[at + 2]], rows[events[at + 3]]
        for o in range(size):
            total[o] += a[o] + b[o] + c[o] + d[o]


def _shared_update(wraps: bool, subtracts: bool) -> Any:
    """Return the update of a layer of shared decays and threshold; what is not needed is not compiled in."""

    @njit(nogil=True)
    def update(
        u: np.ndarray,
        v: np.ndarray,
        sums: np.ndarray,
        shift: Any,
        bias: np.ndarray,
        kept_u: Any,
        kept_v: Any,
        threshold: Any,
        flags: np.ndarray,
    ) -> None:
        for o in range(len(u)):
            x = i32(leaked(u[o], kept_u) + i32(i32(sums[o]) << shift))
            if wraps:
                x = wrapped(x)
            u[o] = x
            y = saturated(i32(i32(leaked(v[o], kept_v) + x) + bias[o]))
            fired = y > threshold
            after = ZERO
            if subtracts:
                after = i32(y - threshold)
            v[o] = after if fired else y
            flags[o] = fired

    return update


_within_to_zero = _shared_update(wraps=False, subtracts=False)
_within_subtracting = _shared_update(wraps=False, subtracts=True)
_wrapping_to_zero = _shared_update(wraps=True, subtracts=False)
_wrapping_subtracting = _shared_update(wraps=True, subtracts=True)


@njit(nogil=True)
def lif_shared(
    u: np.ndarray,
    v: np.ndarray,
    sums: np.ndarray,
    shift: Any,
    bias: np.ndarray,
    kept_u: Any,
    kept_v: Any,
    threshold: Any,
    subtracts: bool,
    may_wrap: bool,
    flags: np.ndarray,
) -> None:
    """Update a layer of shared decays and threshold from 16-bit sums.

    Args:
        shift: To the left, from a sum to the current's units.
        may_wrap: Whether a current can leave 24 bits; the caller has a bound.
        flags: 1 where a neuron spikes.
    """
    if may_wrap and subtracts:
        _wrapping_subtracting(u, v, sums, shift, bias, kept_u, kept_v, threshold, flags)
    elif may_wrap:
        _wrapping_to_zero(u, v, sums, shift, bias, kept_u, kept_v, threshold, flags)
    elif subtracts:
        _within_subtracting(u, v, sums, shift, bias, kept_u, kept_v, threshold, flags)
    else:
        _within_to_zero(u, v, sums, shift, bias, kept_u, kept_v, threshold, flags)


@njit(nogil=True)
def lif_each(
    u: np.ndarray,
    v: np.ndarray,
    activation: np.ndarray,
    kept_u: np.ndarray,
    kept_v: np.ndarray,
    bias: np.ndarray,
    threshold: np.ndarray,
    subtracts: bool,
    rest: np.ndarray,
    refractory: int,
    flags: np.ndarray,
) -> tuple[int, int]:
    """Update a layer whose neurons have their own parameters; return how many wrapped and saturated.

    Args:
        activation: What arrived, before the alignment shift.
        rest: Steps left in each neuron's refractory period; not read where there is none.
    """
    n_wrapped = n_saturated = 0
    for o in range(len(u)):
        plain = i32(leaked(u[o], kept_u[o]) + i32(activation[o] << ALIGN))
        x = wrapped(plain)
        y = saturated(i32(i32(leaked(v[o], kept_v[o]) + x) + bias[o]))
        fired = y > threshold[o]
        u[o] = x
        if refractory == 0:
            y = (i32(y - threshold[o]) if subtracts else ZERO) if fired else y
        elif rest[o] > 0:
            fired = False
            y = v[o]
            rest[o] -= 1
        elif fired:
            y = i32(y - threshold[o]) if subtracts else ZERO
            rest[o] = refractory
        v[o] = y
        flags[o] = fired
        n_wrapped += x != plain
        n_saturated += (y == HIGHEST) | (y == LOWEST)
    return n_wrapped, n_saturated


@njit(nogil=True)
def sigma_delta_each(
    sigma: np.ndarray,
    act: np.ndarray,
    residue: np.ndarray,
    error: np.ndarray,
    activation: np.ndarray,
    role: int,
    relu: bool,
    threshold: np.ndarray,
    bias: np.ndarray,
    input_shift: int,
    state_exp: int,
    cumulative: bool,
    sent: np.ndarray,
) -> None:
    """Update a sigma-delta layer; `sent` are its messages. See `fixedpoint.sigma_delta.step`."""
    for o in range(len(sigma)):
        if role == 1:
            new = i32(activation[o] << i32(input_shift))
        else:
            sigma[o] = i32(sigma[o] + activation[o])
            if role == 0:
                act[o] = sigma[o]
                sent[o] = sigma[o]
                continue
            new = i32(sigma[o] + bias[o])
            if relu:
                new = max(new, ZERO)
        change = i32(i32(new - act[o]) + residue[o])
        measure = change
        if cumulative:
            measure = i32(error[o] + change)
        # The size of -2^31 is -2^31 in 32 bits.
        size = i32(-measure) if measure < 0 else measure
        out = change if size >= threshold[o] else ZERO
        if cumulative:
            error[o] = ZERO if out != 0 else measure
        act[o] = new
        residue[o] = i32(change - out)
        sent[o] = i32(out >> i32(state_exp))
