"""Torch modules that compute with what the chip will hold, by parametrisation; and such modules with plain numbers.

The forward pass uses the values on the chip's grid, the backward pass goes straight through (straight-through
estimator; Bengio et al., arXiv:1308.3432). `reading.precision` chooses which of these goes where.
"""

import copy

import numpy as np
import torch
from torch import nn
from torch.nn.utils import parametrize

from neurodeploy.fixedpoint import rules
from neurodeploy.fixedpoint.dynamics.equations import Dynamics
from neurodeploy.neurons.population import Numbers, Population
from neurodeploy.program.plan import ConnectionPlan
from neurodeploy.quantize import grid
from neurodeploy.quantize.coefficients import coefficient_integers, on_unit


class WeightOnGrid(nn.Module):
    """Weights on the grid of a plan.

    Args:
        vth_mant: Threshold mantissa of the layer; of sources that send values, by what they send for 1.
        plan: Precision of the weights.
        gain: How far an input of 1 moves the potential, in thresholds.
    """

    def __init__(self, vth_mant: float, plan: ConnectionPlan, gain: float = 1.0) -> None:
        super().__init__()
        self.vth_mant, self.plan, self.gain = vth_mant, plan, gain

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        exponent, bits = self.plan.weight_exp, self.plan.weight_bits
        whole = grid.weight_integers(numbers_of(weight) * self.gain, self.vth_mant, exponent, bits)
        return straight_through(weight, grid.weight_values(whole, self.vth_mant, exponent) / self.gain)


class BiasOnGrid(nn.Module):
    """Biases as the chip's neurons hold them: mantissas with one exponent, which act on the potential.

    Args:
        vth_mant, gain: As of the weights.
        neuron: Neurons of ours, whose current may decay: what the chip holds is the settled bias / (1 - alpha).
    """

    def __init__(self, vth_mant: int, gain: float = 1.0, neuron: Population | None = None) -> None:
        super().__init__()
        self.vth_mant, self.gain = vth_mant, gain
        self.neuron = (neuron,)  # a tuple: it is no part of this module, and copied with the network all the same

    def forward(self, bias: torch.Tensor) -> torch.Tensor:
        (neuron,) = self.neuron
        alpha = None if neuron is None else neuron.numbers().get("alpha")
        lost = 1.0 if alpha is None else 1 - numbers_of(alpha)
        unit = self.vth_mant << rules.ALIGN_SHIFT
        whole = rules.effective_bias(*grid.bias_fields(numbers_of(bias) * self.gain / lost * unit))
        return straight_through(bias, whole / unit / self.gain * lost)


class OnUnit(nn.Module):
    """Biases of neurons of `fixedpoint.dynamics`, in their state's units."""

    def __init__(self, unit: int) -> None:
        super().__init__()
        self.unit = unit

    def forward(self, bias: torch.Tensor) -> torch.Tensor:
        return straight_through(bias, on_unit(numbers_of(bias), self.unit) / self.unit)


class DecaysOnGrid(nn.Module):
    """The decays of leaky neurons, 12 bits each."""

    def forward(self, numbers: Numbers) -> Numbers:
        kept = {"alpha": kept_of_current, "beta": kept_of_potential}
        return {key: straight_through(value, kept[key](numbers_of(value))) for key, value in numbers.items()}


class CoefficientsOnGrid(nn.Module):
    """Coefficients and jumps of neurons of `fixedpoint.dynamics`; coefficients are rounded together, for their poles.

    Args:
        name: Of the layer, for messages.
        unit: Chip units of a state of 1.
        fraction_bits: Of the coefficients.
    """

    def __init__(self, name: str, dynamics: Dynamics, unit: int, fraction_bits: int) -> None:
        super().__init__()
        self.name, self.dynamics, self.unit, self.fraction_bits = name, dynamics, unit, fraction_bits

    def forward(self, numbers: Numbers) -> Numbers:
        exact = {key: numbers_of(value) for key, value in numbers.items()}
        whole = coefficient_integers(self.name, self.dynamics, exact, self.fraction_bits)
        chip = {key: value / (1 << self.fraction_bits) for key, value in whole.items()}
        chip |= {key: on_unit(exact[key], self.unit) / self.unit for key in self.dynamics.jumps}
        return {key: straight_through(value, chip[key]) for key, value in numbers.items()}


class Held(nn.Module):
    """Numbers that were worked out once, in the place of what rounds them."""

    def __init__(self, numbers: Numbers) -> None:
        super().__init__()
        for key, value in numbers.items():
            self.register_buffer(key, value.detach().clone(), persistent=False)

    def forward(self, numbers: Numbers) -> Numbers:
        return dict(self.named_buffers())


def settled(network: nn.Module) -> nn.Module:
    """Return a copy of a network that has the numbers in use as plain ones, in evaluation mode."""
    made = copy.deepcopy(network)
    with torch.no_grad():
        for module in list(made.modules()):
            if parametrize.is_parametrized(module):
                # Not by remove_parametrizations, which would change the class, and that is the original's too.
                values = {name: getattr(module, name).clone() for name in module.parametrizations}  # type: ignore[union-attr]
                module.__class__ = parametrize.type_before_parametrizations(module)
                del module.parametrizations
                for name, value in values.items():
                    module.register_parameter(name, nn.Parameter(value))
        for module in made.modules():
            if isinstance(module, Population) and module.rounding is not None:
                module.rounding = Held(module.numbers())
    return made.eval()


def kept_of_current(alpha: np.ndarray) -> np.ndarray:
    """Return the part of a current that the chip keeps in a step instead of `alpha`."""
    return rules.kept_of_current(grid.du_of(alpha)) / rules.DECAY_ONE


def kept_of_potential(beta: np.ndarray) -> np.ndarray:
    """Return the part of a potential that the chip keeps in a step instead of `beta`."""
    return rules.kept_of_potential(grid.dv_of(beta)) / rules.DECAY_ONE


def numbers_of(value: torch.Tensor) -> np.ndarray:
    """Return a tensor's values in numpy, float64."""
    return value.detach().cpu().double().numpy()


def straight_through(value: torch.Tensor, on_grid: np.ndarray) -> torch.Tensor:
    """Return the values on the grid, whose gradient goes to `value`."""
    return _OnGrid.apply(value, on_grid)  # type: ignore[no-any-return]


class _OnGrid(torch.autograd.Function):
    """The grid's values to the last bit, which no sum with `value` gives where that is infinite; backward, identity."""

    @staticmethod
    def forward(ctx: object, value: torch.Tensor, on_grid: np.ndarray) -> torch.Tensor:  # type: ignore[override]
        return torch.as_tensor(on_grid, dtype=value.dtype, device=value.device)

    @staticmethod
    def backward(ctx: object, grad: torch.Tensor) -> tuple[torch.Tensor, None]:  # type: ignore[override]
        return grad, None
