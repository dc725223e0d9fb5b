"""A torch network as a stage of the certificate: its spikes as a Trace.

Axes: B sample, T step, N neuron.
"""

from __future__ import annotations

import time

import numpy as np
import torch

from neurodeploy.backends.trace import LayerTrace, Part, Trace, joined
from neurodeploy.networks.spiking import SpikingNetwork

BATCH = 256


def run(network: SpikingNetwork, layers: list[str], spikes_BTI: np.ndarray, name: str) -> Trace:
    """Return the Trace of a torch network; currents and potentials are not kept (empty arrays).

    Args:
        layers: Names of its layers, those of the graph it is exported to.
        name: What the stage is called: "float" or "quantised".
    """
    started = time.perf_counter()
    parts = []
    for first in range(0, len(spikes_BTI), BATCH):
        with torch.no_grad():
            found = network(torch.from_numpy(spikes_BTI[first : first + BATCH]).float())
        spikes = {key: one.bool().numpy() for key, one in zip(layers, found, strict=True)}
        nothing = np.zeros((len(found[0]), 0, 0))
        parts.append(
            Part(
                counts={key: one.sum(axis=1, dtype=np.int64) for key, one in spikes.items()},
                layers={key: LayerTrace(one, nothing, nothing) for key, one in spikes.items()},
                overflows={},
            )
        )
    seconds = time.perf_counter() - started
    return joined(name, layers, layers[-1], spikes_BTI, parts, seconds)
