"""The work that is timed: a Program, and spikes for it.

Axes: B sample, T step, I input channel, N neuron.
"""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurodeploy.bench.peers import Peer
from neurodeploy.errors import NeurodeployError
from neurodeploy.phrases import Phrase
from neurodeploy.pipeline.graph_options import GraphOptions
from neurodeploy.pipeline.inputs import compiled, read_network
from neurodeploy.pipeline.samples import samples_for
from neurodeploy.program.connection import Connection
from neurodeploy.program.layer import Layer
from neurodeploy.program.program import INPUT, Program
from neurodeploy.progress import Progress, silent

DENSE, NMNIST, PLIF, SDT = "dense", "nmnist", "plif", "sdt"
WORKS = (DENSE, NMNIST, PLIF, SDT)

SIZES = (700, 512, 512, 35)
N_STEPS = 100
DENSITY = 0.03
"""Input channels that spike in a step."""
SEED = 1
GRAPH_SAMPLES = 16
DU, DV = 1023, 409
"""Three quarters of a current and nine tenths of a potential stay in a step."""
THRESHOLDS = (1429, 1769, 727)
"""Searched for with these weights, so that 7.5 % of each layer's neurons fire in a step."""
WEIGHT_EXPONENTS = (1, 0, -1)
WEIGHT_DEVIATION = 48
BIAS_MOST, BIAS_EXPONENT = 400, 3


@dataclass(frozen=True, eq=False)
class Work:
    """What every contender runs.

    Attributes:
        spikes_BTI: 0 or 1, uint8, or counts, int32; batches are cut from it.
        batches: Batch sizes that are measured when none are asked for.
        peers: That run this work in a way of its own; where there are any, others do not.
        scores_only: Contenders give no more than the class is read from.
    """

    name: str
    program: Program
    spikes_BTI: np.ndarray
    batches: tuple[int, ...]
    peers: tuple[Peer, ...] = ()
    scores_only: bool = False

    @property
    def sizes(self) -> list[int]:
        return [self.program.n_inputs, *(layer.n_neurons for layer in self.program.layers)]

    def batch(self, size: int, index: int) -> np.ndarray:
        """Return a batch of the samples, taken in turn and from the start again after the last."""
        chosen = np.arange(index * size, (index + 1) * size) % len(self.spikes_BTI)
        return self.spikes_BTI[chosen]


def dense(n_samples: int = 64) -> Work:
    """Return three dense layers of current-based neurons, with biases and exponents.

    Weights are 8 bits wide, of both signs; delays are left out, because no peer has them.
    """
    random = np.random.default_rng(SEED)
    layers, connections = [], []
    for index, (n_before, n_after) in enumerate(itertools.pairwise(SIZES)):
        name, before = f"lif{index + 1}", f"lif{index}" if index else INPUT
        weight = np.rint(random.normal(0, WEIGHT_DEVIATION, (n_after, n_before))).clip(-256, 254).astype(np.int64)
        units: dict[str, Any] = {key: np.full(n_after, float("per" in key)) for key in Layer.units}
        layers.append(
            Layer(
                name=name,
                du=np.full(n_after, DU),
                dv=np.full(n_after, DV),
                vth=np.full(n_after, THRESHOLDS[index]),
                bias_mant=random.integers(-BIAS_MOST, BIAS_MOST + 1, n_after),
                bias_exp=BIAS_EXPONENT,
                u_init=np.zeros(n_after, np.int64),
                v_init=np.zeros(n_after, np.int64),
                reset="zero",
                start=index + 1,
                **units,
            )
        )
        connections.append(Connection(f"fc{index + 1}", before, name, weight, WEIGHT_EXPONENTS[index]))
    program = Program(DENSE, "loihi2", 0.01, SIZES[0], tuple(layers), tuple(connections), f"lif{len(layers)}")
    spikes = random.random((n_samples, N_STEPS, SIZES[0])) < DENSITY
    return Work(DENSE, program, spikes.astype(np.uint8), (1, 64))


def from_graph(
    graph: str | None,
    data: str | None,
    *,
    dt_s: float | None = None,
    reset: str | None = None,
    progress: Progress = silent,
) -> Work:
    """Return a .nir file's network on data, such as a convolutional one on N-MNIST.

    Raises:
        NeurodeployError: no graph or data are named, or they cannot be read.
    """
    if not graph or not data:
        raise NeurodeployError(
            f"{NMNIST!r} needs a network and its data", Phrase("give {graph:FILE} and {data:NAME}"), option="work"
        )
    options = GraphOptions(dt_s=dt_s, reset=reset)
    network = read_network(graph, options)
    samples = samples_for(data, network, limit=GRAPH_SAMPLES)
    program = compiled(network, options, progress)[0].program
    return Work(NMNIST, program, samples.whole().spikes_BTI, (1, 16))
