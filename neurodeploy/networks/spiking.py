"""Stacks of spiking layers, feed-forward or recurrent within a layer.

Axes: B sample, T step, I input, O and N neurons.
"""

from __future__ import annotations

import itertools
import math
from typing import Any, Literal, NamedTuple

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn

from neurodeploy.neurons.lif import LIF, CubaLIF
from neurodeploy.neurons.scan import ScanSettings, scan


class NetworkSettings(BaseModel):
    """The [network] table of a recipe. Decays are the part kept in one step of the recipe's dt."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    neuron: Literal["lif", "cuba_lif"] = "lif"
    hidden: tuple[int, ...] = Field((128,), description="Neurons in each hidden layer.")
    recurrent: bool = Field(False, description="Connect each hidden layer to itself.")
    bias: bool = True
    reset: Literal["zero", "subtract"] = "zero"
    alpha: float = Field(0.5, gt=0, lt=1, description="Current kept in a step (cuba_lif).")
    beta: float = Field(0.9, gt=0, lt=1, description="Potential kept in a step.")
    alpha_out: float = Field(0.5, gt=0, lt=1)
    beta_out: float = Field(0.9, gt=0, lt=1)
    train_decays: bool = True
    surrogate: Literal["fast_sigmoid", "arctan"] = "fast_sigmoid"
    slope: float = Field(5.0, gt=0)
    weight_gain: float = Field(1.0, gt=0, description="Multiplies the initial weights.")


class Weights(NamedTuple):
    """What a layer computes with, after fake quantisation where there is any."""

    weight_OI: torch.Tensor
    bias_O: torch.Tensor | None
    recurrent_OO: torch.Tensor | None
    alpha: torch.Tensor
    beta: torch.Tensor


class SpikingLayer(nn.Module):
    """Dense weights, optional recurrent weights, and one population of neurons.

    `quantiser`, when set, maps the `Weights` to those that the chip will hold
    (`quantize.fake.FakeQuantiser`).
    """

    def __init__(self, n_inputs: int, n_neurons: int, neuron: LIF, *, bias: bool, recurrent: bool, gain: float):
        super().__init__()
        bound = gain / math.sqrt(n_inputs)
        self.weight = nn.Parameter(torch.empty(n_neurons, n_inputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(n_neurons)) if bias else None
        bound = gain / math.sqrt(n_neurons)
        square = torch.empty(n_neurons, n_neurons)
        self.recurrent = nn.Parameter(square.uniform_(-bound, bound)) if recurrent else None
        self.neuron = neuron
        self.quantiser: nn.Module | None = None

    def weights(self) -> Weights:
        """Return the weights and decays in use."""
        plain = Weights(self.weight, self.bias, self.recurrent, *self.neuron.decays())
        return plain if self.quantiser is None else self.quantiser(plain)

    def forward(self, spikes_BTI: torch.Tensor) -> torch.Tensor:
        used = self.weights()
        drive_BTN = nn.functional.linear(spikes_BTI, used.weight_OI, used.bias_O)
        return scan(drive_BTN, used.recurrent_OO, used.alpha, used.beta, self.neuron.settings)


class SpikingNetwork(nn.Module):
    """A stack of spiking layers; the class is the output neuron with most spikes."""

    def __init__(self, layers: list[SpikingLayer]):
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, spikes_BTI: torch.Tensor) -> list[torch.Tensor]:
        """Return the spikes (B, T, N) of every layer, the output layer last."""
        found: list[torch.Tensor] = []
        for layer in self.layers:
            found.append(layer(found[-1] if found else spikes_BTI))
        return found


def build(settings: NetworkSettings, n_inputs: int, n_classes: int) -> SpikingNetwork:
    """Return a new network; its initial weights come from torch's global generator."""
    scan_settings = ScanSettings(settings.reset, settings.surrogate, settings.slope)
    sizes = (n_inputs, *settings.hidden, n_classes)
    layers = []
    for index, (n_before, n_after) in enumerate(itertools.pairwise(sizes)):
        last = index == len(settings.hidden)
        shared: dict[str, Any] = {"train_decays": settings.train_decays, "settings": scan_settings}
        beta = settings.beta_out if last else settings.beta
        if settings.neuron == "lif":
            neuron = LIF(beta, **shared)
        else:
            neuron = CubaLIF(settings.alpha_out if last else settings.alpha, beta, **shared)
        recurrent = settings.recurrent and not last
        layers.append(
            SpikingLayer(n_before, n_after, neuron, bias=settings.bias, recurrent=recurrent, gain=settings.weight_gain)
        )
    return SpikingNetwork(layers)
