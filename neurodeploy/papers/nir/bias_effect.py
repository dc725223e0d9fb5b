"""What the Braille graph's biases are worth, and where other platforms lose them.

lava-dl's recurrent block feeds back through the weights of its recurrent synapse alone (lava-dl 0.6.0,
slayer/utils/recurrent.py, custom_recurrent), so the bias that the paper's script puts on that synapse never acts.
Norse's and SpikingJelly's importers feed nothing back in the first step, so it acts from the second on.
Axes: B sample, T step, I input channel, N neuron.
"""

from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nir
import numpy as np

from neurodeploy.backends import reference
from neurodeploy.backends.trace import Trace
from neurodeploy.data.load import open_samples
from neurodeploy.data.stream import SampleSource
from neurodeploy.graph.files import read_graph
from neurodeploy.graph.network import Network
from neurodeploy.pipeline.graph_options import GraphOptions
from neurodeploy.pipeline.inputs import network_of

RECURRENT, HIDDEN = "lif1.w_rec", "lif1.lif"
WHOLE, NEVER, LATE, OTHER_RESET = "as the graph says", "no recurrent bias", "recurrent bias from step 1", "other reset"


@dataclass(frozen=True, eq=False)
class _Late:
    """A population that goes without a part of its bias in the first step of its only run."""

    population: Any
    missing_N: np.ndarray
    steps: list[int]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.population, name)

    def step(self, u: np.ndarray, v: np.ndarray, spiked: np.ndarray, drive: np.ndarray) -> Any:
        self.steps.append(1)
        return self.population.step(u, v, spiked, drive - self.missing_N if len(self.steps) == 1 else drive)


def worth(graph: Path, dataset: str, dt_s: float, reset: str, *, limit: int | None = None) -> list[dict[str, Any]]:
    """Return our reference's accuracy with one thing changed at a time: `what`, `accuracy`, `samples`.

    Args:
        graph: A Braille graph; one without recurrent biases loses nothing by them.
        reset: "zero" or "subtract", the graph's own.
    """
    source = open_samples(dataset, split="test", limit=limit)
    return [
        {"what": what, "accuracy": trace.accuracy(source.labels_B), "samples": len(source)}
        for what, trace in changed(graph, source, dt_s, reset).items()
    ]


def changed(graph: Path, source: SampleSource, dt_s: float, reset: str, *, record: bool = False) -> dict[str, Trace]:
    """Return our reference's runs of a Braille graph, by what was changed."""
    file = read_graph(graph)
    bias_N = np.asarray(getattr(file.graph.nodes[RECURRENT], "bias", 0.0), np.float64)
    without = deepcopy(file.graph)
    node = without.nodes[RECURRENT]
    if isinstance(node, nir.Affine):
        node.bias = np.zeros_like(node.bias)
    whole = network_of(file, GraphOptions(dt_s, reset))
    other = "subtract" if reset == "zero" else "zero"
    networks: dict[str, Network] = {WHOLE: whole}
    if bias_N.any():
        networks[NEVER] = network_of(replace(file, graph=without), GraphOptions(dt_s, reset))
        late: Any = [_Late(one, bias_N, []) if one.name == HIDDEN else one for one in whole.populations]
        networks[LATE] = replace(whole, populations=type(whole.populations)(late))
    networks[OTHER_RESET] = network_of(file, GraphOptions(dt_s, other))
    spikes = source.whole().spikes_BTI
    # All samples at once: the first step comes once.
    return {what: reference.run(one, spikes, record=record, batch_size=len(spikes)) for what, one in networks.items()}
