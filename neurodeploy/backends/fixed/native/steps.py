"""One sample through all layers and steps, compiled; nothing of it runs in Python.

A layer that no loop connects goes through all steps of a chunk before the next layer begins: its
weights stay in the cache. Layers in a loop go step by step together.
Axes: B sample, T step, I input channel, N neurons of all layers in inner order.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from neurodeploy.backends.fixed.native import columns as c
from neurodeploy.backends.fixed.native.primitives import (
    ALIGN,
    HALF,
    ROWS_IN_16_BITS,
    ZERO,
    i32,
    lif_each,
    lif_shared,
    rows_16,
    sigma_delta_each,
    spikes_in,
)
from neurodeploy.backends.fixed.native.synapses import add
from neurodeploy.backends.fixed.native.tables import CHUNK, Tables


class State(NamedTuple):
    """What the samples carry from step to step (B, N); those that no layer needs have no columns."""

    u: np.ndarray
    v: np.ndarray
    rest: np.ndarray
    residue: np.ndarray
    error: np.ndarray
    past: np.ndarray  # what the populations sent in the last steps (B, all of it)


class Results(NamedTuple):
    """What is kept of a run; `probe` says where a layer's neurons start in the records, or -1."""

    counts: np.ndarray  # (B, N)
    overflows: np.ndarray  # (B, layers, 2)
    scores: np.ndarray  # (B, neurons of the output with padding)
    probe: np.ndarray
    sent: np.ndarray  # (B, T, probed neurons)
    u: np.ndarray
    v: np.ndarray


class Scratch(NamedTuple):
    """Room for one sample at a time."""

    events: np.ndarray
    values: np.ndarray
    n_events: np.ndarray  # (populations, past and chunk)
    flags: np.ndarray
    activation: np.ndarray
    sums: np.ndarray
    sums16: np.ndarray
    message: np.ndarray
    silent: np.ndarray
    others: np.ndarray
    places: np.ndarray


def advance(
    t: Tables,
    state: State,
    results: Results,
    scratch: Scratch,
    spikes: np.ndarray,
    values: np.ndarray,
    n_inputs: int,
    n_fed: int,
    n_steps: int,
    now: int,
    begin: int,
    after: int,
) -> None:
    """Take the samples from `begin` to `after` through `n_steps`, of which `n_fed` have input.

    Args:
        spikes: Input of 0 and 1, flat (B, T, I); nothing is read where the input is graded.
        values: Graded input, flat (B, T, I); nothing is read where it is not.
        now: Steps that were run before.
    """
    for b in range(begin, after):
        _recall(t, state, scratch, b, now)
        for first in range(0, n_steps, CHUNK):
            steps = min(CHUNK, n_steps - first)
            fed = min(max(n_fed - first, 0), steps)
            _receive(t, scratch, spikes, values, (b * n_fed + first) * n_inputs, n_inputs, fed, steps)
            for group in range(len(t.groups)):
                low, high, loops = t.groups[group, 0], t.groups[group, 1], t.groups[group, 2]
                if loops:
                    for step in range(steps):
                        for layer in range(low, high):
                            _layer(t, state, results, scratch, b, layer, first, step, step + 1, now)
                else:
                    _layer(t, state, results, scratch, b, low, first, 0, steps, now)
            _move_on(t, scratch, steps)
        _remember(t, state, scratch, b)


@njit(nogil=True)
def _receive(
    t: Tables, scratch: Scratch, spikes: np.ndarray, values: np.ndarray, at: int, n_inputs: int, n_fed: int, steps: int
) -> None:
    """Turn the input of a chunk into events."""
    history, stride = t.pops[0, c.POP_HISTORY], t.pops[0, c.POP_STRIDE]
    for step in range(steps):
        to, here = (history + step) * stride, at + step * n_inputs
        found = 0
        if step < n_fed and t.pops[0, c.POP_GRADED]:
            found = _messages_in(values, here, n_inputs, scratch.events, scratch.values, to)
        elif step < n_fed:
            found = spikes_in(spikes, here, n_inputs, scratch.places, scratch.events, to)
        scratch.n_events[0, history + step] = found


@njit(nogil=True)
def _messages_in(sent: np.ndarray, at: int, size: int, events: np.ndarray, values: np.ndarray, to: int) -> int:
    """Write the messages that are not 0 as events, and return how many there are."""
    found = to
    for j in range(size):
        events[found] = j
        values[found] = sent[at + j]
        found += sent[at + j] != 0
    return found - to


