"""Dense weights, optional recurrent weights, and one population of neurons.

Axes: B sample, T step, I input, O and N neurons.
"""

import math
from collections.abc import Iterable

import torch
from torch import nn

from neurodeploy.neurons.population import Population


class SpikingLayer(nn.Module):
    """One layer of a dense network.

    Args:
        weight_OI, bias_O: Of the input.
        recurrent_OO: From the neurons to themselves (target, source), one step later; None where there are none.
        neuron: The population; a readout sends its potential.
    """

    def __init__(
        self,
        weight_OI: torch.Tensor,
        bias_O: torch.Tensor | None,
        recurrent_OO: torch.Tensor | None,
        neuron: Population,
    ) -> None:
        super().__init__()
        self.n_neurons, self.n_inputs = weight_OI.shape
        self.weight = nn.Parameter(weight_OI)
        self.bias = None if bias_O is None else nn.Parameter(bias_O)
        self.recurrent = None if recurrent_OO is None else nn.Parameter(recurrent_OO)
        self.neuron = neuron

    def forward(self, spikes_BTI: torch.Tensor) -> torch.Tensor:
        """Return what the neurons send (B, T, N)."""
        drive_BTN = nn.functional.linear(spikes_BTI, self.weight, self.bias)
        return self.neuron(drive_BTN, self.recurrent)  # type: ignore[no-any-return]


def drawn(n_outputs: int, n_inputs: int, gain: float = 1.0) -> torch.Tensor:
    """Return initial weights (outputs, inputs), evenly between minus and plus `gain` over the root of the inputs."""
    bound = gain / math.sqrt(n_inputs)
    return torch.empty(n_outputs, n_inputs).uniform_(-bound, bound)


def names_of(called: Iterable[tuple[str, str]]) -> dict[str, dict[str, str]]:
    """Return what the graph's nodes of the layers of a network are called, by the path of each layer.

    Args:
        called: Path of each layer in order, and what its population is called.
    """
    return {
        path: {"": population, "in": f"fc{number}", "rec": f"rec{number}"}
        for number, (path, population) in enumerate(called, 1)
    }
