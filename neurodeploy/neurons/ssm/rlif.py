"""Recurrent LIF: neurons of the layer also drive each other, one step late."""

from __future__ import annotations

import torch
from torch import nn

from neurodeploy.neurons.adaptive import AdaptiveCoefficients, without_diagonal
from neurodeploy.neurons.ssm.layer import LayerSettings
from neurodeploy.neurons.ssm.lif import LIF


class RLIF(LIF):
    """LIF with x + s V instead of x; `V.weight` (source, target), its diagonal unused."""

    def __init__(self, n_inputs: int, n_neurons: int, settings: LayerSettings) -> None:
        super().__init__(n_inputs, n_neurons, settings)
        self.V = orthogonal(n_neurons)

    def coefficients(self) -> AdaptiveCoefficients:
        return super().coefficients()._replace(recurrent_NN=without_diagonal(self.V.weight))


def orthogonal(n_neurons: int) -> nn.Linear:
    """Return a square matrix of weights, orthogonal at the start, in a module for the name of its array."""
    square = nn.Linear(n_neurons, n_neurons, bias=False)
    nn.init.orthogonal_(square.weight)
    assert isinstance(square.weight, torch.Tensor)
    return square
