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


def first_wrong_state(
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
    found.append(first_where("spikes", name, now.spikes_BTN != fired, now.spikes_BTN, fired))
    # Steps of the later ones are counted from the layer's start, and are told from the run's beginning.
    return earliest(
        [one and replace(one, step=one.step + (start if index >= early else 0)) for index, one in enumerate(found)]
    )
