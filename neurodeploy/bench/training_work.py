"""What `bench train` trains: a network of the SiLIF family that fires as a trained one does; and who else trains it.

The peers are eager torch on the same network, and libraries on one of the same shape.

Axes: B sample, T step, I input, N neuron, C class.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from neurodeploy.bench.peers import Peer
from neurodeploy.bench.training import Options, Step, our_scores, training_step

if TYPE_CHECKING:
    import torch

    from neurodeploy.networks.families.silif import FamilyNetwork

N_INPUTS, N_CLASSES, N_HIDDEN_LAYERS = 140, 35, 2
INPUT_RATE = 0.1
"""Mean count of an input in a step: 9.5 % are not zero, as in speech in steps of 4 ms (9.7 %)."""
FIRING = 0.075
"""Part of the neurons that fire in a step, as in the published SiLIF network (8.5 and 6.1 %); a new one fires ten times
less, which would flatter whatever computes spikes alone."""
DROPOUT = 0.5
SEED = 0
BATCHES_AHEAD = 4


@dataclass(frozen=True, eq=False)
class TrainingWork:
    """A network, its input and its labels.

    Attributes:
        batches: Inputs (B, T, I) and labels (B,).
        rates: Part of each hidden layer's neurons that fire in a step.
    """

    model: str
    network: FamilyNetwork
    batches: list[tuple[torch.Tensor, torch.Tensor]]
    rates: list[float]

    @property
    def sizes(self) -> list[int]:
        return [N_INPUTS, *(layer.n_neurons for layer in self.network.layers), N_CLASSES]


def training_work(options: Options) -> TrainingWork:
    """Return the work, the same each time."""
    import torch

    from neurodeploy.networks.families.silif import SilifSettings, build

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        settings: Any = {
            "model": options.model, "hidden": (options.hidden,) * N_HIDDEN_LAYERS, "dropout": DROPOUT
        }  # fmt: skip
        network = build(SilifSettings(**settings, initial_state="random"), (N_INPUTS,), N_CLASSES, 4e-3)
        batches = [
            (
                torch.poisson(torch.full((options.batch, options.steps, N_INPUTS), INPUT_RATE)),
                torch.randint(0, N_CLASSES, (options.batch,)),
            )
            for _ in range(BATCHES_AHEAD)
        ]
        rates = (fired if options.fresh else calibrated)(network, batches[0][0])
    return TrainingWork(options.model, network, batches, rates)


def fired(network: FamilyNetwork, x_BTI: torch.Tensor) -> list[float]:
    """Return the part of each layer's neurons that fire in a step of a training pass."""
    import torch

    from neurodeploy.networks.fused_forward import rates

    tried = copy.deepcopy(network)  # its batch norm notes what it sees
    with torch.no_grad():
        return [float(one.mean()) for one in rates(tried(x_BTI).hidden)]


def calibrated(network: FamilyNetwork, x_BTI: torch.Tensor) -> list[float]:
    """Scale each layer's batch norm until `FIRING` of the neurons fire in a step; return how many do."""
    import torch

    few = x_BTI[:4]
    for index, layer in enumerate(network.layers):
        low, high = 0.01, 10_000.0
        for _ in range(14):
            middle = (low * high) ** 0.5
            with torch.no_grad():
                layer.norm.weight.fill_(middle)
            if fired(network, few)[index] > FIRING:
                high = middle
            else:
                low = middle
    return fired(network, x_BTI)


def stepper(
    work: TrainingWork, module: Any, scores: Callable[[Any, torch.Tensor], torch.Tensor]
) -> Callable[[int], None]:
    """Return a training step on the work's batches in turn.

    Args:
        scores: Gives the module's scores (B, C) of an input.
    """
    import torch

    def loss(index: int) -> torch.Tensor:
        x_BTI, labels_B = work.batches[index % len(work.batches)]
        return torch.nn.functional.cross_entropy(scores(module, x_BTI), labels_B)

    return training_step(module, loss)


def with_engine(network: FamilyNetwork, engine: str) -> FamilyNetwork:
    """Return a copy of a network whose layers run by an engine."""
    found = copy.deepcopy(network)
    parts: list[Any] = [*found.layers, found.readout]
    for part in parts:
        part.settings = replace(part.settings, scan_engine=engine)
    return found


def ours(work: TrainingWork, engine: str = "fused") -> Callable[[int], None]:
    """Return our training step."""
    return stepper(work, with_engine(work.network, engine), our_scores)


def _snntorch(work: TrainingWork) -> Callable[[int], None]:
    """Leaky neurons without adaptation: the library's own module, one call a step; the readout is our readable one."""
    import snntorch
    import torch
    from torch import nn

    from neurodeploy.neurons.ssm.layer import LayerSettings, Readout, over_steps

    hidden = work.network.layers[0].n_neurons
    sizes = [N_INPUTS, *[hidden] * N_HIDDEN_LAYERS]

    class Leaky(nn.Module):
        def __init__(self, n_inputs: int, scale: float) -> None:
            super().__init__()
            self.W = nn.Linear(n_inputs, hidden, bias=False)
            self.norm = nn.BatchNorm1d(hidden, momentum=0.05)
            nn.init.constant_(self.norm.weight, scale)
            self.neurons = snntorch.Leaky(beta=torch.full((hidden,), 0.9), learn_beta=True)

        def forward(self, x_BTI: torch.Tensor) -> torch.Tensor:
            drive_BTN = over_steps(self.norm, self.W(x_BTI))
            potential, found = self.neurons.init_leaky(), []
            for drive_BN in drive_BTN.unbind(dim=1):
                spikes_BN, potential = self.neurons(drive_BN, potential)
                found.append(spikes_BN)
            return torch.stack(found, dim=1)

    layers = [part for n_inputs in sizes[:-1] for part in (Leaky(n_inputs, 0.3), nn.Dropout(DROPOUT))]
    readout = Readout(hidden, N_CLASSES, LayerSettings(scan_engine="reference"))
    return stepper(work, nn.Sequential(*layers, readout), lambda module, x_BTI: module(x_BTI))


EAGER = "torch-eager"
TRAINING_PEERS = (
    Peer(EAGER, "torch", "the same network, step by step through autograd", partial(ours, engine="reference")),
    Peer("snntorch", "snntorch", "leaky neurons without adaptation, the same sizes", _snntorch),
)


def about(work: TrainingWork) -> dict[str, Any]:
    """Return what the result tells of the work."""
    parameters = sum(one.numel() for one in work.network.parameters())
    return {
        "model": work.model, "sizes": work.sizes, "input_rate": INPUT_RATE, "rates": work.rates,
        "parameters": parameters,
    }  # fmt: skip


def dense_products(work: TrainingWork) -> Step:
    """Return the step's matrix products, dense, by torch: what no dense implementation can undercut."""
    import torch

    rows = work.batches[0][0].shape[0] * work.batches[0][0].shape[1]
    made = []
    for n_inputs, n_outputs in itertools.pairwise(work.sizes):
        made.append((torch.rand(rows, n_inputs), torch.rand(rows, n_outputs), torch.rand(n_outputs, n_inputs)))

    def products(_: int) -> None:
        for index, (x, grad, weight) in enumerate(made):
            x @ weight.t()
            grad.t() @ x
            if index:  # the network's input needs no gradient
                grad @ weight

    return products
