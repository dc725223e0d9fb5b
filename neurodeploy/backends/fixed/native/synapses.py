"""What one connection adds to a layer in one step, compiled: only rows of sources that sent something.

Axes: N neurons of the target in inner order, padding included.
"""

from typing import Any

import numpy as np

from neurodeploy.backends.fixed.native import columns as c
from neurodeploy.backends.fixed.native.columns import EIGHT, MANY, PAIRS
from neurodeploy.backends.fixed.native.jit import kernel
from neurodeploy.backends.fixed.native.primitives import ZERO, i32, rows_16, rows_at_once, shifted
from neurodeploy.backends.fixed.native.vectors import add_row, add_row_times
from neurodeploy.fixedpoint import rules

BELOW = i32(rules.STATE_LIMIT)
WITHIN = i32(2 * rules.STATE_LIMIT - 1)


@kernel
def add(t: Any, con: np.ndarray, scratch: Any, begin: int, n_events: int, activation: np.ndarray) -> None:
    """Add to `activation` what a connection brings from the events at `begin` in the scratch."""
    padded = len(activation)
    sums = scratch.sums[:padded]
    if con[c.CON_KIND] == c.MATRIX_WIDE:
        _wide(t, con, scratch, begin, n_events, activation)
        return
    if con[c.CON_KIND] == c.MATRIX_HALVES:
        if _halves(t, con, scratch, begin, n_events, activation):
            return
        add(t, t.connections[con[c.CON_HIGH]], scratch, begin, n_events, activation)
        add(t, t.connections[con[c.CON_LOW]], scratch, begin, n_events, activation)
        return
    if con[c.CON_KIND] == c.CONVOLUTION:
        geometry = t.geometries[con[c.CON_GEOMETRY]]
        if con[c.CON_ROWS] >= 0 and 2 * n_events > geometry[c.GEO_OUT_ROWS] * geometry[c.GEO_OUT_COLUMNS]:
            _gather(t, con, geometry, scratch, begin, n_events, activation)
            return
        if con[c.CON_EXP] == 0 and con[c.CON_EXPS] < 0 and not con[c.CON_WRAPS]:
            _convolve(t, con, scratch, begin, n_events, activation)
            return
        for o in range(padded):
            sums[o] = 0
        _convolve(t, con, scratch, begin, n_events, sums)
    else:
        if con[c.CON_KIND] == c.MATRIX:
            _matrix(t, con, scratch, begin, n_events, sums)
        else:
            _graded(t.weights8, con[c.CON_WEIGHTS], i32(con[c.CON_OFFSET]), scratch, begin, n_events, sums)
        gain = i32(con[c.CON_GAIN])
        for o in range(padded):
            sums[o] = i32(gain * sums[o])
    if con[c.CON_EXPS] >= 0:
        exponents = t.numbers[con[c.CON_EXPS] : con[c.CON_EXPS] + padded]
        for o in range(padded):
            sums[o] = shifted(sums[o], exponents[o])
    elif con[c.CON_EXP] > 0:
        left = i32(con[c.CON_EXP])
        for o in range(padded):
            sums[o] = i32(sums[o] << left)
    elif con[c.CON_EXP] < 0:
        right = i32(-con[c.CON_EXP])
        for o in range(padded):
            sums[o] = i32(sums[o] >> right)
    if con[c.CON_WRAPS]:
        for o in range(padded):
            sums[o] = i32(i32(i32(sums[o] + BELOW) & WITHIN) - BELOW)
    for o in range(padded):
        activation[o] = i32(activation[o] + sums[o])


@kernel
def _matrix(t: Any, con: np.ndarray, scratch: Any, begin: int, n_events: int, sums: np.ndarray) -> None:
    """Sum up the rows of the events, or where they are most, take the others off the sum of all."""
    size = t.pops[con[c.CON_SOURCE], c.POP_SIZE]
    if 2 * n_events <= size:
        for o in range(len(sums)):
            sums[o] = 0
        _add_rows(t.weights8, con, scratch.events, begin, begin + n_events, sums, scratch.sums16, i32(1))
        return
    silent = scratch.silent
    for j in range(size):
        silent[j] = 1
    for k in range(n_events):
        silent[scratch.events[begin + k]] = 0
    n_silent = 0
    for j in range(size):
        scratch.others[n_silent] = j
        n_silent += silent[j]
    for o in range(len(sums)):
        sums[o] = t.numbers[con[c.CON_TOTAL] + o]
    _add_rows(t.weights8, con, scratch.others, 0, n_silent, sums, scratch.sums16, i32(-1))


