"""One sample through all layers and steps, compiled; nothing of it runs in Python.

A layer that no loop connects goes through all steps of a chunk before the next layer begins: its
weights stay in the cache. Layers in a loop go step by step together.
What was sent in earlier steps is kept between the chunks of a run, and between the runs of a stream.
Axes: B sample, T step, I input channel, N neurons of all layers in inner order.
"""

import numpy as np

from neurodeploy.backends.fixed.native import columns as c
from neurodeploy.backends.fixed.native.arrays import Results, Scratch, State
from neurodeploy.backends.fixed.native.jit import kernel
from neurodeploy.backends.fixed.native.per_neuron import own_steps, pool_steps, score
from neurodeploy.backends.fixed.native.primitives import (
    ALIGN,
    HALF,
    HIGHEST,
    ONE,
    copied,
    delivered,
    f32,
    i32,
    integrate_each,
    largest,
    lif_each,
    lif_float,
    lif_shared,
    messages_in,
    rows_16,
    rows_at_once,
    sigma_delta_each,
    spikes_in,
)
from neurodeploy.backends.fixed.native.synapses import add
from neurodeploy.backends.fixed.native.tables import CHUNK, Tables


@kernel
def start(t: Tables, state: State, results: Results, counts: np.ndarray, b: int, now: int) -> None:
    """Put a sample's results to 0, and before the first step its states to where they begin."""
    sent, n_neurons = results.input_counts[b], t.neurons.shape[1]
    for j in range(len(sent)):
        sent[j] = 0
    for layer in range(len(t.layers)):
        results.overflows[b, layer, 0] = results.overflows[b, layer, 1] = 0
    for o in range(n_neurons):
        counts[o] = 0
    if now > 0:
        return
    s = min(b, len(state.u) - 1)  # samples that are run one after another have one row
    u, v, u_init, v_init = state.u[s], state.v[s], t.neurons[c.U_INIT], t.neurons[c.V_INIT]
    for o in range(n_neurons):
        u[o], v[o] = u_init[o], v_init[o]
    for o in range(state.rest.shape[1]):
        state.rest[s, o] = t.neurons[c.REST_INIT, o]
    for values in (state.residue[s], state.error[s], state.past[s]):
        for o in range(len(values)):
            values[o] = 0


@kernel
def recall(t: Tables, state: State, scratch: Scratch, b: int, now: int) -> None:
    """Make events of what the populations sent before."""
    for index in range(len(t.pops)):
        pop = t.pops[index]
        size = pop[c.POP_SIZE]
        to = pop[c.POP_EVENTS]
        scratch.starts[index, 0] = to
        for back in range(pop[c.POP_HISTORY]):
            found = 0
            if now > 0:
                at = pop[c.POP_PAST] + back * size
                for j in range(size):
                    scratch.events[to + found] = j
                    if pop[c.POP_GRADED]:
                        scratch.values[to + found] = state.past[b, at + j]
                    found += state.past[b, at + j] != 0
            to += found
            scratch.starts[index, back + 1] = to


@kernel
def move_on(t: Tables, scratch: Scratch, steps: int) -> None:
    """Make the last events of a chunk the past of the next."""
    for index in range(len(t.pops)):
        pop = t.pops[index]
        starts, history = scratch.starts[index], pop[c.POP_HISTORY]
        back = starts[steps] - starts[0]
        for k in range(starts[steps], starts[steps + history]):
            scratch.events[k - back] = scratch.events[k]
            if pop[c.POP_GRADED]:
                scratch.values[k - back] = scratch.values[k]
        for slot in range(1, history + 1):
            starts[slot] = starts[slot + steps] - back


@kernel
def remember(t: Tables, state: State, scratch: Scratch, b: int) -> None:
    """Keep what the populations sent in the last steps; nothing where there is no room for it."""
    if not state.past.shape[1]:
        return
    for index in range(len(t.pops)):
        pop = t.pops[index]
        size = pop[c.POP_SIZE]
        for back in range(pop[c.POP_HISTORY]):
            at = pop[c.POP_PAST] + back * size
            for j in range(size):
                state.past[b, at + j] = 0
            for k in range(scratch.starts[index, back], scratch.starts[index, back + 1]):
                state.past[b, at + scratch.events[k]] = scratch.values[k] if pop[c.POP_GRADED] else 1


