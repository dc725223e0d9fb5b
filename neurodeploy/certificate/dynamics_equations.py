"""`equations` for neurons that are equations of `fixedpoint.dynamics`.

Axes: B sample, T step, N neuron.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neurodeploy.backends.trace import LayerTrace
from neurodeploy.certificate.difference import Difference, earliest, first_where
from neurodeploy.fixedpoint import rules
from neurodeploy.fixedpoint.dynamics.step import apart
from neurodeploy.graph.dynamics import DynamicsPopulation
from neurodeploy.program.dynamics import DynamicsLayer


def first_wrong_state(
    population: DynamicsPopulation, layer: DynamicsLayer, states: LayerTrace, drive_BTN: np.ndarray, tolerance: float
) -> Difference | None:
    """Return the first state of an integer run that the graph's difference equations do not allow.

    Each step starts from the integer states before it, and a line that takes a state of the same step from the one
    the chip really had, so that each check is one rounding. Before the layer's first input nothing may move.

    Args:
        population: On the chip's grid.
        drive_BTN: Weighted spikes as they arrive, in the graph's unit, by chip step.
        tolerance: Chip units by which rounding may move a state.
    """
    name, unit, start, dynamics = population.name, layer.v_per_unit, layer.start, population.dynamics
    called = {dynamics.potential: "v"} | ({dynamics.others[0]: "u"} if len(dynamics.others) == 1 else {})
    found = [
        first_where(called.get(key, key), name, one != 0, one, np.zeros(one.shape))
        for key, one in _by_name(layer, states.steps(0, start)).items()
    ]
    now, before = states.steps(start, states.v_BTN.shape[1]), states.steps(start - 1, states.v_BTN.shape[1] - 1)
    new = _by_name(layer, now)
    expected = population.states_after(
        before.u_BTN / np.tile(unit, layer.u_width // layer.n_neurons),
        before.v_BTN / unit,
        before.spikes_BTN,
        drive_BTN[:, start:] + population.bias,
        {key: one / unit for key, one in new.items()},
    )
    top = rules.STATE_LIMIT - 1
    early = len(found)
    for key, state in new.items():
        wanted = np.clip(expected[key] * unit, -top, top)
        found.append(first_where(called.get(key, key), name, np.abs(state - wanted) > tolerance, state, wanted))
    fired = now.v_BTN > population.v_threshold * unit
    found.append(first_where("spikes", name, now.spikes_BTN != fired, now.spikes_BTN, fired))
    # Steps of the later ones are counted from the layer's start, and are told from the run's beginning.
    return earliest(
        [one and replace(one, step=one.step + (start if index >= early else 0)) for index, one in enumerate(found)]
    )


def _by_name(layer: DynamicsLayer, states: LayerTrace) -> dict[str, np.ndarray]:
    """Return the states by name (B, T, N), the potential last."""
    return apart(layer.dynamics, states.u_BTN, states.v_BTN)
