"""Leaky integrate-and-fire of the SiLIF family: a potential that leaks, input scaled by the leak; and recurrent."""

from __future__ import annotations

import math

from torch import nn

from neurodeploy.neurons.adaptive import AdaptiveCoefficients, without_diagonal
from neurodeploy.neurons.ssm.layer import AdaptiveLayer, LayerSettings, uniform

ALPHA = (math.exp(-1 / 5), math.exp(-1 / 25))
"""Part of the potential kept in a step: time constants of 5 to 25 steps."""


class LIF(AdaptiveLayer):
    """u <- alpha (u - s) + (1 - alpha) x, with `alpha` (N,) clipped to `ALPHA`."""

    adapts = False

    def __init__(self, n_inputs: int, n_neurons: int, settings: LayerSettings) -> None:
        super().__init__(n_inputs, n_neurons, settings)
        self.alpha = uniform(n_neurons, ALPHA)

    def coefficients(self) -> AdaptiveCoefficients:
        return AdaptiveCoefficients(None, self.alpha.clamp(*ALPHA))


class RLIF(LIF):
    """LIF with x + s V instead of x, one step late; `V.weight` (source, target), its diagonal unused."""

    def __init__(self, n_inputs: int, n_neurons: int, settings: LayerSettings) -> None:
        super().__init__(n_inputs, n_neurons, settings)
        self.V = orthogonal(n_neurons)

    def coefficients(self) -> AdaptiveCoefficients:
        return super().coefficients()._replace(recurrent_NN=without_diagonal(self.V.weight))


def orthogonal(n_neurons: int) -> nn.Linear:
    """Return a square matrix of weights, orthogonal at the start, in a module for the name of its array."""
    square = nn.Linear(n_neurons, n_neurons, bias=False)
    nn.init.orthogonal_(square.weight)
    return square
