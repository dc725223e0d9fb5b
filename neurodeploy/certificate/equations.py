"""Every step of an integer run against the equations of the graph it came from.

Two runs that differ by one rounding drift apart after the first spike that moves, so comparing them
end to end says little. Here each step is checked on its own: from the states the integer run had
before, the graph's equations, with its numbers on the chip's grid, must give the states it had
after, to within the rounding of the two leaks. A wrong weight, decay or threshold in the Program
shows at the first step where it matters, and nothing hides behind an earlier difference. A wrong
initial state shows at the step before the layer's first input. Potentials are compared after
saturation to 24 bits; how many saturate is counted beside.

Axes: B sample, T step, N neuron, I inputs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from neurodeploy.backends.trace import LayerTrace, Trace
from neurodeploy.certificate.difference import Difference, earliest, first_where
from neurodeploy.certificate.dynamics_equations import first_wrong_state
from neurodeploy.fixedpoint import rules
from neurodeploy.graph.dynamics import DynamicsPopulation
from neurodeploy.graph.euler import Population
from neurodeploy.graph.linear import LinearMap
from neurodeploy.graph.network import Network
from neurodeploy.graph.paths import INPUT
from neurodeploy.mapping.discretize import at_rest, constants, initial_state
from neurodeploy.program.plan import Plan
from neurodeploy.program.program import Layer, Program

ROUNDING = 1.0
"""Chip units by which a leak that rounds toward zero may fall short."""
FLOAT64 = 1e-6
"""Chip units left for the float64 arithmetic of this check itself."""


@dataclass(frozen=True, eq=False)
class Expected:
    """States that the equations give, and how far an integer state may be from them."""

    u_BTN: np.ndarray
    before_reset_BTN: np.ndarray
    tolerance_u: float
    tolerance_v: float


def first_violation(
    program: Program, quantised: Network, plan: Plan, trace: Trace, spikes_BTI: np.ndarray
) -> Difference | None:
    """Return the first state of an integer run that its graph's equations do not allow.

    Args:
        program: What was run; only its initial states and starts are taken from it.
        quantised, plan: The graph's network on the chip's grid, from `compile_network`.
        trace: The integer run, recorded; `spikes_BTI`: its input.
    """
    n_samples, n_input_steps = spikes_BTI.shape[:2]
    sent = {INPUT: np.zeros((n_samples, program.n_steps(n_input_steps), quantised.n_inputs), np.uint8)}
    sent[INPUT][:, :n_input_steps] = spikes_BTI
    sent |= {name: states.spikes_BTN for name, states in trace.layers.items()}
    starts = {INPUT: 0} | {layer.name: layer.start for layer in program.layers}
    found = []
    for one in quantised.populations:
        drive = np.zeros(trace.layers[one.name].v_BTN.shape)
        for synapses in quantised.into(one.name):
            # The chip's step of a population is the graph's, plus its start; a spike takes the graph's time.
            between = starts[one.name] - starts[synapses.source]
            for steps, part in synapses.by_arrival():
                _arrive(drive, sent[synapses.source], part, steps + between)
        states, layer = trace.layers[one.name], program.layer(one.name)
        slack = _floors(plan, [synapses.name for synapses in quantised.into(one.name)])
        if isinstance(one, DynamicsPopulation):
            found.append(first_wrong_state(one, layer, states, drive, FLOAT64 + ROUNDING + slack))
            continue
        unit = plan.vth_mant[one.name] << rules.ALIGN_SHIFT if one.spiking else np.inf
        found.append(_wrong_start(one, layer, plan, states))
        expected = _expected(one, layer, plan, states, drive, slack * (1 << rules.ALIGN_SHIFT))
        found.append(_first_wrong(one, states, expected, unit))
    return earliest(found)


def _floors(plan: Plan, names: list[str]) -> int:
    """Return how many connections have a negative exponent, whose sums are floored: by less than 1 each."""
    return sum(int(np.min(plan.connections[name].weight_exp) < 0) for name in names)


def _arrive(drive_BTN: np.ndarray, sent_BTI: np.ndarray, part: LinearMap, later: int) -> None:
    """Add what was sent, `later` steps after it was, some samples at a time."""
    n_steps = drive_BTN.shape[1] - later
    apply = part.prepared()
    for sample in range(len(drive_BTN) if n_steps > 0 else 0):
        drive_BTN[sample, later:] += apply(sent_BTI[sample, :n_steps].astype(np.float64))


def _wrong_start(population: Population, layer: Layer, plan: Plan, states: LayerTrace) -> Difference | None:
    """Return the first neuron that does not stand where the graph starts when its input begins.

    Where no initial state can bring it there, which the Program's notes say, the states before the
    first step must be those that the conversion falls back to.
    """
    found = constants(population, plan.vth_mant[population.name])
    charge, note = initial_state(population, found, layer.start)
    if note:
        u, v = layer.u_init[None, None], layer.v_init[None, None]
        wanted_u, wanted_v = charge.u, charge.v
    else:
        begins = states.steps(layer.start - 1, layer.start)
        u, v = begins.u_BTN, begins.v_BTN
        wanted_u, wanted_v = -found.bias_u, at_rest(population, found)
    # A state that keeps nothing has no say in what follows.
    lasting_u, lasting_v = rules.kept_of_current(found.du) > 0, rules.kept_of_potential(found.dv) > 0
    wrong = [
        first_where("u", population.name, (u != wanted_u) & lasting_u, u, np.broadcast_to(wanted_u, u.shape)),
        first_where("v", population.name, (v != wanted_v) & lasting_v, v, np.broadcast_to(wanted_v, v.shape)),
    ]
    first = earliest(wrong)
    return None if first is None else replace(first, step=0 if note else layer.start - 1)


def _expected(
    population: Population, layer: Layer, plan: Plan, states: LayerTrace, drive: np.ndarray, slack: float
) -> Expected:
    """Return the states one step of the equations makes of the integer run's own states."""
    found = constants(population, plan.vth_mant[population.name])
    u_unit = found.unit * population.current_gain / population.span
    v_unit = found.unit / population.span
    u_offset, v_offset = -found.bias_u, -population.v_reset * v_unit
    u_before = (_shifted(states.u_BTN, layer.u_init) - u_offset) / u_unit
    v_before = (_shifted(states.v_BTN, layer.v_init) - v_offset) / v_unit
    u = population.alpha * u_before + population.input_gain * (drive + population.bias)
    # The potential is checked from the current the chip really had, so that each check is one leak.
    u_now = (states.u_BTN - u_offset) / u_unit
    v = population.beta * v_before + population.current_gain * u_now + population.leak
    at_rest_rounding = float(np.abs(v_offset - np.rint(v_offset)).max(initial=0.0))
    return Expected(
        u_BTN=u * u_unit + u_offset,
        before_reset_BTN=np.clip(v * v_unit + v_offset, 1 - rules.STATE_LIMIT, rules.STATE_LIMIT - 1),
        tolerance_u=ROUNDING + FLOAT64 + slack,
        tolerance_v=ROUNDING + FLOAT64 + 2 * at_rest_rounding,
    )


