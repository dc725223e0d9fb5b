"""Fake quantisation: torch layers that compute with what the chip will hold.

The forward pass uses the values on the chip's grid, the backward pass goes straight through
(straight-through estimator; Bengio et al., arXiv:1308.3432).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from neurodeploy.fixedpoint import rules
from neurodeploy.networks.spiking import Weights
from neurodeploy.program.plan import ConnectionPlan
from neurodeploy.quantize import grid


class FakeQuantiser(nn.Module):
    """Maps a layer's `Weights` to the chip's grid for a fixed plan.

    Args:
        vth_mant: Threshold mantissa of the layer.
        weight: Precision of the weights from the layer before.
        recurrent: Precision of the layer's recurrent weights, if it has any.
    """

    def __init__(self, vth_mant: int, weight: ConnectionPlan, recurrent: ConnectionPlan | None) -> None:
        super().__init__()
        self.vth_mant, self.weight, self.recurrent = vth_mant, weight, recurrent

    def forward(self, plain: Weights) -> Weights:
        alpha = straight_through(plain.alpha, _kept_of_current(numbers_of(plain.alpha)))
        beta = straight_through(plain.beta, kept_of_potential(numbers_of(plain.beta)))
        recurrent = plain.recurrent_OO
        if recurrent is not None and self.recurrent is not None:
            recurrent = self._on_grid(recurrent, self.recurrent)
        return Weights(
            self._on_grid(plain.weight_OI, self.weight),
            None if plain.bias_O is None else self._bias(plain.bias_O, numbers_of(alpha)),
            recurrent,
            alpha,
            beta,
        )

    def _on_grid(self, weight: torch.Tensor, plan: ConnectionPlan) -> torch.Tensor:
        whole = grid.weight_integers(numbers_of(weight), self.vth_mant, plan.weight_exp, plan.weight_bits)
        return straight_through(weight, grid.weight_values(whole, self.vth_mant, plan.weight_exp))

    def _bias(self, bias: torch.Tensor, alpha: np.ndarray) -> torch.Tensor:
        """The chip's bias acts on the potential, so what it holds is the settled bias / (1 - alpha)."""
        unit = self.vth_mant << rules.ALIGN_SHIFT
        settled = numbers_of(bias) / (1 - alpha) * unit
        whole = rules.effective_bias(*grid.bias_fields(settled))
        return straight_through(bias, whole / unit * (1 - alpha))


def _kept_of_current(alpha: np.ndarray) -> np.ndarray:
    return rules.kept_of_current(grid.du_of(alpha)) / rules.DECAY_ONE


def kept_of_potential(beta: np.ndarray) -> np.ndarray:
    """Return the part of a potential that the chip keeps in a step instead of `beta`."""
    return rules.kept_of_potential(grid.dv_of(beta)) / rules.DECAY_ONE


def numbers_of(value: torch.Tensor) -> np.ndarray:
    """Return a tensor's values in numpy, float64."""
    return value.detach().cpu().double().numpy()


def straight_through(value: torch.Tensor, on_grid: np.ndarray) -> torch.Tensor:
    """Return the values on the grid, whose gradient goes to `value`."""
    target = torch.as_tensor(on_grid, dtype=value.dtype, device=value.device)
    # Not value + (target - value): that sum would not be the grid's value to the last bit.
    return _Replace.apply(value, target)  # type: ignore[no-any-return]


class _Replace(torch.autograd.Function):
    """The target forward, the identity backward."""

    @staticmethod
    def forward(ctx: object, value: torch.Tensor, target: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return target

    @staticmethod
    def backward(ctx: object, grad: torch.Tensor) -> tuple[torch.Tensor, None]:  # type: ignore[override]
        return grad, None
