"""Stacks of LIF or current-based LIF layers, feed-forward or recurrent within a layer.

Axes: B sample, T step, I input, N neurons.
"""

import itertools
import math
from typing import Any, Literal

import torch
from pydantic import Field
from torch import nn

from neurodeploy.networks.families.settings import Hidden, NetworkSettings
from neurodeploy.networks.spiking_layer import SpikingLayer, drawn, names_of
from neurodeploy.neurons.lif import LIF, CubaLIF, ScanSettings


class LifSettings(NetworkSettings):
    """Decays are the part kept in one step of the recipe's dt."""

    family: Literal["lif"] = "lif"
    neuron: Literal["lif", "cuba_lif"] = Field("lif", description="Without or with a synaptic current.")
    hidden: Hidden = Field((128,), description="Neurons in each hidden layer.")
    recurrent: bool = Field(False, description="Connect each hidden layer to itself.")
    bias: bool = Field(True, description="Add a bias to each neuron's input.")
    reset: Literal["zero", "subtract"] = Field("zero", description="What a spike does to the potential.")
    alpha: float = Field(0.5, gt=0, lt=1, description="Current kept in a step (cuba_lif).")
    beta: float = Field(0.9, gt=0, lt=1, description="Potential kept in a step.")
    alpha_out: float = Field(0.5, gt=0, lt=1, description="As alpha, of the output layer.")
    beta_out: float = Field(0.9, gt=0, lt=1, description="As beta, of the output layer.")
    train_decays: bool = Field(True, description="Train alpha and beta too, one for each layer.")
    surrogate: Literal["fast_sigmoid", "arctan"] = Field("fast_sigmoid", description="Gradient of a spike.")
    slope: float = Field(5.0, gt=0, description="Steepness of the surrogate.")
    weight_gain: float = Field(1.0, gt=0, description="Multiplies the initial weights.")


class SpikingNetwork(nn.Module):
    """A stack of spiking layers; the class is the output neuron with most spikes."""

    def __init__(self, layers: list[SpikingLayer]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.input_shape: tuple[int, ...] = (layers[0].n_inputs,)
        self.node_names = names_of((f"layers.{i}", f"lif{i + 1}") for i in range(len(layers)))

    def forward(self, spikes_BTI: torch.Tensor) -> list[torch.Tensor]:
        """Return the spikes (B, T, N) of every layer, the output layer last."""
        found: list[torch.Tensor] = []
        for layer in self.layers:
            found.append(layer(found[-1] if found else spikes_BTI))
        return found


def build(settings: LifSettings, input_shape: tuple[int, ...], n_classes: int, dt_s: float) -> SpikingNetwork:
    """Return a new network; its initial weights come from torch's global generator."""
    scan_settings = ScanSettings(settings.reset, settings.surrogate, settings.slope)
    sizes = (math.prod(input_shape), *settings.hidden, n_classes)
    layers = []
    for index, (n_before, n_after) in enumerate(itertools.pairwise(sizes)):
        last = index == len(settings.hidden)
        shared: dict[str, Any] = {"train_decays": settings.train_decays, "settings": scan_settings}
        beta = settings.beta_out if last else settings.beta
        if settings.neuron == "lif":
            neuron = LIF(beta, **shared)
        else:
            neuron = CubaLIF(settings.alpha_out if last else settings.alpha, beta, **shared)
        weight_OI = drawn(n_after, n_before, settings.weight_gain)
        bias_O = torch.zeros(n_after) if settings.bias else None
        recurrent_OO = drawn(n_after, n_after, settings.weight_gain) if settings.recurrent and not last else None
        layers.append(SpikingLayer(weight_OI, bias_O, recurrent_OO, neuron))
    return SpikingNetwork(layers)