@njit(nogil=True)
def _layer(
    t: Tables,
    state: State,
    results: Results,
    scratch: Scratch,
    b: int,
    layer: int,
    first: int,
    low: int,
    high: int,
    now: int,
) -> None:
    """Take one layer through the steps from `low` to `high` of the chunk that starts at step `first`."""
    row, pop = t.layers[layer], t.pops[layer + 1]
    start, padded = row[c.FIRST], row[c.PADDED]
    # A slice of a row is known to be contiguous, one of a matrix is not.
    u, v = state.u[b][start : start + padded], state.v[b][start : start + padded]
    counts = results.counts[b][start : start + padded]
    flags, probe = scratch.flags[:padded], results.probe[layer]
    quick = row[c.QUICK] >= 0 and probe < 0 and not row[c.SCORED]
    step = low
    while step < high:
        if quick:
            step = _quick(t, scratch, row, pop, t.connections[row[c.QUICK]], step, high, u, v, counts, flags)
            if step == high:
                return
        _step(t, state, results, scratch, b, layer, step, now + first + step, u, v, flags)
        slot = pop[c.POP_HISTORY] + step
        to = pop[c.POP_EVENTS] + slot * pop[c.POP_STRIDE]
        if row[c.KIND] == c.SIGMA_DELTA:
            found = _messages_in(scratch.message, 0, pop[c.POP_SIZE], scratch.events, scratch.values, to)
        else:
            found = spikes_in(flags, 0, pop[c.POP_SIZE], scratch.places, scratch.events, to)
        scratch.n_events[layer + 1, slot] = found
        for k in range(to, to + found):
            counts[scratch.events[k]] += 1
        if probe >= 0:
            graded = row[c.KIND] == c.SIGMA_DELTA
            for o in range(pop[c.POP_SIZE]):
                results.sent[b, first + step, probe + o] = scratch.message[o] if graded else flags[o]
                results.u[b, first + step, probe + o] = u[o]
                results.v[b, first + step, probe + o] = v[o]
        if row[c.SCORED] and now + first + step >= row[c.START]:
            _score(row[c.SCORED], results.scores[b], v)
        step += 1


