"""What a run costs on a chip, put together: where it lies, how long a step takes, what it takes in energy.

Axes: B sample, T step, I channel.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from neurodeploy.accounting.energy import price
from neurodeploy.accounting.latency import latency
from neurodeploy.accounting.routes import placement_events
from neurodeploy.accounting.tally import Tally
from neurodeploy.backends import fixed
from neurodeploy.backends.trace import Trace
from neurodeploy.hardware.chips import Chip
from neurodeploy.mapping.placement import place
from neurodeploy.mapping.placement.advice import advice
from neurodeploy.program.program import Program

SAMPLES = 16
"""Samples whose every step is timed on its own; the spread over steps is far larger than that over samples."""


Recorded = tuple[Trace, np.ndarray]
"""A run with every state, and its input (B, T, I)."""


def recorded(program: Program, spikes_BTI: np.ndarray) -> Recorded:
    """Return a run of the first samples with every state."""
    few = spikes_BTI[:SAMPLES]
    return fixed.run(program, few, record=True), few


def costs(
    program: Program, counts: Mapping[str, Any], run: Tally, chip: Chip, timed: Recorded, *, advise: bool = True
) -> dict[str, Any]:
    """Return `fit`, `latency` and `energy` of a run, as plain values for JSON.

    A chip that no Program can be made for, or whose limits are not known, has energies only: `fit` and `latency` are
    None. So is the latency of a network that does not fit. Chips that price seconds take the network's own, its steps
    in real time.

    Args:
        counts: Of the whole run, from `counts_of`.
        run: Its sums.
        timed: Samples of it whose steps are timed one by one.
        advise: Also look for what would take fewer cores.
    """
    counts = {"seconds_per_sample": counts["steps"] * program.dt_s, **counts}
    if not (chip.program and chip.limits):
        return {"fit": None, "latency": None, "energy": price(counts, chip)}
    placement = place(program, chip)
    fit = placement.as_json() | {
        "advice": advice(program, chip, placement) if advise else [],
        "program": program.digest,
    }
    if not placement.fits:
        return {"fit": fit, "latency": None, "energy": price(counts, chip)}
    trace, spikes_BTI = timed
    found = latency(program, placement, trace, chip, spikes_BTI=spikes_BTI)
    moved = placement_events(program, placement, run.spikes, run.n_samples)
    return {
        "fit": fit,
        "latency": found,
        "energy": price(counts, chip, moved, latency_s=found["latency_band_s"]),
    }
