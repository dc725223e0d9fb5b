"""The steps of a layer whose neurons have numbers of their own, compiled: leaky neurons, and cells.

Axes: N neurons of the layer in inner order, padding included.
"""

import numpy as np

from neurodeploy.backends.fixed.native import columns as c
from neurodeploy.backends.fixed.native.arrays import Scratch
from neurodeploy.backends.fixed.native.columns import EIGHT, MANY
from neurodeploy.backends.fixed.native.jit import kernel
from neurodeploy.backends.fixed.native.per_neuron_vectors import add_shifted, own_adaptive, own_leaky, own_resonating
from neurodeploy.backends.fixed.native.primitives import (
    ALIGN,
    HALF,
    ONE,
    ROWS_IN_16_BITS,
    append,
    copied,
    f32,
    i32,
    largest,
    lif_currentless,
    lif_currentless_float,
    lif_shared,
    rows_16,
    spikes_in,
)
from neurodeploy.backends.fixed.native.synapses import add
from neurodeploy.backends.fixed.native.tables import Tables

ROWS_FOR_A_MESSAGE = 4
"""Up to so many rows in 16 bits take no longer than one that is multiplied in 32."""


@kernel
def own_steps(
    t: Tables, scratch: Scratch, row: np.ndarray, pop: np.ndarray, own: np.ndarray, low: int, high: int, chunk: int,
    u: np.ndarray, v: np.ndarray, rest: np.ndarray, counts: np.ndarray, scores: np.ndarray, potentials_TN: np.ndarray,
    first: int, to_zero: bool,
) -> None:  # fmt: skip
    """Take a layer through the steps from `low` to `high` of a chunk, and write its spikes as events.

    Args:
        own: Where the layer's events of each step start.
        rest: Steps left in which each neuron rests; not read where none does.
        chunk: Step of the whole stream at which the chunk starts.
        first: Step of this run at which the chunk starts, where `potentials_TN` are kept.
    """
    padded, kind = len(u), row[c.KIND]
    events, others, places = scratch.events, scratch.others, scratch.places
    activation, sums = scratch.activation[:padded], scratch.sums16[:padded]
    numbers, at = t.numbers, row[c.OWN]
    cells = kind == c.ADAPTIVE or kind == c.RESONATOR
    start = row[c.FIRST]
    bias, threshold = t.neurons[c.BIAS][start : start + padded], t.neurons[c.THRESHOLD, start]
    kept_u, kept_v = t.neurons[c.KEPT_U, start], t.neurons[c.KEPT_V, start]
    drop = i32(threshold + row[c.SUBTRACT] - 1)
    # Without a current the potentials may be float32, see `vectors`, while what arrives has 24 bits.
    floats, small = to_zero and kind == c.NO_CURRENT and not row[c.SCORED] and high - low > 1, True
    float_v, float_bias = scratch.floats[1][:padded], scratch.floats[2][:padded]
    if floats:
        copied(v, float_v)
        copied(bias, float_bias)
    # A picture is the same at every step: so are its sums.
    alone, before, summed = row[c.INTO_AFTER] - row[c.INTO_FIRST] == 1, 0, -1
    if row[c.INTO_AFTER] == row[c.INTO_FIRST]:
        for o in range(padded):
            activation[o] = 0
    for step in range(low, high):
        slot = pop[c.POP_HISTORY] + step
        found = own[slot]
        if cells and chunk + step < row[c.START]:
            own[slot + 1] = found
            continue
        if chunk + step < row[c.RESTS_FIRST]:  # its potentials stand still, and no current is kept
            for o in range(padded):
                rest[o] -= 1
            own[slot + 1] = found
            continue
        for index in range(row[c.INTO_FIRST], row[c.INTO_AFTER]):
            con = t.connections[t.into[index]]
            source, sent = t.pops[con[c.CON_SOURCE]], scratch.starts[con[c.CON_SOURCE]]
            then = source[c.POP_HISTORY] + step - 1 - con[c.CON_DELAY]
            begin, n_events = sent[then], sent[then + 1] - sent[then]
            if index == row[c.INTO_FIRST]:
                if alone and summed == n_events and _repeats(scratch, before, begin, n_events, source[c.POP_GRADED]):
                    continue
                before, summed, small = begin, n_events, False
                for o in range(padded):
                    activation[o] = 0
            if n_events == 0:
                continue
            # Input of counts is summed like spikes: a row as often as its channel counts.
            chosen, here, n_rows = events, begin, n_events
            if source[c.POP_GRADED]:
                chosen, here, n_rows = others, 0, _repeated(scratch, begin, n_events)
            left = con[c.CON_SHIFTS]
            if left < 0 or n_rows > min(ROWS_IN_16_BITS, source[c.POP_SIZE] // 2 + 4):
                add(t, con, scratch, begin, n_events, activation)
                continue
            rows_16(t.weights8, con[c.CON_WEIGHTS], chosen, here, here + n_rows, con[c.CON_OFFSET], sums)
            for o in range(0, padded, EIGHT):
                add_shifted(activation, o, sums, t.numbers, left, left + padded)
        if floats and not small:
            small = largest(activation) << ALIGN < HALF
            if not small:
                copied(float_v, v)
                floats = False
        # Leaky neurons: whether a reset subtracts. Equations: whether there was a step whose spikes still act.
        flag = i32(-(chunk + step > row[c.START]) if cells else -row[c.SUBTRACT])
        if kind == c.RESONATOR:
            for many in range(0, padded, MANY):
                bits = 0
                for k in range(0, MANY, EIGHT):
                    bits |= own_resonating(u, v, activation, numbers, counts, many + k, at, flag) << k
                found += append(bits, many, places, events, found)
        elif kind == c.ADAPTIVE:
            for many in range(0, padded, MANY):
                bits = 0
                for k in range(0, MANY, EIGHT):
                    bits |= own_adaptive(u, v, activation, numbers, counts, many + k, at, flag) << k
                found += append(bits, many, places, events, found)
        elif floats:
            found += lif_currentless_float(
                float_v, float_v, activation, f32(1 << ALIGN), float_bias, f32(0), f32(kept_v / ONE), f32(threshold),
                f32(drop), flag != 0, counts, places, events, found,
            )  # fmt: skip
            for k in range(own[slot], found):
                counts[events[k]] += 1
        elif kind == c.NO_CURRENT:
            found += lif_currentless(
                u, v, activation, ALIGN, bias, i32(0), kept_v, threshold, drop, flag != 0, counts, places, events, found
            )
            for k in range(own[slot], found):
                counts[events[k]] += 1
        elif kind == c.LIF_SHARED:
            found += lif_shared(
                u, v, activation, ALIGN, bias, kept_u, kept_v, threshold, drop, flag != 0, counts, places, events, found
            )
        else:
            for many in range(0, padded, MANY):
                bits = 0
                for k in range(0, MANY, EIGHT):
                    bits |= own_leaky(u, v, activation, numbers, counts, many + k, at, flag) << k
                found += append(bits, many, places, events, found)
        if row[c.SCORED]:
            score(row[c.SCORED], chunk + step >= row[c.START], scores, potentials_TN, first + step, v)
        own[slot + 1] = found
    if floats:
        copied(float_v, v)


@kernel
def pool_steps(
    t: Tables, scratch: Scratch, row: np.ndarray, pop: np.ndarray, own: np.ndarray, low: int, high: int,
    counts: np.ndarray,
) -> None:  # fmt: skip
    """Take a layer through steps that keeps nothing from one to the next and that a spike of any source fires."""
    con = t.connections[t.into[row[c.INTO_FIRST]]]
    events, flags, targets = scratch.events, scratch.flags, row[c.POOL]
    source, sent = t.pops[con[c.CON_SOURCE]], scratch.starts[con[c.CON_SOURCE]]
    for o in range(row[c.PADDED]):
        flags[o] = 0
    for step in range(low, high):
        then, slot = source[c.POP_HISTORY] + step - 1 - con[c.CON_DELAY], pop[c.POP_HISTORY] + step
        for k in range(sent[then], sent[then + 1]):
            flags[t.places[targets + events[k]]] = 1
        to = own[slot]
        own[slot + 1] = to + spikes_in(flags, 0, pop[c.POP_SIZE], scratch.places, events, to)
        for k in range(to, own[slot + 1]):
            flags[events[k]] = 0
            counts[events[k]] += 1


@kernel
def _repeats(scratch: Scratch, before: int, begin: int, n_events: int, graded: int) -> bool:
    """Return whether the events at `begin` are those at `before`."""
    for k in range(n_events):
        if scratch.events[before + k] != scratch.events[begin + k]:
            return False
        if graded and scratch.values[before + k] != scratch.values[begin + k]:
            return False
    return True


@kernel
def _repeated(scratch: Scratch, begin: int, n_events: int) -> int:
    """Write each event as often as its message counts, and return how many these are.

    They are more than sums of 16 bits can take where a message is negative, or multiplying is faster.
    """
    found, most = 0, min(ROWS_IN_16_BITS, ROWS_FOR_A_MESSAGE * n_events)
    for k in range(begin, begin + n_events):
        count = scratch.values[k]
        if count < 0 or found + count > most:
            return ROWS_IN_16_BITS + 1
        for _ in range(count):
            scratch.others[found] = scratch.events[k]
            found += 1
    return found


@kernel
def score(readout: int, started: bool, scores: np.ndarray, potentials_TN: np.ndarray, step: int, v: np.ndarray) -> None:
    """Take the output's potentials after a step."""
    if readout == c.SUMMED_SOFTMAX:
        for o in range(potentials_TN.shape[1]):
            potentials_TN[step, o] = v[o]
    elif started:
        for o in range(len(v)):
            if readout == 1:
                scores[o] = v[o]
            elif readout == 2:
                scores[o] = max(scores[o], np.int64(v[o]))
            else:
                scores[o] += v[o]
