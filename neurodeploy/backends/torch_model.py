"""A torch network as a stage of the certificate: its spikes as a Trace.

Axes: B sample, T step, N neuron.
"""

from __future__ import annotations

import numpy as np
import torch

from neurodeploy.backends.trace import LayerTrace, Part, Trace, in_batches
from neurodeploy.networks.spiking import SpikingNetwork

BATCH = 256


def run(network: SpikingNetwork, layers: list[str], spikes_BTI: np.ndarray, name: str) -> Trace:
    """Return the Trace of a torch network; currents and potentials are not kept (empty arrays).

    Args:
        layers: Names of its layers, those of the graph it is exported to.
        name: What the stage is called: "float" or "quantised".
    """

    def run_batch(some: np.ndarray) -> Part:
        with torch.no_grad():
            found = network(torch.from_numpy(some).float())
        sent = {key: one.bool().numpy() for key, one in zip(layers, found, strict=True)}
        nothing = np.zeros((len(some), 0, 0))
        return Part(
            counts={key: one.sum(axis=1, dtype=np.int64) for key, one in sent.items()},
            layers={key: LayerTrace(one, nothing, nothing) for key, one in sent.items()},
            overflows={},
        )

    return in_batches(name, layers, layers[-1], spikes_BTI, run_batch, batch_size=BATCH)
