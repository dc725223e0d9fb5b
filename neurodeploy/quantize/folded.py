"""A trained network of the SiLIF family as the chip sees it: batch norm, clips and gains folded into plain numbers.

Every layer is weights, a bias and the coefficients of its difference equations, in units of a state of 1.
With quantisers attached it computes with the chip's numbers and gradients go straight through, so the
same module is fine-tuned, exported, and the stage "quantised" of a certificate.

Axes: B sample, T step, I input, N neuron, C class.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from neurodeploy.errors import NetworkError
from neurodeploy.fixedpoint import rules
from neurodeploy.fixedpoint.dynamics.adaptive import ADAPTIVE
from neurodeploy.fixedpoint.dynamics.equations import Dynamics
from neurodeploy.fixedpoint.dynamics.resonator import RESONATOR
from neurodeploy.networks.family import FamilyNetwork
from neurodeploy.networks.sequence import Answer
from neurodeploy.neurons import engine
from neurodeploy.neurons.resonator import Complex
from neurodeploy.neurons.ssm.adaptive_layer import AdaptiveLayer
from neurodeploy.neurons.ssm.layer import Layer, NormalisedLinear
from neurodeploy.neurons.ssm.resonator_layer import ResonatorLayer
from neurodeploy.program.plan import ConnectionPlan
from neurodeploy.quantize import grid
from neurodeploy.quantize.coefficients import coefficient_integers, on_unit
from neurodeploy.quantize.fake import kept_of_potential, numbers_of, straight_through

LEAST_INPUT = 2.0**-20
"""Of 1 - alpha, which the scans multiply the input by: a neuron that keeps everything would take none."""


class FoldedValues(NamedTuple):
    """What a layer computes with.

    Attributes:
        weight_NI, bias_N: Of the input.
        recurrent_NN: From the layer to itself (target, source), one step later; or None.
        numbers: By name as in `dynamics` (N,); of the readout, `alpha`.
    """

    weight_NI: torch.Tensor
    bias_N: torch.Tensor
    recurrent_NN: torch.Tensor | None
    numbers: dict[str, torch.Tensor]


class FoldedLayer(nn.Module):
    """One hidden layer.

    Attributes:
        dynamics: Its neurons' equations.
        model: The neuron's name, as in recipes.
        adapts: False where the adaptation is zero and stays it.
        v_threshold: Of the state that spikes.
        quantiser: Maps the values to the chip's, where set.
    """

    def __init__(
        self, dynamics: Dynamics, model: str, values: FoldedValues, v_threshold: float, *, adapts: bool
    ) -> None:
        super().__init__()
        self.dynamics, self.model, self.v_threshold, self.adapts = dynamics, model, v_threshold, adapts
        self.weight = nn.Parameter(values.weight_NI)
        self.bias = nn.Parameter(values.bias_N)
        self.recurrent = None if values.recurrent_NN is None else nn.Parameter(values.recurrent_NN)
        free = ("alpha", "beta", "a", "jump") if dynamics is ADAPTIVE else dynamics.numbers
        self.free = nn.ParameterDict({key: nn.Parameter(values.numbers[key]) for key in free})
        self.quantiser: CellQuantiser | None = None

    @property
    def n_outputs(self) -> int:
        return len(self.weight)

    def values(self) -> FoldedValues:
        """Return the numbers in use."""
        numbers = dict(self.free.items())
        if self.dynamics is ADAPTIVE:
            alpha, beta = numbers["alpha"].clamp(0, 1), numbers["beta"].clamp(0, 1)
            numbers |= {"alpha": alpha, "gain": 1 - alpha, "beta": beta, "drop": alpha}
        plain = FoldedValues(self.weight, self.bias, self.recurrent, numbers)
        return plain if self.quantiser is None else self.quantiser(plain)

    def forward(self, x_BTI: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the spikes (B, T, N), twice: there is no dropout any more."""
        used = self.values()
        drive_BTN = nn.functional.linear(x_BTI, used.weight_NI, used.bias_N)
        n = used.numbers
        if self.dynamics is RESONATOR:
            spikes_BTN = engine.resonator_scan(
                "auto",
                drive_BTN,
                Complex(n["re"], n["im"]),
                torch.ones_like(n["re"]),
                Complex(n["drop"], n["drop_y"]),
                1 / self.v_threshold,
                None,
            )
            return spikes_BTN, spikes_BTN
        gain = (1 - n["alpha"]).clamp(min=LEAST_INPUT)
        between_NN = None if used.recurrent_NN is None else (used.recurrent_NN / gain[:, None]).t()
        rest = (n["beta"], n["a"], n["jump"]) if self.adapts else (None, None, None)
        spikes_BTN = engine.adaptive_scan("auto", drive_BTN / gain, between_NN, n["alpha"], *rest, None)
        return spikes_BTN, spikes_BTN


