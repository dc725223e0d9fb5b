"""Networks of another framework's neurons, stepped by hand as its users do.

Axes: B sample, T step, I input, N neuron, C class.
"""

from __future__ import annotations

import itertools
import math
from typing import Literal

import torch
from pydantic import Field
from torch import nn
from torch.nn.utils import parametrize

from neurodeploy.networks.families.foreign_neurons import CELLS, Cells
from neurodeploy.networks.families.settings import Hidden, NetworkSettings
from neurodeploy.networks.sequence import Answer


class SteppedSettings(NetworkSettings):
    """Linear layers of torch's and neurons of the framework's, feed-forward, reset to zero.

    snnTorch: `snn.Leaky` all the way, the class is the output neuron with most spikes. Norse: `LIFBoxCell`, and an
    `LIBoxCell` at the end, the class is the largest potential it ever has. Decays are the part kept in one step of
    the recipe's dt; they are not trained.
    """

    family: Literal["snntorch", "norse"]
    hidden: Hidden = Field((128,), min_length=1, description="Neurons in each hidden layer.")
    bias: bool = True
    beta: float = Field(0.9, gt=0, lt=1, description="Potential kept in a step.")
    beta_out: float = Field(0.9, gt=0, lt=1)
    slope: float = Field(5.0, gt=0, description="Of the surrogate gradient, the framework's fast sigmoid (SuperSpike).")
    weight_gain: float = Field(1.0, gt=0, description="Multiplies torch's initial weights.")


class Stepped(nn.Module):
    """The module a user of the framework would write: `fc1`, `lif1`, `fc2`, ... in a loop over the steps."""

    def __init__(self, cells: Cells, layers: list[tuple[nn.Linear, nn.Module]]) -> None:
        super().__init__()
        self.cells = cells
        self.names: list[tuple[str, str]] = []
        for index, (weights, neurons) in enumerate(layers, start=1):
            names = f"fc{index}", f"{cells.prefix[index == len(layers)]}{index}"
            self.add_module(names[0], weights)
            self.add_module(names[1], neurons)
            self.names.append(names)

    @property
    def layers(self) -> list[tuple[nn.Linear, nn.Module]]:
        """The weights and the neurons of every layer, in order."""
        return [(self.get_submodule(a), self.get_submodule(b)) for a, b in self.names]  # type: ignore[misc]

    def forward(self, x_BTI: torch.Tensor) -> list[torch.Tensor]:
        """Return what every layer sends, (B, T, N) each: spikes, of a readout the potentials."""
        layers, kind = self.layers, x_BTI.dtype
        states = [self.cells.start(neurons) for _, neurons in layers]
        sent: list[list[torch.Tensor]] = [[] for _ in layers]
        with parametrize.cached():  # what is quantised is worked out once for all steps
            for step in range(x_BTI.shape[1]):
                x_BI = x_BTI[:, step]
                for index, (weights, neurons) in enumerate(layers):
                    x_BI, states[index] = neurons(weights(x_BI.to(kind)), states[index])
                    sent[index].append(x_BI)
        for _, neurons in layers:
            self.cells.forget(neurons)
        return [torch.stack(one, dim=1) for one in sent]


class SteppedNetwork(nn.Module):
    """The module, answering as training reads it; see `training.reading`."""

    def __init__(self, module: Stepped, n_inputs: int) -> None:
        super().__init__()
        self.module = module
        self.input_shape: tuple[int, ...] = (n_inputs,)
        self.node_names = {f"module.{one}": {"": one} for names in module.names for one in names}

    def forward(self, spikes_BTI: torch.Tensor) -> list[torch.Tensor] | Answer:
        """Return the spikes of every layer, the output's last; with a readout, its largest potentials as scores."""
        x_BTI = spikes_BTI.to(next(self.parameters()).dtype)
        *hidden, last = self.module(x_BTI)
        if self.module.cells.spikes:
            return [*hidden, last]
        return Answer(last.amax(dim=1), tuple(hidden), (x_BTI, *hidden), logits=True)


def build(settings: SteppedSettings, input_shape: tuple[int, ...], n_classes: int, dt_s: float) -> SteppedNetwork:
    """Return a new network; its initial weights are torch's own, from its global generator.

    Raises:
        FrameworkError: the framework is not installed.
    """
    cells = CELLS[settings.family]
    layers: list[tuple[nn.Linear, nn.Module]] = []
    n_inputs = math.prod(input_shape)
    for before, after in itertools.pairwise((n_inputs, *settings.hidden, n_classes)):
        weights = nn.Linear(before, after, bias=settings.bias)
        with torch.no_grad():
            for one in weights.parameters():
                one.mul_(settings.weight_gain)
        last = len(layers) == len(settings.hidden)
        make, kept = (cells.last, settings.beta_out) if last else (cells.hidden, settings.beta)
        layers.append((weights, make(kept, settings.slope, dt_s)))
    return SteppedNetwork(Stepped(cells, layers), n_inputs)