@kernel
def _add_rows(
    weights: np.ndarray, con: np.ndarray, events: np.ndarray, begin: int, after: int, sums: np.ndarray,
    room: np.ndarray, sign: Any,
) -> None:  # fmt: skip
    """Add the rows that `events[begin:after]` name, or take them off, as many at a time as 16 bits hold."""
    start, offset = con[c.CON_WEIGHTS], con[c.CON_OFFSET]
    some, most = room[: len(sums)], rows_at_once(offset)
    for at in range(begin, after, most):
        rows_16(weights, start, events, at, min(at + most, after), offset, some)
        for o in range(len(sums)):
            sums[o] = i32(sums[o] + i32(sign * i32(some[o])))


@kernel
def _graded(
    weights: np.ndarray, start: int, offset: Any, scratch: Any, begin: int, n_events: int, sums: np.ndarray
) -> None:
    """Sum up rows times values, wrapping in 32 bits."""
    padded = len(sums)
    for o in range(padded):
        sums[o] = 0
    sent = ZERO
    for k in range(begin, begin + n_events):
        value = scratch.values[k]
        sent = i32(sent + value)
        at = start + padded * scratch.events[k]
        for first in range(0, padded, 2 * PAIRS):
            pairs, lower, upper = weights[at + first :], sums[first:], sums[first + PAIRS :]
            for p in range(PAIRS):
                lower[p] = i32(lower[p] + i32(value * i32(pairs[2 * p])))
                upper[p] = i32(upper[p] + i32(value * i32(pairs[2 * p + 1])))
    minus = i32(offset * sent)
    for o in range(padded):
        sums[o] = i32(sums[o] - minus)


@kernel
def _wide(t: Any, con: np.ndarray, scratch: Any, begin: int, n_events: int, activation: np.ndarray) -> None:
    """Add rows times values as Lava's `DelayDense` does: products of 32 bits, their sum of 64."""
    padded, start = len(activation), con[c.CON_WEIGHTS]
    for o in range(padded):
        total = np.int64(0)
        for k in range(begin, begin + n_events):
            weight = t.weights16[start + scratch.events[k] * padded + o]
            total += np.int64(i32(scratch.values[k] * i32(weight)))
        exponent = con[c.CON_EXP] if con[c.CON_EXPS] < 0 else np.int64(t.numbers[con[c.CON_EXPS] + o])
        total = total << exponent if exponent >= 0 else total >> -exponent
        activation[o] = i32(activation[o] + i32(total))


@kernel
def products(weights: np.ndarray, sent: np.ndarray) -> Any:
    """Return the sum of products of 16-bit numbers, which must fit into 32 bits."""
    total = ZERO
    for j in range(len(weights)):
        total = i32(total + i32(i32(weights[j]) * i32(sent[j])))
    return total


@kernel
def _halves(t: Any, con: np.ndarray, scratch: Any, begin: int, n_events: int, activation: np.ndarray) -> bool:
    """Add rows of 16-bit weights times messages of 16 bits, shifted as both halves would be.

    The upper halves' sums are whole numbers after their exponent, so rounding both halves' sum is rounding the lower's.
    Return False, and add nothing, where a message is so large that a half's sum might wrap.
    """
    width, dense, at = con[c.CON_WIDTH], scratch.dense, con[c.CON_WEIGHTS]
    for j in range(width):
        dense[j] = 0
    for k in range(begin, begin + n_events):
        if abs(scratch.values[k]) > con[c.CON_LARGEST]:
            return False
        dense[scratch.events[k]] = scratch.values[k]
    sent = dense[:width]
    for o in range(t.pops[con[c.CON_TARGET] + 1, c.POP_SIZE]):
        total = products(t.weights16[at : at + width], sent)
        at += width
        exponent = con[c.CON_EXP] if con[c.CON_EXPS] < 0 else np.int64(t.numbers[con[c.CON_EXPS] + o])
        activation[o] = i32(activation[o] + i32(total >> i32(7 - exponent)))
    return True


