"""Adaptive LIF: an adaptation that the potential and the spikes raise lowers the input.

About half of the neurons start unstable: the linear part has a pole outside the unit circle where
a < -(1 - beta). They are kept as published.
"""

from __future__ import annotations

import math
from typing import ClassVar

from neurodeploy.neurons.ssm.adaptive_layer import AdaptiveCoefficients, AdaptiveLayer
from neurodeploy.neurons.ssm.layer import LayerSettings, uniform
from neurodeploy.neurons.ssm.lif import ALPHA


class AdLIF(AdaptiveLayer):
    """w <- beta w + a u + b s; u <- alpha (u - s) + (1 - alpha)(x - w), each parameter (N,) clipped to its bounds."""

    bounds: ClassVar[dict[str, tuple[float, float]]] = {
        "alpha": ALPHA,
        "beta": (math.exp(-1 / 30), math.exp(-1 / 120)),
        "a": (-1.0, 1.0),
        "b": (0.0, 2.0),
    }
    """Where the parameters are drawn from, and clipped to on use."""

    def __init__(self, n_inputs: int, n_neurons: int, settings: LayerSettings) -> None:
        super().__init__(n_inputs, n_neurons, settings)
        self.alpha = uniform(n_neurons, self.bounds["alpha"])
        self.beta = uniform(n_neurons, self.bounds["beta"])
        self.a = uniform(n_neurons, self.bounds["a"])
        self.b = uniform(n_neurons, self.bounds["b"])

    def coefficients(self) -> AdaptiveCoefficients:
        return AdaptiveCoefficients(
            None,
            self.alpha.clamp(*self.bounds["alpha"]),
            self.beta.clamp(*self.bounds["beta"]),
            self.a.clamp(*self.bounds["a"]),
            self.b.clamp(*self.bounds["b"]),
        )
