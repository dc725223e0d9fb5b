"""The steps that nearly all layers take: one matrix, shared parameters, sums of 16 bits.

Axes: N neurons of the layer in inner order, padding included.
"""

from typing import Any

import numpy as np

from neurodeploy.backends.fixed.native import columns as c
from neurodeploy.backends.fixed.native.arrays import Scratch
from neurodeploy.backends.fixed.native.jit import kernel
from neurodeploy.backends.fixed.native.primitives import (
    ALIGN,
    HALF,
    ONE,
    ZERO,
    f32,
    i32,
    lif_float,
    lif_shared,
    rows_16,
    rows_at_once,
)
from neurodeploy.backends.fixed.native.tables import Tables


@kernel
def quick_steps(
    t: Tables, scratch: Scratch, row: np.ndarray, pop: np.ndarray, con: np.ndarray, low: int, high: int, u: np.ndarray,
    v: np.ndarray, counts: np.ndarray, to_zero: bool,
) -> int:  # fmt: skip
    """Take a layer of one matrix through steps with sums of 16 bits; return the first step too active for it."""
    source = t.pops[con[c.CON_SOURCE]]
    size, padded, start = source[c.POP_SIZE], len(u), row[c.FIRST]
    weights, first_weight = t.weights8, con[c.CON_WEIGHTS]
    sums, events, places = scratch.sums16[:padded], scratch.events, scratch.places
    sent, own = scratch.starts[con[c.CON_SOURCE]], scratch.starts[con[c.CON_TARGET] + 1]
    bias = t.neurons[c.BIAS][start : start + padded]
    kept_u, kept_v = t.neurons[c.KEPT_U, start], t.neurons[c.KEPT_V, start]
    threshold, subtracts = t.neurons[c.THRESHOLD, start], row[c.SUBTRACT] != 0
    gain, offset = con[c.CON_GAIN], con[c.CON_OFFSET]
    shift = ALIGN + con[c.CON_EXP] + (1 if gain == 2 else 0)
    largest_weight = con[c.CON_LARGEST] << (con[c.CON_EXP] + ALIGN)
    most = min(rows_at_once(offset), size // 2 + 4)
    float_u, float_v, float_bias = scratch.floats[0][:padded], scratch.floats[1][:padded], scratch.floats[2][:padded]
    scale, part_u, part_v = f32(1 << shift), f32(kept_u / ONE), f32(kept_v / ONE)
    limit = f32(threshold)
    for o in range(padded):
        float_bias[o] = bias[o]
    in_floats = False
    bound = _largest(u)
    step = low
    while step < high:
        slot = source[c.POP_HISTORY] + step - 1 - con[c.CON_DELAY]
        begin, after = sent[slot], sent[slot + 1]
        n_events = after - begin
        if n_events > most:
            break
        rows_16(weights, first_weight, events, begin, after, offset, sums)
        if gain < 0:
            for o in range(padded):
                sums[o] = -sums[o]
        to = own[pop[c.POP_HISTORY] + step]
        # No current can be larger than this before it wraps.
        bound = (bound * kept_u >> 12) + n_events * largest_weight
        if bound < HALF and to_zero:
            if not in_floats:
                _copy(u, float_u)
                _copy(v, float_v)
                in_floats = True
            found = lif_float(
                float_u, float_v, sums, scale, float_bias, part_u, part_v, limit, subtracts, counts, places, events, to
            )
        else:
            if in_floats:
                _copy(float_u, u)
                _copy(float_v, v)
                in_floats = False
            found = lif_shared(
                u, v, sums, i32(shift), bias, kept_u, kept_v, threshold, subtracts, counts, places, events, to
            )
            bound = _largest(u)
        own[pop[c.POP_HISTORY] + step + 1] = to + found
        step += 1
    if in_floats:
        _copy(float_u, u)
        _copy(float_v, v)
    return step


@kernel
def _copy(source: np.ndarray, target: np.ndarray) -> None:
    for o in range(len(source)):
        target[o] = source[o]


@kernel
def _largest(u: np.ndarray) -> Any:
    low, high = ZERO, ZERO
    for o in range(len(u)):
        low, high = min(low, u[o]), max(high, u[o])
    return max(np.int64(high), -np.int64(low))