@kernel
def _convolve(t: Any, con: np.ndarray, scratch: Any, begin: int, n_events: int, sums: np.ndarray) -> None:
    """Add to `sums`, for every event, the weights of each tap to all the output channels it reaches.

    Outputs next to each other in a row are reached by taps that are stored next to each other.
    """
    geometry = t.geometries[con[c.CON_GEOMETRY]]
    outputs, columns = geometry[c.GEO_GROUP_OUTPUTS], geometry[c.GEO_KERNEL_COLUMNS]
    channels, width = geometry[c.GEO_OUT_CHANNELS], geometry[c.GEO_OUT_COLUMNS]
    per_source = geometry[c.GEO_KERNEL_SIZE] * outputs
    graded = t.pops[con[c.CON_SOURCE], c.POP_GRADED]
    places = t.places
    for k in range(begin, begin + n_events):
        at = geometry[c.GEO_SOURCES] + 3 * scratch.events[k]
        channel, y, x = places[at], places[at + 1], places[at + 2]
        value = scratch.values[k] if graded else i32(1)
        weights = con[c.CON_WEIGHTS] + channel * per_source
        first = (channel // geometry[c.GEO_GROUP_INPUTS]) * outputs
        rows, others = geometry[c.GEO_ROWS] + 2 * y, geometry[c.GEO_COLUMNS] + 2 * x
        for i in range(places[rows], places[rows + 1], 2):
            for j in range(places[others], places[others + 1], 3):
                here = weights + (places[i] * columns + places[j]) * outputs
                there = (places[i + 1] * width + places[j + 1]) * channels + first
                n_weights = places[j + 2] * outputs
                if graded:
                    add_row_times(sums, there, t.weights16, here, n_weights, value)
                else:
                    add_row(sums, there, t.weights16, here, n_weights)


@kernel
def _gather(
    t: Any, con: np.ndarray, geometry: np.ndarray, scratch: Any, begin: int, n_events: int, activation: np.ndarray
) -> None:
    """Add to each output in turn the rows of all events that reach it, whose sums stay in registers meanwhile.

    Sources have their channels last, so that the events of a place stand together. A row holds the weights of one
    channel and tap to all output channels, a byte each.
    """
    channels, outputs = geometry[c.GEO_GROUP_INPUTS], geometry[c.GEO_OUT_CHANNELS]
    rows, columns, taps = geometry[c.GEO_IN_ROWS], geometry[c.GEO_IN_COLUMNS], geometry[c.GEO_KERNEL_SIZE]
    across, n_places = geometry[c.GEO_KERNEL_COLUMNS], rows * columns
    down, right = geometry[c.GEO_STRIDE], geometry[c.GEO_STRIDE + 1]
    events, lists = scratch.events, scratch.lists
    firsts, chosen = lists[n_events + EIGHT :], lists[n_events + EIGHT + n_places + 1 :]
    k = 0
    for place in range(n_places):
        firsts[place] = k
        low, column = i32(place * channels), i32(place % columns)
        while k < n_events and events[begin + k] < low + channels:
            lists[k] = i32(i32(i32(events[begin + k] - low) * i32(taps)) + column)
            k += 1
    firsts[n_places] = k
    padded, offset = -(-outputs // MANY) * MANY, con[c.CON_OFFSET]
    sums, gain, most = scratch.sums16[:padded], i32(con[c.CON_GAIN]), rows_at_once(offset)
    for y in range(geometry[c.GEO_OUT_ROWS]):
        for x in range(geometry[c.GEO_OUT_COLUMNS]):
            n = 0
            for tap_y in range(taps // across):
                from_y = y * down + tap_y * geometry[c.GEO_DILATION] - geometry[c.GEO_PADDING]
                from_x = x * right - geometry[c.GEO_PADDING + 1]
                left, end = max(from_x, 0), min(from_x + across, columns)
                if from_y < 0 or from_y >= rows or left >= end:
                    continue
                one, after = firsts[from_y * columns + left], firsts[from_y * columns + end]
                tap = i32(tap_y * across - from_x)  # of the places of a row of the kernel, in their order
                for first in range(one, after, EIGHT):  # what is copied beyond the last is overwritten
                    for j in range(EIGHT):
                        chosen[n + first - one + j] = i32(lists[first + j] + tap)
                n += after - one
            here = (y * geometry[c.GEO_OUT_COLUMNS] + x) * outputs
            for at in range(0, n, most):
                rows_16(t.weights8, con[c.CON_ROWS], chosen, at, min(at + most, n), offset, sums)
                for o in range(outputs):
                    activation[here + o] = i32(activation[here + o] + i32(gain * i32(sums[o])))