def advance(
    t: Tables, state: State, results: Results, scratch: Scratch, spikes: np.ndarray, values: np.ndarray, n_inputs: int,
    n_fed: int, n_steps: int, now: int, begin: int, after: int, to_zero: bool, scores_only: bool,
) -> None:  # fmt: skip
    """Take the samples from `begin` to `after` through `n_steps`, of which `n_fed` have input.

    Args:
        spikes: Input of 0 and 1, flat (B, T, I); nothing is read where the input is graded.
        values: Graded input, flat (B, T, I); nothing is read where it is not.
        now: Steps that were run before.
        to_zero: This thread rounds floats toward zero.
        scores_only: Layers outside loops stop where nothing that they send reaches the output any more.
    """
    for b in range(begin, after):
        start(t, state, results, scratch.counts, b, now)
        recall(t, state, scratch, b, now)
        for first in range(0, n_steps, CHUNK):
            steps = min(CHUNK, n_steps - first)
            fed = min(max(n_fed - first, 0), steps)
            at = (b * n_fed + first) * n_inputs
            _receive(t, scratch, spikes, values, at, n_inputs, fed, steps, results.input_counts[b])
            for group in range(len(t.groups)):
                low, high, loops = t.groups[group, 0], t.groups[group, 1], t.groups[group, 2]
                if loops:
                    for step in range(steps):
                        for layer in range(low, high):
                            _layer(t, state, results, scratch, b, layer, first, step, step + 1, now, to_zero)
                else:
                    until = steps
                    if scores_only:
                        until = max(0, min(steps, n_steps - t.layers[low, c.UNREAD] - first))
                    if until:
                        _layer(t, state, results, scratch, b, low, first, 0, until, now, to_zero)
                    history = t.pops[low + 1, c.POP_HISTORY]
                    for slot in range(history + until, history + steps):
                        scratch.starts[low + 1, slot + 1] = scratch.starts[low + 1, slot]
            move_on(t, scratch, steps)
        remember(t, state, scratch, b)
        at = 0
        for layer in range(len(t.layers)):
            row, size = t.layers[layer], t.pops[layer + 1, c.POP_SIZE]
            delivered(scratch.counts[row[c.FIRST] :], row[c.CHANNELS], results.counts[b][at : at + size])
            at += size


@kernel
def _receive(
    t: Tables, scratch: Scratch, spikes: np.ndarray, values: np.ndarray, at: int, n_inputs: int, n_fed: int, steps: int,
    counts: np.ndarray,
) -> None:  # fmt: skip
    """Turn the input of a chunk into events."""
    history = t.pops[0, c.POP_HISTORY]
    for step in range(steps):
        to, here = scratch.starts[0, history + step], at + step * n_inputs
        found = 0
        if step < n_fed and t.pops[0, c.POP_GRADED]:
            found = messages_in(values, here, n_inputs, scratch.places, scratch.events, scratch.values, to)
        elif step < n_fed:
            found = spikes_in(spikes, here, n_inputs, scratch.places, scratch.events, to)
        scratch.starts[0, history + step + 1] = to + found
        for k in range(to, to + found):
            counts[scratch.events[k]] += 1


@kernel
def _layer(
    t: Tables, state: State, results: Results, scratch: Scratch, b: int, layer: int, first: int, low: int, high: int,
    now: int, to_zero: bool,
) -> None:  # fmt: skip
    """Take one layer through the steps from `low` to `high` of the chunk that starts at step `first`."""
    row, pop = t.layers[layer], t.pops[layer + 1]
    start, padded = row[c.FIRST], row[c.PADDED]
    # A slice of a row is known to be contiguous, one of a matrix is not.
    s = min(b, len(state.u) - 1)
    u, v = state.u[s][start : start + padded], state.v[s][start : start + padded]
    counts = scratch.counts[start : start + padded]
    scores, potentials = results.scores[b], results.potentials[b]
    starts, chunk, probe = scratch.starts[layer + 1], now + first, results.probe[layer]
    rest = state.rest[s][start : start + padded] if row[c.RESTS] else scratch.activation
    if row[c.POOL] >= 0 and probe < 0:
        pool_steps(t, scratch, row, pop, starts, low, high, counts)
        return
    quick = row[c.QUICK] >= 0 and probe < 0 and not row[c.SCORED]
    own, cells = row[c.OWN] >= 0 and probe < 0, row[c.KIND] == c.ADAPTIVE or row[c.KIND] == c.RESONATOR
    step = low
    while step < high:
        if quick:
            step = quick_steps(t, scratch, row, pop, t.connections[row[c.QUICK]], step, high, u, v, counts, to_zero)
            if step == high:
                return
        if own or cells:
            after = high if own and not quick else step + 1
            own_steps(
                t, scratch, row, pop, starts, step, after, chunk, u, v, rest, counts, scores, potentials, first, to_zero
            )
            if own:
                step = after
                continue
        slot = pop[c.POP_HISTORY] + step
        if cells:
            _note_cells(scratch, starts[slot], starts[slot + 1], u, v, results.overflows[b, layer])
        else:
            to = starts[slot]
            starts[slot + 1] = to + _step(t, state, results, scratch, b, layer, step, chunk + step, u, v, counts, to)
            if row[c.SCORED]:
                score(row[c.SCORED], chunk + step >= row[c.START], scores, potentials, first + step, v)
        if probe >= 0:
            graded, flags = pop[c.POP_GRADED], scratch.flags
            for o in range(pop[c.POP_SIZE]):
                results.sent[b, first + step, probe + o] = scratch.message[o] if graded else flags[o]
                results.u[b, first + step, probe + o] = u[o]
                results.v[b, first + step, probe + o] = v[o]
        step += 1


