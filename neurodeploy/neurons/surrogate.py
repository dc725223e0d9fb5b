"""Surrogate derivatives: what the backward pass uses in place of the step's derivative.

Each function takes the distance to the threshold (any shape, in units of the threshold) and the
slope, and returns the derivative used.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

Surrogate = Callable[[torch.Tensor, float], torch.Tensor]


def fast_sigmoid(distance: torch.Tensor, slope: float) -> torch.Tensor:
    """1 / (1 + slope |x|)^2. Source: Zenke and Ganguli, Neural Computation 30(6), 2018."""
    return (1 + slope * distance.abs()).square_().reciprocal_()


def arctan(distance: torch.Tensor, slope: float) -> torch.Tensor:
    """slope / (2 (1 + (pi slope x / 2)^2)). Source: Fang et al., ICCV 2021 (PLIF)."""
    return slope / 2 / (1 + (math.pi / 2 * slope * distance).square_())


SURROGATES: dict[str, Surrogate] = {"fast_sigmoid": fast_sigmoid, "arctan": arctan}
