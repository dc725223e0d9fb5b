"""Another framework's layers made to compute with the chip's numbers.

The weights and biases of torch's Linear layers get a parametrisation, which gives the values on the grid and lets
gradients through; the framework's neurons stay its own, with the chip's decays.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.utils import parametrize

from neurodeploy.fixedpoint import rules
from neurodeploy.frameworks.trained.network import Stepped
from neurodeploy.program.plan import ConnectionPlan, Plan
from neurodeploy.quantize import grid
from neurodeploy.quantize.fake import kept_of_potential, numbers_of, straight_through


class WeightOnGrid(nn.Module):
    """Weights on the grid of a plan.

    Args:
        gain: How far an input of 1 moves the potential, in thresholds.
        vth_mant: Threshold mantissa of the layer.
        plan: Precision of the weights.
    """

    def __init__(self, gain: float, vth_mant: int, plan: ConnectionPlan) -> None:
        super().__init__()
        self.gain, self.vth_mant, self.plan = gain, vth_mant, plan

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        exponent, bits = self.plan.weight_exp, self.plan.weight_bits
        whole = grid.weight_integers(numbers_of(weight) * self.gain, self.vth_mant, exponent, bits)
        return straight_through(weight, grid.weight_values(whole, self.vth_mant, exponent) / self.gain)


class BiasOnGrid(nn.Module):
    """Biases as the chip holds them: `gain` and `vth_mant` as of the weights."""

    def __init__(self, gain: float, vth_mant: int) -> None:
        super().__init__()
        self.gain, self.vth_mant = gain, vth_mant

    def forward(self, bias: torch.Tensor) -> torch.Tensor:
        unit = self.vth_mant << rules.ALIGN_SHIFT
        whole = rules.effective_bias(*grid.bias_fields(numbers_of(bias) * self.gain * unit))
        return straight_through(bias, whole / unit / self.gain)


def attach_grid(module: Stepped, plan: Plan) -> None:
    """Put every layer on the grid of a plan made for the module's graph; a layer's gain follows its decay."""
    for one in module.parts:
        module.cells.keep(one.neurons, float(kept_of_potential(np.array(module.cells.kept(one.neurons)))))
        gain, vth_mant = module.cells.gain(one.neurons), plan.vth_mant[one.neurons_name]
        precise = plan.connections[one.weights_name]
        parametrize.register_parametrization(one.weights, "weight", WeightOnGrid(gain, vth_mant, precise))
        if one.weights.bias is not None:
            parametrize.register_parametrization(one.weights, "bias", BiasOnGrid(gain, vth_mant))


def put_weights(module: Stepped, weights: dict[str, np.ndarray], gains: dict[str, float]) -> None:
    """Give a module on a grid the weights of its graph, rounded there.

    Args:
        weights: By the name of the node, for the gains before.
        gains: By the name of the layer's weights, before the chip's decays. Weights and biases change by as much as
            their layer's gain did, so that a spike moves the potential as far as before.
    """
    with torch.no_grad():
        for one in module.parts:
            ratio = gains[one.weights_name] / module.cells.gain(one.neurons)
            originals: Any = one.weights.parametrizations
            originals["weight"].original.copy_(torch.as_tensor(weights[one.weights_name] * ratio))
            if one.weights.bias is not None:
                originals["bias"].original.mul_(ratio)