@kernel
def _step(
    t: Tables, state: State, results: Results, scratch: Scratch, b: int, layer: int, step: int, now: int, u: np.ndarray,
    v: np.ndarray, counts: np.ndarray, to: int,
) -> int:  # fmt: skip
    """Take one layer of any kind through one step, write what it sends as events, and return how many there are."""
    row, size = t.layers[layer], t.pops[layer + 1, c.POP_SIZE]
    start, padded = row[c.FIRST], row[c.PADDED]
    here, s = slice(start, start + padded), min(b, len(state.u) - 1)
    activation = scratch.activation[:padded]
    for o in range(padded):
        activation[o] = 0
    for index in range(row[c.INTO_FIRST], row[c.INTO_AFTER]):
        con = t.connections[t.into[index]]
        source = t.pops[con[c.CON_SOURCE]]
        slot = source[c.POP_HISTORY] + step - 1 - con[c.CON_DELAY]
        begin = scratch.starts[con[c.CON_SOURCE], slot]
        n_events = scratch.starts[con[c.CON_SOURCE], slot + 1] - begin
        if n_events:
            add(t, con, scratch, begin, n_events, activation)
    bias, threshold, kept_v = t.neurons[c.BIAS][here], t.neurons[c.THRESHOLD][here], t.neurons[c.KEPT_V][here]
    if row[c.KIND] == c.SIGMA_DELTA:
        residue, error = state.residue[s][here], state.error[s][here]
        sigma_delta_each(u, v, residue, error, activation, row, threshold, bias, scratch.message)
        found = messages_in(scratch.message, 0, size, scratch.places, scratch.events, scratch.values, to)
    elif row[c.KIND] == c.INTEGRATOR:
        results.overflows[b, layer, 1] += integrate_each(v, activation, kept_v, bias, row, now, scratch.message)
        found = messages_in(scratch.message, 0, size, scratch.places, scratch.events, scratch.values, to)
    else:
        if row[c.CLEAR_EVERY] and (now + 1) % row[c.CLEAR_EVERY] == row[c.CLEAR_OFFSET]:
            for o in range(padded):
                u[o] = 0
                v[o] = 0
        flags, rest = scratch.flags[:padded], state.rest[s][here] if row[c.RESTS] else activation
        kept_u = t.neurons[c.KEPT_U][here]
        n_wrapped, n_saturated = lif_each(u, v, activation, kept_u, kept_v, bias, threshold, row, rest, flags)
        results.overflows[b, layer, 0] += n_wrapped
        results.overflows[b, layer, 1] += n_saturated
        found = spikes_in(flags, 0, size, scratch.places, scratch.events, to)
    for k in range(to, to + found):
        counts[scratch.events[k]] += 1
    return found


@kernel
def _note_cells(scratch: Scratch, begin: int, after: int, u: np.ndarray, v: np.ndarray, overflows: np.ndarray) -> None:
    """Write the spikes of a step as flags, and count the states that are saturated."""
    flags = scratch.flags
    for o in range(len(u)):
        flags[o] = 0
        overflows[1] += (abs(u[o]) == HIGHEST) + (abs(v[o]) == HIGHEST)
    for k in range(begin, after):
        flags[scratch.events[k]] = 1


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
    drop = i32(threshold + row[c.SUBTRACT] - 1)
    gain, offset = con[c.CON_GAIN], con[c.CON_OFFSET]
    shift = ALIGN + con[c.CON_EXP] + (1 if gain == 2 else 0)
    largest_weight = con[c.CON_LARGEST] << (con[c.CON_EXP] + ALIGN)
    most = min(rows_at_once(offset), size // 2 + 4)
    float_u, float_v, float_bias = scratch.floats[0][:padded], scratch.floats[1][:padded], scratch.floats[2][:padded]
    scale, part_u, part_v = f32(1 << shift), f32(kept_u / ONE), f32(kept_v / ONE)
    limit, float_drop = f32(threshold), f32(drop)
    for o in range(padded):
        float_bias[o] = bias[o]
    in_floats = False
    bound = largest(u)
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
                copied(u, float_u)
                copied(v, float_v)
                in_floats = True
            found = lif_float(
                float_u, float_v, sums, scale, float_bias, part_u, part_v, limit, float_drop, subtracts, counts, places,
                events, to,
            )  # fmt: skip
        else:
            if in_floats:
                copied(float_u, u)
                copied(float_v, v)
                in_floats = False
            found = lif_shared(
                u, v, sums, i32(shift), bias, kept_u, kept_v, threshold, drop, subtracts, counts, places, events, to
            )
            bound = largest(u)
        own[pop[c.POP_HISTORY] + step + 1] = to + found
        step += 1
    if in_floats:
        copied(float_u, u)
        copied(float_v, v)
    return step