def _first_wrong(population: Population, states: LayerTrace, expected: Expected, unit: float) -> Difference | None:
    name, spikes = population.name, states.spikes_BTN
    before_reset = expected.before_reset_BTN
    after_reset = before_reset - unit if population.reset == "subtract" else np.zeros_like(before_reset)
    v = np.where(spikes, after_reset, before_reset)
    wrong_v = np.abs(states.v_BTN - v) > expected.tolerance_v
    silent = (before_reset > unit + expected.tolerance_v) & ~spikes
    spurious = (before_reset <= unit - expected.tolerance_v) & spikes
    return earliest(
        [
            first_where(
                "u", name, np.abs(states.u_BTN - expected.u_BTN) > expected.tolerance_u, states.u_BTN, expected.u_BTN
            ),
            first_where("spikes", name, silent | spurious, spikes, ~spikes),
            first_where("v", name, wrong_v, states.v_BTN, v),
        ]
    )


def _shifted(states_BTN: np.ndarray, initial_N: np.ndarray) -> np.ndarray:
    """Return the states one step earlier, the initial ones first."""
    first = np.broadcast_to(initial_N, (len(states_BTN), 1, len(initial_N)))
    return np.concatenate([first, states_BTN[:, :-1]], axis=1).astype(np.float64)
