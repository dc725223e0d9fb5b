"""Every step of an integer run against the equations of the graph it came from.

Two runs that differ by one rounding drift apart after the first spike that moves, so comparing them
end to end says little. Here each step is checked on its own: from the states the integer run had
before, the graph's equations, with its numbers on the chip's grid, must give the states it had
after. The two leaks are rounded toward zero, and so are sums behind a negative exponent, floored; with
that the equations are exact, and whatever obeys them in every step is the run that the graph asks for.

Nothing is asked of the Program: starts, delays, thresholds, units, resets and the readout are the graph's.
So a wrong number in the Program shows in its layer, at the first step at which it changes a state.
Potentials are compared after saturation to 24 bits; how many saturate is counted beside.

Axes: B sample, T step, N neuron, I inputs.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from neurodeploy.backends.scores import Scores, host_scores
from neurodeploy.backends.trace import LayerTrace, Trace
from neurodeploy.certificate.difference import Difference, earliest, first_where
from neurodeploy.fixedpoint import rules
from neurodeploy.fixedpoint.dynamics.step import apart
from neurodeploy.fixedpoint.rules import IntArray
from neurodeploy.graph.dynamics import DynamicsPopulation
from neurodeploy.graph.euler import Population
from neurodeploy.graph.network import Network
from neurodeploy.graph.paths import INPUT
from neurodeploy.graph.products import ProductsPopulation
from neurodeploy.mapping.discretize import Constants, at_rest, constants, initial_state
from neurodeploy.mapping.timing import starts_of
from neurodeploy.program.plan import MESSAGE_EXP, Plan

FLOAT64 = 1e-6
"""Chip units left for the float64 arithmetic of this check itself, where a sum is floored."""


def first_violation(quantised: Network, plan: Plan, trace: Trace, spikes_BTI: np.ndarray) -> Difference | None:
    """Return the first state, count or score of an integer run that its graph's equations do not allow.

    Args:
        quantised, plan: The graph's network on the chip's grid, from `compile_network`.
        trace: The integer run, recorded; `spikes_BTI`: its input.
    """
    n_samples, n_input_steps = spikes_BTI.shape[:2]
    starts = starts_of(quantised)
    states = trace.layers
    n_steps = states[quantised.output].v_BTN.shape[1]
    sent = {INPUT: np.zeros((n_samples, n_steps, quantised.n_inputs), spikes_BTI.dtype)}
    sent[INPUT][:, :n_input_steps] = spikes_BTI
    sent |= {name: one.spikes_BTN for name, one in states.items()}
    for one in quantised.populations:
        if one.graded:
            sent[one.name] = sent[one.name] / plan.message_unit(one.name)
    found = []
    for one in quantised.populations:
        drive = np.zeros(states[one.name].v_BTN.shape)
        for synapses in quantised.into(one.name):
            # The chip's step of a population is the graph's, plus its start; a spike takes the graph's time.
            later = starts[one.name] - starts[synapses.source]
            # A negative exponent floors sums, in units of the chip.
            floors = np.min(plan.connections[synapses.name].weight_exp) < 0
            floored = one.weight_gain * plan.vth_mant[one.name] if floors else None
            for steps, apply in synapses.ready:
                _arrive(drive, sent[synapses.source], apply, steps + later, floored)
        unit, start = plan.vth_mant[one.name], starts[one.name]
        if isinstance(one, DynamicsPopulation):
            found.append(_first_wrong_state(one, unit, start, states[one.name], drive))
        elif isinstance(one, ProductsPopulation):
            found += _wrong_counts(one, unit, states[one.name], drive)
        else:
            found += _wrong_states(one, constants(one, unit), start, states[one.name], drive)
    last = max(starts, key=lambda name: starts[name])
    wanted = n_input_steps + starts[last]
    if n_steps != wanted:
        found.append(Difference("number of steps", last, min(n_steps, wanted), 0, 0, n_steps, wanted))
    return earliest([*found, *_wrong_sums(quantised, plan, trace, starts[quantised.output])])


def _arrive(
    drive_BTN: np.ndarray,
    sent_BTI: np.ndarray,
    apply: Callable[[np.ndarray], np.ndarray],
    later: int,
    floored: np.ndarray | None,
) -> None:
    """Add what was sent, `later` steps after it was, some samples at a time."""
    n_steps = drive_BTN.shape[1] - later
    for sample in range(len(drive_BTN) if n_steps > 0 else 0):
        arrived = apply(sent_BTI[sample, :n_steps].astype(np.float64))
        if floored is not None:
            arrived = np.floor(arrived * floored + FLOAT64) / floored
        drive_BTN[sample, later:] += arrived


def _wrong_states(
    population: Population, found: Constants, start: int, states: LayerTrace, drive: np.ndarray
) -> Iterator[Difference | None]:
    """Yield the first current, spike and potential that one step does not make of the states before it."""
    charge, note = initial_state(population, found, start)
    kept_u = np.rint(population.alpha * rules.DECAY_ONE)
    kept_v = np.rint(population.beta * rules.DECAY_ONE)
    u_unit = found.unit * population.current_gain / population.span
    v_unit = found.unit / population.span
    u_offset, v_offset = -found.bias_u, -population.v_reset * v_unit
    u_before, v_before = _shifted(states.u_BTN, charge.u), _shifted(states.v_BTN, charge.v)
    # The graph's equations, moved to the chip's numbers; then each leak's fraction is taken off.
    u = kept_u / rules.DECAY_ONE * ((u_before - u_offset) / u_unit) + population.input_gain * (drive + population.bias)
    u = np.rint(u * u_unit + u_offset - _fraction(u_before, kept_u))
    # The potential is checked from the current the chip really had, so that each check is one leak.
    u_now = (states.u_BTN - u_offset) / u_unit
    v = kept_v / rules.DECAY_ONE * ((v_before - v_offset) / v_unit) + population.current_gain * u_now + population.leak
    v = np.rint(v * v_unit + v_offset - _fraction(v_before, kept_v))
    v = np.clip(v, 1 - rules.STATE_LIMIT, rules.STATE_LIMIT - 1)
    v[:, : charge.rest] = charge.v
    spikes = (v >= found.unit if population.at_threshold else v > found.unit) & population.spiking
    after = v - found.unit if population.reset == rules.RESET_SUBTRACT else 0.0
    name = population.name
    yield first_where("u", name, states.u_BTN != u, states.u_BTN, u)
    yield first_where("spikes", name, states.spikes_BTN != spikes, states.spikes_BTN, spikes)
    yield first_where("v", name, states.v_BTN != np.where(spikes, after, v), states.v_BTN, np.where(spikes, after, v))
    if not note:
        yield from _not_at_rest(population, found, states.steps(start - 1, start), start - 1)


def _not_at_rest(
    population: Population, found: Constants, begins: LayerTrace, step: int
) -> Iterator[Difference | None]:
    """Yield the first neurons that do not stand where the graph's start, at the step before their first input.

    Where no initial state can bring them there, the Program's notes say so, and this is not asked.
    """
    # A state that keeps nothing has no say in what follows.
    for what, state, wanted, lasts in (
        ("u", begins.u_BTN, -found.bias_u, population.alpha > 0),
        ("v", begins.v_BTN, at_rest(population, found), population.beta > 0),
    ):
        wanted = np.broadcast_to(wanted, state.shape)
        first = first_where(what, population.name, (state != wanted) & lasts, state, wanted)
        yield None if first is None else replace(first, step=step)


def _first_wrong_state(
    population: DynamicsPopulation, unit: int, start: int, states: LayerTrace, drive_BTN: np.ndarray
) -> Difference | None:
    """Return the first state of an integer run that the graph's difference equations do not allow.

    Each step starts from the integer states before it, and a line that takes a state of the same step from the one
    the chip really had. The products of a line are rounded toward zero together, and every state saturates. Before
    the layer's first input nothing may move.

    Args:
        population: On the chip's grid; `unit`: the chip's units of a state of 1, a power of two.
        start: Chip step at which its first input can arrive.
        drive_BTN: Weighted spikes as they arrive, in the graph's unit, by chip step.
    """
    name, dynamics, n_steps = population.name, population.dynamics, states.v_BTN.shape[1]
    called = {dynamics.potential: "v"} | ({dynamics.others[0]: "u"} if len(dynamics.others) == 1 else {})

    def named(first: int, last: int) -> dict[str, np.ndarray]:
        some = states.steps(first, last)
        return apart(dynamics, some.u_BTN, some.v_BTN)

    found = [
        first_where(called.get(key, key), name, one != 0, one, np.zeros(one.shape))
        for key, one in named(0, start).items()
    ]
    before, new = states.steps(start - 1, n_steps - 1), named(start, n_steps)
    expected = population.states_after(
        before.u_BTN / unit,
        before.v_BTN / unit,
        before.spikes_BTN,
        drive_BTN[:, start:] + population.bias,
        {key: one / unit for key, one in new.items()},
        rounded=lambda total: np.trunc(total * unit) / unit,
    )
    top = rules.STATE_LIMIT - 1
    early = len(found)
    for key, state in new.items():
        wanted = np.clip(np.rint(expected[key] * unit), -top, top)
        found.append(first_where(called.get(key, key), name, state != wanted, state, wanted))
    now = states.steps(start, n_steps)
    fired = now.v_BTN > np.rint(population.v_threshold * unit)
    if population.graded:
        fired = np.floor(now.v_BTN / (1 << MESSAGE_EXP))
    found.append(first_where("spikes", name, now.spikes_BTN != fired, now.spikes_BTN, fired))
    # Steps of the later ones are counted from the layer's start, and are told from the run's beginning.
    return earliest(
        [one and replace(one, step=one.step + (start if index >= early else 0)) for index, one in enumerate(found)]
    )


def _wrong_counts(
    population: ProductsPopulation, unit: int, states: LayerTrace, drive_BTN: np.ndarray
) -> Iterator[Difference | None]:
    """Yield the first number that arrived and the first count that the products of spikes are not."""
    name, arrived, wanted = population.name, drive_BTN * unit, np.empty_like(drive_BTN)
    for sample, drive_TN in enumerate(drive_BTN):
        wanted[sample] = population.counts(drive_TN)
    yield first_where("u", name, states.u_BTN != arrived, states.u_BTN, arrived)
    yield first_where("v", name, states.v_BTN != wanted, states.v_BTN, wanted)
    yield first_where("spikes", name, states.spikes_BTN != wanted, states.spikes_BTN, wanted)


def _wrong_sums(quantised: Network, plan: Plan, trace: Trace, start: int) -> Iterator[Difference | None]:
    """Yield the first spike counts, and scores that the class is read from, that are not the states' own."""
    last = trace.layers[quantised.output].v_BTN.shape[1] - 1
    for name, states in trace.layers.items():
        yield _wrong_sum("count", name, trace.counts[name], np.count_nonzero(states.spikes_BTN, axis=1), last)
    one = quantised.population(quantised.output)
    v_BTN = trace.layers[one.name].v_BTN
    unit = plan.vth_mant[one.name]
    per_unit = constants(one, unit).unit / one.span if isinstance(one, Population) else unit
    scores = Scores(quantised.readout, len(v_BTN), one.n_neurons, start, unit=per_unit)
    for step in range(v_BTN.shape[1]):
        scores.add(v_BTN[:, step], step)
    wanted = trace.counts[one.name] if scores.BN is None else scores.BN
    if quantised.decode is not None:
        steps, states = slice(start, start + trace.n_input_steps), trace.layers[one.name]
        offset = -one.v_reset * per_unit if isinstance(one, Population) else 0.0
        wanted = host_scores(quantised.readout, quantised.decode, wanted, states, steps, per_unit, offset)
    yield _wrong_sum("score", one.name, trace.output_BN, wanted, last)


def _wrong_sum(what: str, layer: str, found_BN: np.ndarray, wanted_BN: np.ndarray, step: int) -> Difference | None:
    if found_BN.shape != wanted_BN.shape:  # read from another layer
        found_BN = np.zeros(wanted_BN.shape)
    wrong = ~np.isclose(found_BN, wanted_BN, rtol=FLOAT64, atol=0.0)
    first = first_where(what, layer, wrong[:, None], found_BN[:, None], wanted_BN[:, None])
    return None if first is None else replace(first, step=step)


def _fraction(state_BTN: np.ndarray, kept_N: np.ndarray) -> np.ndarray:
    """Return what rounding a leak toward zero takes off."""
    product = state_BTN * kept_N / rules.DECAY_ONE
    return product - np.trunc(product)


def _shifted(states_BTN: np.ndarray, initial_N: IntArray) -> np.ndarray:
    """Return the states one step earlier, the initial ones first."""
    first = np.broadcast_to(initial_N, (len(states_BTN), 1, len(initial_N)))
    return np.concatenate([first, states_BTN[:, :-1]], axis=1).astype(np.float64)