@njit(nogil=True)
def _quick(
    t: Tables,
    scratch: Scratch,
    row: np.ndarray,
    pop: np.ndarray,
    con: np.ndarray,
    low: int,
    high: int,
    u: np.ndarray,
    v: np.ndarray,
    counts: np.ndarray,
    flags: np.ndarray,
) -> int:
    """Take a layer of one matrix through steps with sums of 16 bits; return the first step too active for it."""
    source = t.pops[con[c.CON_SOURCE]]
    size, padded, start = source[c.POP_SIZE], len(u), row[c.FIRST]
    weights = con[c.CON_WEIGHTS]
    rows = t.weights8[weights : weights + (size + 1) * padded].reshape((size + 1, padded))
    sums, events, places = scratch.sums16[:padded], scratch.events, scratch.places
    sent = scratch.n_events[con[c.CON_SOURCE]]
    own = scratch.n_events[con[c.CON_TARGET] + 1]
    bias = t.neurons[c.BIAS][start : start + padded]
    kept_u, kept_v = t.neurons[c.KEPT_U, start], t.neurons[c.KEPT_V, start]
    threshold, subtracts = t.neurons[c.THRESHOLD, start], row[c.SUBTRACT] != 0
    gain, offset = con[c.CON_GAIN], con[c.CON_OFFSET]
    shift = ALIGN + con[c.CON_EXP] + (1 if gain == 2 else 0)
    largest_weight = con[c.CON_LARGEST] << (con[c.CON_EXP] + ALIGN)
    # Weights of one sign are stored 128 lower; a sum of more than 128 of them may not fit into 16 bits.
    most = min(ROWS_IN_16_BITS // 2 if offset else ROWS_IN_16_BITS, size // 2 + 4)
    bound = _largest(u)
    for step in range(low, high):
        slot = source[c.POP_HISTORY] + step - 1 - con[c.CON_DELAY]
        n_events = sent[slot]
        if n_events > most:
            return step
        begin = source[c.POP_EVENTS] + slot * source[c.POP_STRIDE]
        rows_16(rows, events, begin, begin + n_events, sums)
        if offset:
            for o in range(padded):
                sums[o] += offset * n_events
        if gain < 0:
            for o in range(padded):
                sums[o] = -sums[o]
        # No current can be larger than this before it wraps.
        bound = (bound * kept_u >> 12) + n_events * largest_weight
        may_wrap = bound >= HALF
        lif_shared(u, v, sums, i32(shift), bias, kept_u, kept_v, threshold, subtracts, may_wrap, flags)
        if may_wrap:
            bound = _largest(u)
        to = pop[c.POP_EVENTS] + (pop[c.POP_HISTORY] + step) * pop[c.POP_STRIDE]
        found = spikes_in(flags, 0, pop[c.POP_SIZE], places, events, to)
        own[pop[c.POP_HISTORY] + step] = found
        for k in range(to, to + found):
            counts[events[k]] += 1
    return high


@njit(nogil=True)
def _largest(u: np.ndarray) -> Any:
    low, high = ZERO, ZERO
    for o in range(len(u)):
        low, high = min(low, u[o]), max(high, u[o])
    return max(np.int64(high), -np.int64(low))


@njit(nogil=True)
def _step(
    t: Tables,
    state: State,
    results: Results,
    scratch: Scratch,
    b: int,
    layer: int,
    step: int,
    now: int,
    u: np.ndarray,
    v: np.ndarray,
    flags: np.ndarray,
) -> None:
    """Take one layer of any kind through one step."""
    row = t.layers[layer]
    start, padded = row[c.FIRST], row[c.PADDED]
    here = slice(start, start + padded)
    activation = scratch.activation[:padded]
    for o in range(padded):
        activation[o] = 0
    for index in range(row[c.INTO_FIRST], row[c.INTO_AFTER]):
        con = t.connections[t.into[index]]
        source = t.pops[con[c.CON_SOURCE]]
        slot = source[c.POP_HISTORY] + step - 1 - con[c.CON_DELAY]
        n_events = scratch.n_events[con[c.CON_SOURCE], slot]
        if n_events:
            add(t, con, scratch, source[c.POP_EVENTS] + slot * source[c.POP_STRIDE], n_events, activation)
    bias, threshold = t.neurons[c.BIAS][here], t.neurons[c.THRESHOLD][here]
    if row[c.KIND] == c.SIGMA_DELTA:
        sigma_delta_each(
            u,
            v,
            state.residue[b][here],
            state.error[b][here],
            activation,
            row[c.ROLE],
            row[c.RELU] != 0,
            threshold,
            bias,
            row[c.SPIKE_EXP] + row[c.STATE_EXP],
            row[c.STATE_EXP],
            row[c.CUMULATIVE] != 0,
            scratch.message,
        )
        return
    if row[c.CLEAR_EVERY] and (now + 1) % row[c.CLEAR_EVERY] == row[c.CLEAR_OFFSET]:
        for o in range(padded):
            u[o] = 0
            v[o] = 0
    n_wrapped, n_saturated = lif_each(
        u,
        v,
        activation,
        t.neurons[c.KEPT_U][here],
        t.neurons[c.KEPT_V][here],
        bias,
        threshold,
        row[c.SUBTRACT] != 0,
        state.rest[b][here] if row[c.REFRACTORY] else activation,
        row[c.REFRACTORY],
        flags,
    )
    results.overflows[b, layer, 0] += n_wrapped
    results.overflows[b, layer, 1] += n_saturated


@njit(nogil=True)
def _score(readout: int, scores: np.ndarray, v: np.ndarray) -> None:
    for o in range(len(v)):
        if readout == 1:
            scores[o] = v[o]
        elif readout == 2:
            scores[o] = max(scores[o], np.int64(v[o]))
        else:
            scores[o] += v[o]


@njit(nogil=True)
def _recall(t: Tables, state: State, scratch: Scratch, b: int, now: int) -> None:
    """Make events of what the populations sent before."""
    for index in range(len(t.pops)):
        pop = t.pops[index]
        size = pop[c.POP_SIZE]
        for back in range(pop[c.POP_HISTORY]):
            found = 0
            if now > 0:
                to = pop[c.POP_EVENTS] + back * pop[c.POP_STRIDE]
                at = pop[c.POP_PAST] + back * size
                for j in range(size):
                    scratch.events[to + found] = j
                    if pop[c.POP_GRADED]:
                        scratch.values[to + found] = state.past[b, at + j]
                    found += state.past[b, at + j] != 0
            scratch.n_events[index, back] = found


@njit(nogil=True)
def _move_on(t: Tables, scratch: Scratch, steps: int) -> None:
    """Make the last events of a chunk the past of the next."""
    for index in range(len(t.pops)):
        pop = t.pops[index]
        for back in range(pop[c.POP_HISTORY]):
            source = pop[c.POP_EVENTS] + (back + steps) * pop[c.POP_STRIDE]
            target = pop[c.POP_EVENTS] + back * pop[c.POP_STRIDE]
            found = scratch.n_events[index, back + steps]
            for k in range(found):
                scratch.events[target + k] = scratch.events[source + k]
                if pop[c.POP_GRADED]:
                    scratch.values[target + k] = scratch.values[source + k]
            scratch.n_events[index, back] = found


@njit(nogil=True)
def _remember(t: Tables, state: State, scratch: Scratch, b: int) -> None:
    """Keep what the populations sent in the last steps; nothing where there is no room for it."""
    if not state.past.shape[1]:
        return
    for index in range(len(t.pops)):
        pop = t.pops[index]
        size = pop[c.POP_SIZE]
        for back in range(pop[c.POP_HISTORY]):
            at = pop[c.POP_PAST] + back * size
            begin = pop[c.POP_EVENTS] + back * pop[c.POP_STRIDE]
            for j in range(size):
                state.past[b, at + j] = 0
            for k in range(begin, begin + scratch.n_events[index, back]):
                state.past[b, at + scratch.events[k]] = scratch.values[k] if pop[c.POP_GRADED] else 1
