"""`equations` for neurons with two coupled states.

Axes: B sample, T step, N neuron.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neurodeploy.backends.trace import LayerTrace
from neurodeploy.certificate.difference import Difference, earliest, first_where
from neurodeploy.fixedpoint import rules
from neurodeploy.fixedpoint.cells import ADAPTIVE
from neurodeploy.graph.cells import CellPopulation
from neurodeploy.program.cells import Cells


def first_wrong_cell(
    population: CellPopulation, layer: Cells, states: LayerTrace, drive_BTN: np.ndarray, tolerance: float
) -> Difference | None:
    """Return the first state of an integer run that the graph's difference equations do not allow.

    Each step starts from the integer states before it. Before the layer's first input nothing may move.

    Args:
        population: On the chip's grid.
        drive_BTN: Weighted spikes as they arrive, in the graph's unit, by chip step.
        tolerance: Chip units by which rounding may move a state.
    """
    name, unit, start = population.name, layer.v_per_unit, layer.start
    early = states.steps(0, start)
    zero = np.zeros(early.v_BTN.shape)
    found = [first_where(what, name, one != 0, one, zero) for what, one in (("u", early.u_BTN), ("v", early.v_BTN))]
    now, before = states.steps(start, states.v_BTN.shape[1]), states.steps(start - 1, states.v_BTN.shape[1] - 1)
    drive = drive_BTN[:, start:] + population.bias
    u, v, _ = population.step(before.u_BTN / unit, before.v_BTN / unit, before.spikes_BTN, drive)
    if population.kind == ADAPTIVE:
        # The potential is checked from the adaptation the chip really had, so that each check is one rounding.
        gain = population.numbers["gain"]
        v = v + gain * (u - now.u_BTN / unit)
    top = rules.STATE_LIMIT - 1
    for what, value, state in (("u", u, now.u_BTN), ("v", v, now.v_BTN)):
        wanted = np.clip(value * unit, -top, top)
        found.append(first_where(what, name, np.abs(state - wanted) > tolerance, state, wanted))
    fired = now.v_BTN > layer.vth
    found.append(first_where("spikes", name, now.spikes_BTN != fired, now.spikes_BTN, fired))
    return earliest([one and _later(one, start if index >= 2 else 0) for index, one in enumerate(found)])


def _later(difference: Difference, steps: int) -> Difference:
    """Return the difference with its step counted from the run's beginning."""
    return replace(difference, step=difference.step + steps)
