"""Where samples start, and what was sent in earlier steps: between the chunks of a run, between runs of a stream."""

from neurodeploy.backends.fixed.native import columns as c
from neurodeploy.backends.fixed.native.arrays import Results, Scratch, State
from neurodeploy.backends.fixed.native.jit import kernel
from neurodeploy.backends.fixed.native.tables import Tables


@kernel
def start(t: Tables, state: State, results: Results, b: int, now: int) -> None:
    """Put a sample's results to 0, and before the first step its states to where they begin."""
    sent, counts, n_neurons = results.input_counts[b], results.counts[b], t.neurons.shape[1]
    for j in range(len(sent)):
        sent[j] = 0
    for layer in range(len(t.layers)):
        results.overflows[b, layer, 0] = results.overflows[b, layer, 1] = 0
    for o in range(n_neurons):
        counts[o] = 0
    if now > 0:
        return
    u, v, u_init, v_init = state.u[b], state.v[b], t.neurons[c.U_INIT], t.neurons[c.V_INIT]
    for o in range(n_neurons):
        u[o], v[o] = u_init[o], v_init[o]
    for o in range(state.rest.shape[1]):
        state.rest[b, o] = t.neurons[c.REST_INIT, o]
    for values in (state.residue[b], state.error[b], state.past[b]):
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
