"""A network of another framework's neurons, stepped by hand as its users do.

Axes: B sample, T step, I input, N neuron, C class.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import torch
from torch import nn
from torch.nn.utils import parametrize

from neurodeploy.frameworks.trained.cells import CELLS, Cells
from neurodeploy.frameworks.trained.settings import FrameworkSettings
from neurodeploy.networks.sequence import Answer


class Part(NamedTuple):
    """One layer: the names of its weights and of its neurons, in the module and in the graph, and both."""

    weights_name: str
    neurons_name: str
    weights: nn.Linear
    neurons: nn.Module


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
    def parts(self) -> list[Part]:
        """The layers in their order."""
        return [Part(*names, *(self.get_submodule(one) for one in names)) for names in self.names]  # type: ignore[arg-type]

    def settled(self) -> Stepped:
        """Return the module with the weights in use as plain ones; the neurons are the same."""
        layers = []
        for one in self.parts:
            n_outputs, n_inputs = one.weights.weight.shape
            bias = one.weights.bias
            weights = nn.utils.skip_init(nn.Linear, n_inputs, n_outputs, bias=bias is not None)
            with torch.no_grad():
                weights.weight.copy_(one.weights.weight)
                if bias is not None:
                    weights.bias.copy_(bias)
            layers.append((weights, one.neurons))
        return Stepped(self.cells, layers)

    def forward(self, x_BTI: torch.Tensor) -> torch.Tensor:
        """Return what the last layer sends (B, T, C): spikes, or the potentials of a readout."""
        return self.sent(x_BTI)[-1]

    def sent(self, x_BTI: torch.Tensor) -> list[torch.Tensor]:
        """Return what every layer sends, (B, T, N) each."""
        parts, kind = self.parts, x_BTI.dtype
        states = [self.cells.start(one.neurons) for one in parts]
        sent: list[list[torch.Tensor]] = [[] for _ in parts]
        with parametrize.cached():  # what is quantised is worked out once for all steps
            for step in range(x_BTI.shape[1]):
                x_BI = x_BTI[:, step]
                for index, one in enumerate(parts):
                    x_BI, states[index] = one.neurons(one.weights(x_BI.to(kind)), states[index])
                    sent[index].append(x_BI)
        for one in parts:
            self.cells.forget(one.neurons)
        return [torch.stack(one, dim=1) for one in sent]


class FrameworkNetwork(nn.Module):
    """The module, answering as training reads it; see `training.reading`."""

    def __init__(self, module: Stepped, n_inputs: int) -> None:
        super().__init__()
        self.module, self.n_inputs = module, n_inputs

    def forward(self, spikes_BTI: torch.Tensor) -> list[torch.Tensor] | Answer:
        """Return the spikes of every layer, the output's last; with a readout, its largest potentials as scores."""
        x_BTI = spikes_BTI.to(self.module.parts[0].weights.weight.dtype)
        *hidden, last = self.module.sent(x_BTI)
        if self.module.cells.readout == "spikes":
            return [*hidden, last]
        return Answer(last.amax(dim=1), tuple(hidden), (x_BTI, *hidden), logits=True)


def build_in_framework(settings: FrameworkSettings, n_inputs: int, n_classes: int, dt_s: float) -> FrameworkNetwork:
    """Return a new network; its initial weights are torch's own, from its global generator.

    Args:
        dt_s: Time step, seconds.

    Raises:
        FrameworkError: the framework is not installed.
    """
    cells = CELLS[settings.framework]
    layers: list[tuple[nn.Linear, nn.Module]] = []
    for before, after in itertools.pairwise((n_inputs, *settings.hidden, n_classes)):
        weights = nn.Linear(before, after, bias=settings.bias)
        with torch.no_grad():
            for one in weights.parameters():
                one.mul_(settings.weight_gain)
        last = len(layers) == len(settings.hidden)
        make, kept = (cells.last, settings.beta_out) if last else (cells.hidden, settings.beta)
        layers.append((weights, make(kept, settings.slope, dt_s)))
    return FrameworkNetwork(Stepped(cells, layers), n_inputs)
