"""The innermost loops, compiled: leak, sums of weight rows, neuron updates, and finding the spikes.

Everything is 32-bit integer arithmetic that the compiler turns into vector instructions: numba
widens every operation to 64 bits, and a cast after each one narrows it again.
The rules are those of `fixedpoint.rules` and `fixedpoint.sigma_delta`, written a second time for
speed; the property tests hold both equal. Axes: N neurons of a layer in inner order, padding included.
"""

from typing import Any

import numpy as np

from neurodeploy.backends.fixed.native import columns as c
from neurodeploy.backends.fixed.native.columns import EIGHT, MANY, SHARED
from neurodeploy.backends.fixed.native.jit import inlined, kernel
from neurodeploy.backends.fixed.native.vectors import (
    append_eight,
    append_places,
    append_sixteen,
    count_bits,
    currentless_subtracting,
    currentless_to_zero,
    flags_at,
    float_neurons_subtracting,
    float_neurons_to_zero,
    floats_without_subtracting,
    floats_without_to_zero,
    last_bits,
    messages_at,
    neurons_subtracting,
    neurons_to_zero,
    sum_64,
    sum_128,
)
from neurodeploy.fixedpoint import rules

i32, f32 = np.int32, np.float32
HALF = i32(rules.STATE_LIMIT)
AROUND = i32(2 * rules.STATE_LIMIT)
HIGHEST = i32(rules.STATE_LIMIT - 1)
LOWEST = i32(1 - rules.STATE_LIMIT)
LOW_BITS = i32(rules.DECAY_ONE - 1)
SHIFT = i32(rules.DECAY_BITS)
ALIGN = i32(rules.ALIGN_SHIFT)
SIGN = i32(31)
ZERO = i32(0)
ONE = f32(rules.DECAY_ONE)

ROWS_IN_16_BITS = 256
"""Rows of weights from -128 to 127 whose sum always fits into int16."""
TILE = 128
"""Neurons whose sums are kept in registers."""


@inlined
def append(bits: Any, base: int, places: np.ndarray, events: np.ndarray, to: int) -> int:
    """Write `base` plus the places of the set ones among 64 bits as events from `to` on; return how many are set.

    Up to eight entries beyond the last are overwritten. A loop over the bits would end at another place each time,
    which costs more than entries for nothing; and a vector of eight places, which the next overlaps, is written
    four times slower than eight numbers.
    """
    found = count_bits(bits)
    if found <= 8:
        append_eight(bits, i32(base), events, to)
    elif found <= 16:
        append_sixteen(bits, i32(base), events, to)
    else:
        at = to
        for first in range(0, MANY, EIGHT):
            at += append_places(bits >> first & 255, i32(base + first), places, events, at)
    return found


@kernel
def spikes_in(flags: np.ndarray, begin: int, size: int, places: np.ndarray, events: np.ndarray, to: int) -> int:
    """Write the places of the flags that are 1 into `events` from `to` on, and return how many there are.

    Up to eight entries beyond the last are overwritten.
    """
    found, rest = to, size % MANY
    for first in range(0, size - rest, MANY):
        found += append(flags_at(flags, begin + first), first, places, events, found)
    if rest and size > MANY:
        bits = last_bits(flags_at(flags, begin + size - MANY), rest)
        found += append(bits, size - rest, places, events, found)
    elif rest:
        for at in range(size):
            events[found] = at
            found += flags[begin + at]
    return found - to


