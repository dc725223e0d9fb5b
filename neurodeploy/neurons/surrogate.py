"""Surrogate derivatives: what the backward pass uses in place of the step's derivative.

Each function takes the distance to the threshold (any shape, in units of the threshold) and the
slope, and returns the derivative used. `boxcar` has no slope, and `spike` is the step that uses it.
"""

import math
from collections.abc import Callable
from typing import Any

import torch

Surrogate = Callable[[torch.Tensor, float], torch.Tensor]


def fast_sigmoid(distance: torch.Tensor, slope: float) -> torch.Tensor:
    """1 / (1 + slope |x|)^2. Source: Zenke and Ganguli, Neural Computation 30(6), 2018."""
    return (1 + slope * distance.abs()).square_().reciprocal_()


def arctan(distance: torch.Tensor, slope: float) -> torch.Tensor:
    """slope / (2 (1 + (pi slope x / 2)^2)). Source: Fang et al., ICCV 2021 (PLIF)."""
    return slope / 2 / (1 + (math.pi / 2 * slope * distance).square_())


def sigmoid(distance: torch.Tensor, slope: float) -> torch.Tensor:
    """slope y (1 - y) with y = sigmoid(slope x), its derivative. Source: SpikingJelly 2.0.0, `surrogate.Sigmoid`."""
    found = torch.sigmoid(slope * distance)
    return slope * found * (1 - found)


SURROGATES: dict[str, Surrogate] = {"fast_sigmoid": fast_sigmoid, "arctan": arctan, "sigmoid": sigmoid}

BOXCAR_HALF_WIDTH = 0.5


def boxcar(distance: torch.Tensor) -> torch.Tensor:
    """1 where -0.5 < x <= 0.5, otherwise 0: open below, closed above.

    Source: Maxtimer97/SSM-inspired-LIF (MIT), after Kaiser et al., Frontiers in Neuroscience 14, 2020.
    """
    return ((distance > -BOXCAR_HALF_WIDTH) & (distance <= BOXCAR_HALF_WIDTH)).to(distance.dtype)


class _Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, distance: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        ctx.save_for_backward(distance)
        return (distance > 0).to(distance.dtype)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        (distance,) = ctx.saved_tensors
        return grad * boxcar(distance)


def spike(distance: torch.Tensor) -> torch.Tensor:
    """Return 1 where the distance to the threshold is above 0, otherwise 0; its gradient is `boxcar`."""
    return _Spike.apply(distance)  # type: ignore[no-any-return]
