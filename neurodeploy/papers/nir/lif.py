"""The paper's first task: one LIF neuron, held against the analytic solution.

Axes: T step.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nir
import numpy as np

from neurodeploy.data.nir_paper import EXACT, GRAPHS, LifTrace, lif_traces
from neurodeploy.errors import FrameworkError, GraphError
from neurodeploy.graph.files import read_graph
from neurodeploy.papers.nir.targets import OWN, Subject

DT_S = 1e-4
RESET = "subtract"
"""Of the analytic solution: what is above the threshold is kept."""
MOST_LAG = 2
"""Steps by which a whole trace may lag: some platforms deliver a spike one step after it was sent."""


def measured_lif(folder: Path, backends: Sequence[str]) -> dict[str, Any]:
    """Return the single neuron on each backend, and of each platform of the paper, beside the analytic solution.

    Returns:
        `exact`: its spikes, and `threshold`; `rows`: one for each backend and platform with `spikes` (steps), `off`
        (steps by which each is late, None where another number of spikes), `lag` of the whole trace, `rms` of the
        potential after that lag (in thresholds; None where no potential is shown) and `scale`; `refused`, why a
        backend has none; `traces`: the potentials in thresholds, to be drawn.
    """
    traces = lif_traces(folder)
    exact = traces.pop(EXACT)
    subject = Subject(folder / GRAPHS["lif"], DT_S, RESET)
    (neuron,) = (node for node in read_graph(subject.path).graph.nodes.values() if isinstance(node, nir.LIF))
    threshold = float(np.ravel(neuron.v_threshold)[0])
    rows: list[dict[str, Any]] = []
    drawn = {EXACT: exact.v_T / threshold}
    for name in backends:
        try:
            seen = subject.run((name,), exact.input_T[None, :, None])[name]
        except (FrameworkError, GraphError) as error:
            if name in OWN:
                raise
            rows.append({"platform": name, "by": "here", "refused": str(error)})
            continue
        (spikes_BTN,) = seen.spikes.values()
        v_T = next((v_BTN[0, :, 0] for v_BTN in seen.v.values()), None)
        rows.append({"platform": name, "by": "here", "refused": None, "version": seen.version})
        rows[-1] |= beside(spikes_BTN[0, :, 0], v_T, exact, threshold, scale=1.0)
        if v_T is not None:
            drawn[name] = v_T / threshold
    for name, trace in traces.items():
        found = beside(trace.spikes_T, trace.v_T, exact, threshold, scale=None)
        rows.append({"platform": name, "by": "paper", "refused": None} | found)
        drawn[f"{name} (paper)"] = trace.v_T * found["scale"] / threshold
    return {
        "exact": {"spikes": np.flatnonzero(exact.spikes_T).tolist(), "threshold": threshold},
        "dt_s": DT_S,
        "reset": RESET,
        "input": np.flatnonzero(exact.input_T).tolist(),
        "rows": rows,
        "traces": {name: [round(float(v), 6) for v in one] for name, one in drawn.items()},
    }


def beside(
    spikes_T: np.ndarray, v_T: np.ndarray | None, exact: LifTrace, threshold: float, *, scale: float | None
) -> dict[str, Any]:
    """Return how far a trace is from the analytic solution.

    Args:
        scale: From the trace's unit of potential to the graph's; None to take the one that brings it nearest, since
            the paper's files do not state their units.

    >>> exact = LifTrace(np.zeros(4), np.array([0.0, 0.5, 0.25, 0.0]), np.array([0, 0, 1, 0], bool))
    >>> late = beside(np.array([0, 0, 0, 1], bool), np.array([0, 0, 1, 0.5]), exact, 1.0, scale=None)
    >>> late["off"], late["lag"], late["rms"], late["scale"]
    ([1], 1, 0.0, 0.5)
    """
    mine, theirs = np.flatnonzero(spikes_T), np.flatnonzero(exact.spikes_T)
    off = (mine - theirs).tolist() if len(mine) == len(theirs) else None
    found: dict[str, Any] = {"spikes": mine.tolist(), "off": off, "lag": None, "rms": None, "scale": None}
    if v_T is None:
        return found
    fits = [_fit(v_T, exact.v_T, lag, scale) for lag in range(MOST_LAG + 1)]
    rms, lag, used = min(fits)
    return found | {"lag": lag, "rms": rms / threshold, "scale": used}


def _fit(v_T: np.ndarray, exact_T: np.ndarray, lag: int, scale: float | None) -> tuple[float, int, float]:
    """Return the root mean square distance at a lag, the lag and the scale."""
    mine, theirs = v_T[lag:], exact_T[: len(exact_T) - lag]
    used = float(mine @ theirs / (mine @ mine)) if scale is None else scale
    return float(np.sqrt(np.mean((used * mine - theirs) ** 2))), lag, used
