"""Who else trains the work: eager torch on the same network, and libraries on one of the same shape.

Axes: B sample, T step, I input, N neuron, C class.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from neurodeploy.bench.peers import Library
from neurodeploy.bench.training_work import (
    DROPOUT,
    N_CLASSES,
    N_HIDDEN_LAYERS,
    N_INPUTS,
    TrainingWork,
    stepper,
    with_engine,
)

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class TrainingPeer(Library):
    """One way to train.

    Attributes:
        what: What it trains.
        build: Returns its training step.
    """

    what: str
    build: Callable[[TrainingWork], Callable[[int], None]]


def ours(work: TrainingWork) -> Callable[[int], None]:
    """Return our training step."""
    return stepper(work, with_engine(work.network, "fused"), _answer)


def _eager(work: TrainingWork) -> Callable[[int], None]:
    return stepper(work, with_engine(work.network, "reference"), _answer)


def _answer(network: Any, x_BTI: torch.Tensor) -> torch.Tensor:
    return network(x_BTI).output_BC  # type: ignore[no-any-return]


def _snntorch(work: TrainingWork) -> Callable[[int], None]:
    """Leaky neurons without adaptation: the library's own module, one call a step; the readout is our readable one."""
    import snntorch
    import torch
    from torch import nn

    from neurodeploy.neurons.ssm.layer import LayerSettings, over_steps
    from neurodeploy.neurons.ssm.readout import Readout

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
    TrainingPeer(EAGER, "torch", "the same network, step by step through autograd", _eager),
    TrainingPeer("snntorch", "snntorch", "leaky neurons without adaptation, the same sizes", _snntorch),
)
