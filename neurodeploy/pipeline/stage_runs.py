"""One stage of a certificate: a backend run with every state recorded, and held against the equations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from neurodeploy.backends.trace import Trace, one_after_another
from neurodeploy.certificate.certify import (
    INTEGER,
    StageRun,
)
from neurodeploy.certificate.difference import Difference, earliest
from neurodeploy.certificate.equations import first_violation
from neurodeploy.mapping.compile import Compiled
from neurodeploy.pipeline.batches import prepare, run_backend
from neurodeploy.progress import Progress, further

MOST_STATES = 1 << 25
"""Neurons times steps times samples whose states are held at once: about 1 GB with two backends' beside each other."""


def certified_run(name: str, made: Compiled, target: Any, spikes_BTI: np.ndarray, progress: Progress) -> StageRun:
    """Run one backend with every state recorded; check integer runs against the graph's equations.

    The states of as many samples as fit the memory are held at once. All of them are checked; the
    first ones' are kept, to be compared with other backends'.
    """
    n_samples = len(spikes_BTI)
    states = sum(layer.n_neurons for layer in made.program.layers) * made.program.n_steps(spikes_BTI.shape[1])
    held = max(1, min(n_samples, MOST_STATES // states))
    traces: list[Trace] = []
    violations: list[Difference | None] = []
    for first in range(0, n_samples, held):
        some = spikes_BTI[first : first + held]
        prepare(name, target, None, progress)
        trace = run_backend(name, target, some, record=True, progress=further(progress, first, n_samples))
        if name in INTEGER:
            found = violation_of(made, trace, some)
            violations.append(None if found is None else replace(found, sample=found.sample + first))
        traces.append(trace if not first else replace(trace, layers={}))
    return StageRun(one_after_another(traces), earliest(violations))


def violation_of(made: Compiled, trace: Trace, spikes_BTI: np.ndarray) -> Any:
    """Return the first step of an integer run that the graph's equations do not allow."""
    return first_violation(made.program, made.quantised, made.plan, trace, spikes_BTI)