@kernel
def messages_in(
    sent: np.ndarray, at: int, size: int, places: np.ndarray, events: np.ndarray, values: np.ndarray, to: int
) -> int:
    """Write the messages that are not 0 as events from `to` on, and return how many there are.

    Up to seven entries beyond the last are overwritten.
    """
    found = to
    for word in range(size // 8):
        found += append_places(messages_at(sent, at + 8 * word), i32(8 * word), places, events, found)
    for j in range(size - size % 8, size):
        events[found] = j
        found += sent[at + j] != 0
    for k in range(to, found):
        values[k] = sent[at + events[k]]
    return found - to


@inlined
def leaked(state: Any, kept: Any) -> Any:
    """`rules.leak_toward_zero`: the product, of up to 44 bits, in two halves of 32."""
    high, low = i32(state >> SHIFT), i32(state & LOW_BITS)
    # The floor of a negative number plus 4095/4096 is its truncation toward zero.
    upward = i32(i32(state >> SIGN) & LOW_BITS)
    return i32(i32(high * kept) + i32(i32(i32(low * kept) + upward) >> SHIFT))


@inlined
def wrapped(u: Any) -> Any:
    """`rules.wrap_current`."""
    return i32(u - AROUND) if u > HALF else (i32(u + AROUND) if u <= -HALF else u)


@inlined
def saturated(v: Any) -> Any:
    """`rules.saturate_potential`."""
    return min(max(v, LOWEST), HIGHEST)


@inlined
def shifted(value: Any, exponent: Any) -> Any:
    """`rules.shift_by_exponent`."""
    return i32(value << exponent) if exponent >= 0 else i32(value >> i32(-exponent))


@inlined
def rows_16(
    weights: np.ndarray, start: int, events: np.ndarray, begin: int, after: int, offset: int, total: np.ndarray
) -> None:
    """Sum up the rows that `events[begin:after]` name, with `offset` taken off every weight.

    The sums must have 16 bits: `rows_at_once` tells how many rows always do.

    Args:
        weights: Flat uint8 in `tables.stored_order`; the rows, each as long as `total`, start at `start`.
    """
    padded = len(total)
    minus = offset * (after - begin)
    wide = padded - padded % TILE
    for o in range(0, wide, TILE):
        sum_128(total, o, weights, start, padded, events, begin, after, minus)
    if wide < padded:
        sum_64(total, wide, weights, start, padded, events, begin, after, minus)


@inlined
def rows_at_once(offset: int) -> int:
    """Return of how many rows the sum always fits into int16: weights are from -128 to 127, or from 0 to 255."""
    return ROWS_IN_16_BITS if offset else ROWS_IN_16_BITS // 2


def _lif(to_zero: Any, subtracting: Any) -> Any:
    """Return the update of a layer of shared decays and threshold, by an update of `SHARED` neurons for each reset."""

    @inlined
    def update(
        u: np.ndarray, v: np.ndarray, sums: np.ndarray, shift: Any, bias: np.ndarray, kept_u: Any, kept_v: Any,
        threshold: Any, drop: Any, subtracts: bool, counts: np.ndarray, places: np.ndarray, events: np.ndarray, to: int,
    ) -> int:  # fmt: skip
        """Update from sums; write the layer's spikes as events from `to` on, and return how many there are.

        Args:
            shift: To the left, from a sum to the current's units; in float32, what takes its place.
            drop: What a reset by subtraction takes off.
        """
        found = to
        if subtracts:
            for many in range(0, len(u), MANY):
                bits = 0
                for k in range(0, MANY, SHARED):
                    bits |= subtracting(u, v, sums, bias, counts, many + k, shift, kept_u, kept_v, threshold, drop) << k
                found += append(bits, many, places, events, found)
        else:
            for many in range(0, len(u), MANY):
                bits = 0
                for k in range(0, MANY, SHARED):
                    bits |= to_zero(u, v, sums, bias, counts, many + k, shift, kept_u, kept_v, threshold, drop) << k
                found += append(bits, many, places, events, found)
        return found - to

    return update


lif_shared = _lif(neurons_to_zero, neurons_subtracting)
lif_currentless = _lif(currentless_to_zero, currentless_subtracting)
lif_currentless_float = _lif(floats_without_to_zero, floats_without_subtracting)
lif_float = _lif(float_neurons_to_zero, float_neurons_subtracting)
"""In float32: no current may leave 24 bits, and the thread rounds toward zero."""


@kernel
def lif_each(
    u: np.ndarray, v: np.ndarray, activation: np.ndarray, kept_u: np.ndarray, kept_v: np.ndarray, bias: np.ndarray,
    threshold: np.ndarray, row: np.ndarray, rest: np.ndarray, flags: np.ndarray,
) -> tuple[int, int]:  # fmt: skip
    """Update a layer whose neurons have their own parameters; return how many wrapped and saturated.

    Args:
        activation: What arrived, before the alignment shift.
        rest: Steps left in which each neuron rests; not read where none ever does.
    """
    n_wrapped = n_saturated = 0
    subtracts, more, refractory = row[c.SUBTRACT] != 0, i32(row[c.SUBTRACT] - 1), row[c.RESTS] - 1
    for o in range(len(u)):
        plain = i32(leaked(u[o], kept_u[o]) + i32(activation[o] << ALIGN))
        x = wrapped(plain)
        y = saturated(i32(i32(leaked(v[o], kept_v[o]) + x) + bias[o]))
        fired = y > threshold[o]
        u[o] = x
        if refractory < 0:
            y = (i32(i32(y - threshold[o]) - more) if subtracts else ZERO) if fired else y
        elif rest[o] > 0:
            fired = False
            y = v[o]
            rest[o] -= 1
        elif fired:
            y = i32(i32(y - threshold[o]) - more) if subtracts else ZERO
            rest[o] = refractory
        v[o] = y
        flags[o] = fired
        n_wrapped += x != plain
        n_saturated += (y == HIGHEST) | (y == LOWEST)
    return n_wrapped, n_saturated


@kernel
def sigma_delta_each(
    sigma: np.ndarray, act: np.ndarray, residue: np.ndarray, error: np.ndarray, activation: np.ndarray, row: np.ndarray,
    threshold: np.ndarray, bias: np.ndarray, sent: np.ndarray,
) -> None:  # fmt: skip
    """Update a sigma-delta layer; `sent` are its messages. See `fixedpoint.sigma_delta.step`."""
    role, relu, cumulative, state_exp = row[c.ROLE], row[c.RELU] != 0, row[c.CUMULATIVE] != 0, i32(row[c.STATE_EXP])
    input_shift = i32(row[c.SPIKE_EXP] + row[c.STATE_EXP])
    for o in range(len(sigma)):
        if role == 1:
            new = i32(activation[o] << input_shift)
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
            # For the same reason a message of -2^31 leaves the error as it is.
            error[o] = ZERO if out != 0 and i32(-out) != out else measure
        act[o] = new
        residue[o] = i32(change - out)
        sent[o] = i32(out >> state_exp)


@kernel
def integrate_each(
    v: np.ndarray, activation: np.ndarray, kept: np.ndarray, bias: np.ndarray, row: np.ndarray, now: int,
    sent: np.ndarray,
) -> int:  # fmt: skip
    """Update a layer of integrators from its start on; `sent` are its messages. Return how many saturate."""
    fraction_bits, message_exp, n_saturated = row[c.STATE_EXP], row[c.SPIKE_EXP], 0
    below = (np.int64(1) << fraction_bits) - 1
    for o in range(len(v)):
        if now < row[c.START]:
            sent[o] = 0
            continue
        product = np.int64(v[o]) * np.int64(kept[o])
        total = (product + (product >> 63 & below) >> fraction_bits) + np.int64(activation[o]) + np.int64(bias[o])
        v[o] = min(max(total, np.int64(LOWEST)), np.int64(HIGHEST))
        sent[o] = v[o] >> message_exp
        n_saturated += (v[o] == HIGHEST) | (v[o] == LOWEST)
    return n_saturated


@kernel
def delivered(counts: np.ndarray, channels: int, found: np.ndarray) -> None:
    """Put the counts of an image whose channels stand last into the Program's own order, channels first."""
    n_places = len(found) // channels
    rest = n_places % EIGHT
    for place in range(0, n_places - rest, EIGHT):  # so many of 64 bits fill a cache line
        for channel in range(channels):
            for one in range(EIGHT):
                found[channel * n_places + place + one] = counts[(place + one) * channels + channel]
    for place in range(n_places - rest, n_places):
        for channel in range(channels):
            found[channel * n_places + place] = counts[place * channels + channel]


@kernel
def copied(source: np.ndarray, target: np.ndarray) -> None:
    for o in range(len(source)):
        target[o] = source[o]


@kernel
def largest(u: np.ndarray) -> Any:
    low, high = ZERO, ZERO
    for o in range(len(u)):
        low, high = min(low, u[o]), max(high, u[o])
    return max(np.int64(high), -np.int64(low))
