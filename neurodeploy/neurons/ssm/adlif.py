"""Leaky integrate-and-fire of the SiLIF family, plain, adaptive (AdLIF), constrained, recurrent, and SiLIF.

An adaptation that the potential and the spikes raise lowers the input. About half of these neurons start unstable: the
linear part has a pole outside the unit circle where a < -(1 - beta). They are kept as published. The worst overflow
float32 within 300 steps; such a neuron no longer fires, and its own gradients, which would be no numbers and spoil the
parameters, are taken as zero.
"""

import math
from typing import ClassVar

import torch
from torch import nn

from neurodeploy.neurons.adaptive import AdaptiveCoefficients, without_diagonal
from neurodeploy.neurons.ssm.layer import ALPHA, AdaptiveLayer, LayerSettings, uniform


class LIF(AdaptiveLayer):
    """u <- alpha (u - s) + (1 - alpha) x, with `alpha` (N,) clipped to `ALPHA`."""

    adapts = False

    def __init__(self, n_inputs: int, n_neurons: int, settings: LayerSettings) -> None:
        super().__init__(n_inputs, n_neurons, settings)
        self.alpha = uniform(n_neurons, ALPHA)

    def coefficients(self) -> AdaptiveCoefficients:
        return AdaptiveCoefficients(None, self.alpha.clamp(*ALPHA))


class Recurrent(AdaptiveLayer):
    """Takes x + s V instead of x, one step late; `V.weight` (source, target), its diagonal unused."""

    def __init__(self, n_inputs: int, n_neurons: int, settings: LayerSettings) -> None:
        super().__init__(n_inputs, n_neurons, settings)
        self.V = orthogonal(n_neurons)

    def coefficients(self) -> AdaptiveCoefficients:
        plain = super().coefficients()  # type: ignore[safe-super]
        return plain._replace(recurrent_NN=without_diagonal(self.V.weight))  # type: ignore[no-any-return]


class RLIF(Recurrent, LIF):
    """Recurrent LIF."""


def orthogonal(n_neurons: int) -> nn.Linear:
    """Return a square matrix of weights, orthogonal at the start, in a module for the name of its array."""
    square = nn.Linear(n_neurons, n_neurons, bias=False)
    nn.init.orthogonal_(square.weight)
    return square


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
        self.alpha, self.beta, self.a, self.b = (uniform(n_neurons, one) for one in self.bounds.values())

    def coefficients(self) -> AdaptiveCoefficients:
        clipped = [self.get_parameter(name).clamp(*bounds) for name, bounds in self.bounds.items()]
        for one in clipped:
            if one.requires_grad:
                one.register_hook(lambda grad_N: grad_N.nan_to_num(nan=0.0, posinf=0.0, neginf=0.0))
        return AdaptiveCoefficients(None, *clipped)


class CAdLIF(AdLIF):
    """AdLIF with the bounds that SiLIF's decays start in, and no negative feedback gain: always stable, as a >= 0."""

    bounds: ClassVar[dict[str, tuple[float, float]]] = {
        "alpha": (0.36, 0.96),
        "beta": (0.96, 0.99),
        "a": (0.0, 1.0),
        "b": (0.0, 2.0),
    }

    def __init__(self, n_inputs: int, n_neurons: int, settings: LayerSettings) -> None:
        super().__init__(n_inputs, n_neurons, settings)
        nn.init.xavier_uniform_(self.W.weight)


class RadLIF(Recurrent, AdLIF):
    """Recurrent AdLIF."""


DT_S = 0.004
ALPHA_RATE = (10.0, 250.0)
BETA_RATE = (2.5, 10.0)
"""Rates in 1/s that the logarithms start between."""
A = (0.0, 1.0)
B = (0.0, 2.0)


class SiLIF(AdaptiveLayer):
    """AdLIF with alpha = exp(-e^alpha e^dt) and beta = exp(-e^beta e^dt), always between 0 and 1.

    Its decays come from a learnt time step and learnt rates, as in state space models.

    The parameters `dt`, `alpha` and `beta` (N,) are logarithms of a time in seconds and of rates in 1/s; `a` and `b`
    are clipped to `A` and `B`.
    """

    can_be_bidirectional = False

    def __init__(self, n_inputs: int, n_neurons: int, settings: LayerSettings) -> None:
        super().__init__(n_inputs, n_neurons, settings)
        nn.init.xavier_uniform_(self.W.weight)
        self.dt = nn.Parameter(torch.full((n_neurons,), math.log(DT_S)))
        self.alpha = uniform(n_neurons, map(math.log, ALPHA_RATE))
        self.beta = uniform(n_neurons, map(math.log, BETA_RATE))
        self.a = uniform(n_neurons, A)
        self.b = uniform(n_neurons, B)

    def coefficients(self) -> AdaptiveCoefficients:
        dt_N = self.dt.exp()
        alpha_N, beta_N = ((-rate_N.exp() * dt_N).exp() for rate_N in (self.alpha, self.beta))
        return AdaptiveCoefficients(None, alpha_N, beta_N, self.a.clamp(*A), self.b.clamp(*B))
