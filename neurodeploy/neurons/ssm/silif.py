"""SiLIF: an adaptive LIF whose decays come from a learnt time step and learnt rates, as in state space models."""

import math

import torch
from torch import nn

from neurodeploy.neurons.adaptive import AdaptiveCoefficients
from neurodeploy.neurons.ssm.layer import AdaptiveLayer, LayerSettings, uniform

DT_S = 0.004
ALPHA_RATE = (10.0, 250.0)
BETA_RATE = (2.5, 10.0)
"""Rates in 1/s that the logarithms start between."""
A = (0.0, 1.0)
B = (0.0, 2.0)


class SiLIF(AdaptiveLayer):
    """AdLIF with alpha = exp(-e^alpha e^dt) and beta = exp(-e^beta e^dt), always between 0 and 1.

    The parameters `dt`, `alpha` and `beta` (N,) are logarithms of a time in seconds and of rates in 1/s; `a` and `b`
    are clipped to `A` and `B`.
    """

    can_be_bidirectional = False

    def __init__(self, n_inputs: int, n_neurons: int, settings: LayerSettings) -> None:
        super().__init__(n_inputs, n_neurons, settings)
        nn.init.xavier_uniform_(self.W.weight)
        self.dt = nn.Parameter(torch.full((n_neurons,), math.log(DT_S)))
        self.alpha = uniform(n_neurons, _logs(ALPHA_RATE))
        self.beta = uniform(n_neurons, _logs(BETA_RATE))
        self.a = uniform(n_neurons, A)
        self.b = uniform(n_neurons, B)

    def coefficients(self) -> AdaptiveCoefficients:
        dt_N = self.dt.exp()
        return AdaptiveCoefficients(
            None,
            (-self.alpha.exp() * dt_N).exp(),
            (-self.beta.exp() * dt_N).exp(),
            self.a.clamp(*A),
            self.b.clamp(*B),
        )


def _logs(bounds: tuple[float, float]) -> tuple[float, float]:
    return math.log(bounds[0]), math.log(bounds[1])
