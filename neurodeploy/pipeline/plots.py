"""The numbers behind the report's pictures that no other result holds."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurodeploy.backends.trace import Trace
from neurodeploy.data.load import step_s
from neurodeploy.data.stream import SampleSource
from neurodeploy.pipeline.conversion import deployable, matrices
from neurodeploy.pipeline.folder import RunFolder
from neurodeploy.pipeline.stages import quantised_network, trained_network
from neurodeploy.program.program import Program

BINS = 60
RASTER_NEURONS = 128
"""Neurons of a layer shown in the raster, from the first."""


def plots(folder: RunFolder, program: Program, trace: Trace, test: SampleSource) -> dict[str, Any]:
    """Return the raster of the first sample, and histograms of the weights before and after quantisation.

    Args:
        trace: The integer run on `test`, recorded.
    """
    recipe = folder.recipe()
    dt_s = step_s(recipe.data)
    before = matrices(deployable(trained_network(folder), recipe), dt_s)
    after = matrices(quantised_network(folder), dt_s)
    rows = [{"name": "input", "neurons": test.n_inputs, "start": 0} | _events(test.at([0]).spikes_BTI[0])]
    for layer in program.layers:
        states = trace.layers[layer.name].spikes_BTN[0]
        rows.append({"name": layer.name, "neurons": layer.n_neurons, "start": layer.start} | _events(states))
    raster = {
        "sample": 0,
        "label": int(test.labels_B[0]),
        "prediction": int(trace.predictions_B[0]),
        "steps": program.n_steps(trace.n_input_steps),
        "layers": rows,
    }
    weights = [{"name": name} | _histograms(before[name], after[name]) for name in before]
    return {"raster": raster, "weights": weights}


def _histograms(before: np.ndarray, after: np.ndarray) -> dict[str, Any]:
    """Return those of a connection's weights, in thresholds."""
    most = float(max(np.abs(before).max(), np.abs(after).max(), 1e-9))
    edges = np.linspace(-most, most, BINS + 1)
    return {
        "edges": edges.tolist(),
        "before": np.histogram(before, edges)[0].tolist(),
        "after": np.histogram(after, edges)[0].tolist(),
        "levels": len(np.unique(after)),
        "zeros": float((after == 0).mean()),
    }


def _events(spikes_TN: np.ndarray) -> dict[str, Any]:
    steps, neurons = np.nonzero(spikes_TN[:, :RASTER_NEURONS])
    return {"steps": steps.tolist(), "indices": neurons.tolist()}
