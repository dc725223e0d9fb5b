"""Leaky integrate-and-fire of the SiLIF family: a potential that leaks, input scaled by the leak."""

from __future__ import annotations

import math

from neurodeploy.neurons.adaptive import AdaptiveCoefficients
from neurodeploy.neurons.ssm.adaptive_layer import AdaptiveLayer
from neurodeploy.neurons.ssm.layer import LayerSettings, uniform

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
