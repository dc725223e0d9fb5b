"""Leaky integrate-and-fire of the SiLIF family, plain, adaptive (AdLIF), constrained, and recurrent.

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
        return AdaptiveCoefficients(None, *map(self._used, self.bounds))

    def _used(self, name: str) -> torch.Tensor:
        clipped_N = self.get_parameter(name).clamp(*self.bounds[name])
        if clipped_N.requires_grad:
            clipped_N.register_hook(_numbers_only)
        return clipped_N


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


class RadLIF(AdLIF):
    """AdLIF with x + s V instead of x, one step late; `V.weight` (source, target), its diagonal unused."""

    def __init__(self, n_inputs: int, n_neurons: int, settings: LayerSettings) -> None:
        super().__init__(n_inputs, n_neurons, settings)
        self.V = orthogonal(n_neurons)

    def coefficients(self) -> AdaptiveCoefficients:
        return super().coefficients()._replace(recurrent_NN=without_diagonal(self.V.weight))


def _numbers_only(gradient_N: torch.Tensor) -> torch.Tensor:
    return gradient_N.nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)
