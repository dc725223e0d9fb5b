"""A torch network as a stage of the certificate: its spikes as a Trace.

Axes: B sample, T step, N neuron.
"""

import numpy as np
import torch
from torch import nn

from neurodeploy.backends.trace import LayerTrace, Part, Trace, in_batches
from neurodeploy.networks.sequence import Answer

BATCH = 256


def run(network: nn.Module, layers: list[str], spikes_BTI: np.ndarray, name: str) -> Trace:
    """Return the Trace of a torch network; currents and potentials are not kept (empty arrays).

    Args:
        network: A `SpikingNetwork`, or one that gives an `Answer`, whose readout sends nothing.
        layers: Names of its layers, those of the graph it is exported to; none where it sends values.
        name: What the stage is called: "float" or "quantised".
    """

    def run_batch(some: np.ndarray) -> Part:
        with torch.no_grad():
            found = network(torch.from_numpy(some).float())
        spikes, scores = found, None
        if isinstance(found, Answer):
            scores = found.output_BC.double().numpy()
            last = torch.zeros(*some.shape[:2], scores.shape[1]) if found.sent is None else found.sent
            spikes = [*found.hidden, last] if layers else []
        sent = {key: one.bool().numpy() for key, one in zip(layers, spikes, strict=True)}
        nothing = np.zeros((len(some), 0, 0))
        return Part(
            counts={key: one.sum(axis=1, dtype=np.int64) for key, one in sent.items()},
            layers={key: LayerTrace(one, nothing, nothing) for key, one in sent.items()},
            overflows={},
            scores_BN=scores,
        )

    return in_batches(name, layers, "".join(layers[-1:]), spikes_BTI, run_batch, batch_size=BATCH)