class FoldedReadout(nn.Module):
    """Leaky integrators v <- alpha v + x, and the sum over time of their softmax."""

    def __init__(self, values: FoldedValues) -> None:
        super().__init__()
        self.weight = nn.Parameter(values.weight_NI)
        self.bias = nn.Parameter(values.bias_N)
        self.alpha = nn.Parameter(values.numbers["alpha"])
        self.quantiser: ReadoutQuantiser | None = None

    def values(self) -> FoldedValues:
        """Return the numbers in use."""
        plain = FoldedValues(self.weight, self.bias, None, {"alpha": self.alpha.clamp(0, 1)})
        return plain if self.quantiser is None else self.quantiser(plain)

    def potentials(self, x_BTI: torch.Tensor) -> torch.Tensor:
        """Return the potentials (B, T, C)."""
        used = self.values()
        alpha = used.numbers["alpha"]
        drive_BTC = nn.functional.linear(x_BTI, used.weight_NI, used.bias_N)
        return engine.leaky_scan("auto", drive_BTC / (1 - alpha).clamp(min=LEAST_INPUT), alpha, None)

    def forward(self, x_BTI: torch.Tensor) -> torch.Tensor:
        """Return the scores (B, C)."""
        return self.potentials(x_BTI).softmax(dim=2).sum(dim=1)


class FoldedNetwork(nn.Module):
    """Hidden layers and the readout, with zero initial states."""

    def __init__(self, layers: list[FoldedLayer], readout: FoldedReadout) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.readout = readout

    @property
    def hidden(self) -> list[FoldedLayer]:
        return list(self.layers)  # type: ignore[arg-type]

    @property
    def n_inputs(self) -> int:
        return self.hidden[0].weight.shape[1]

    @property
    def names(self) -> list[str]:
        """Return the layers' names, in the graph too, the readout last."""
        return [f"{layer.model}{index}" for index, layer in enumerate(self.hidden, start=1)] + ["readout"]

    def forward(self, x_BTI: torch.Tensor) -> Answer:
        """Return the scores for inputs of any real type, and what went through the layers."""
        fed = [x_BTI.to(self.readout.weight.dtype)]
        for layer in self.hidden:
            fed.append(layer(fed[-1])[0])
        return Answer(self.readout(fed[-1]), tuple(fed[1:]), tuple(fed))


def fold(network: FamilyNetwork) -> FoldedNetwork:
    """Return a trained spiking network with everything folded, float64, initial states zero.

    Raises:
        NetworkError: it runs in both directions, which no chip can.
    """
    network = network.double()
    for layer in network.layers:
        if layer.settings.bidirectional:
            raise NetworkError(
                "network: runs in both directions, a chip cannot see the future; train it with bidirectional = false"
            )
    with torch.no_grad():
        layers = [_folded(layer) for layer in network.layers]
        alpha = network.readout.coefficients()
        weight, bias = _normalised(network.readout)
        gain = 1 - alpha
        readout = FoldedReadout(FoldedValues(weight * gain[:, None], bias * gain, None, {"alpha": alpha}))
    network.float()
    return FoldedNetwork(layers, readout)


def _folded(layer: Layer) -> FoldedLayer:
    weight, bias = _normalised(layer)
    model = type(layer).__name__.lower()
    if isinstance(layer, ResonatorLayer):
        decay, gain, reset, read = layer.coefficients()
        numbers = {"re": decay.re, "im": decay.im, "drop": reset.re, "drop_y": reset.im}
        numbers = {key: value.expand_as(gain).clone() for key, value in numbers.items()}
        values = FoldedValues(weight * gain[:, None], bias * gain, None, numbers)
        return FoldedLayer(RESONATOR, model, values, 1 / read, adapts=True)
    assert isinstance(layer, AdaptiveLayer)
    found = layer.coefficients()
    gain = 1 - found.alpha_N
    zero = torch.zeros_like(gain)
    numbers = {
        "alpha": found.alpha_N,
        "beta": zero if found.beta_N is None else found.beta_N,
        "a": zero if found.a_N is None else found.a_N,
        "jump": zero if found.b_N is None else found.b_N,
    }
    recurrent = None
    if found.recurrent_NN is not None:
        recurrent = (found.recurrent_NN.clone().fill_diagonal_(0.0) * gain).t().contiguous()
    values = FoldedValues(weight * gain[:, None], bias * gain, recurrent, {k: v.clone() for k, v in numbers.items()})
    return FoldedLayer(ADAPTIVE, model, values, 1.0, adapts=found.beta_N is not None)


def _normalised(layer: NormalisedLinear) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the weights and the bias that linear map and batch norm amount to, once trained."""
    norm = layer.norm
    assert norm.running_var is not None
    assert norm.running_mean is not None
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    return layer.W.weight * scale[:, None], norm.bias - norm.running_mean * scale


class CellQuantiser(nn.Module):
    """Maps a hidden layer's values to the chip's.

    Args:
        name: Of the layer, for messages.
        unit: Chip units of a state of 1.
        fraction_bits: Of the coefficients.
        weight, recurrent: Precision of the connections.
    """

    def __init__(
        self,
        name: str,
        dynamics: Dynamics,
        unit: int,
        fraction_bits: int,
        weight: ConnectionPlan,
        recurrent: ConnectionPlan | None = None,
    ) -> None:
        super().__init__()
        self.name, self.dynamics, self.unit, self.fraction_bits = name, dynamics, unit, fraction_bits
        self.weight, self.recurrent = weight, recurrent

    def forward(self, plain: FoldedValues) -> FoldedValues:
        numbers = {key: numbers_of(value) for key, value in plain.numbers.items()}
        whole = coefficient_integers(self.name, self.dynamics, numbers, self.fraction_bits)
        chip = {key: value / (1 << self.fraction_bits) for key, value in whole.items()}
        chip |= {key: on_unit(numbers[key], self.unit) / self.unit for key in self.dynamics.jumps}
        between = plain.recurrent_NN
        if between is not None and self.recurrent is not None:
            between = _on_grid(between, self.unit, self.recurrent)
        return FoldedValues(
            _on_grid(plain.weight_NI, self.unit, self.weight),
            straight_through(plain.bias_N, on_unit(numbers_of(plain.bias_N), self.unit) / self.unit),
            between,
            {key: straight_through(value, chip[key]) for key, value in plain.numbers.items()},
        )


class ReadoutQuantiser(nn.Module):
    """Maps the readout's values to the chip's; its potential is a plain one of Loihi's."""

    def __init__(self, vth_mant: int, weight: ConnectionPlan) -> None:
        super().__init__()
        self.vth_mant, self.weight = vth_mant, weight

    def forward(self, plain: FoldedValues) -> FoldedValues:
        unit = self.vth_mant << rules.ALIGN_SHIFT
        bias = rules.effective_bias(*grid.bias_fields(numbers_of(plain.bias_N) * unit)) / unit
        alpha = plain.numbers["alpha"]
        return FoldedValues(
            _on_grid(plain.weight_NI, self.vth_mant, self.weight),
            straight_through(plain.bias_N, bias),
            None,
            {"alpha": straight_through(alpha, kept_of_potential(numbers_of(alpha)))},
        )


def _on_grid(weight: torch.Tensor, vth_mant: int, plan: ConnectionPlan) -> torch.Tensor:
    values: np.ndarray = numbers_of(weight)
    whole = grid.weight_integers(values, vth_mant, plan.weight_exp, plan.weight_bits)
    return straight_through(weight, grid.weight_values(whole, vth_mant, plan.weight_exp))
