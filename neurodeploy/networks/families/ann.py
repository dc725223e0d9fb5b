"""Baselines without spikes: MLP, RNN, light GRU and GRU, with batch norm on every feed-forward product.

Axes: B sample, T step, I input, N neuron, C class. The initial state is zero. Their arrays are called `ann.{layer}.…`.

Source: Maxtimer97/SSM-inspired-LIF (MIT), after idiap/sparch; light GRU: Ravanelli et al., IEEE TETCI 2(2), 2018.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Literal

import torch
from pydantic import Field
from torch import nn

from neurodeploy.networks.families.settings import Hidden, NetworkSettings
from neurodeploy.networks.sequence import SequenceNetwork
from neurodeploy.neurons.ssm.adlif import orthogonal
from neurodeploy.neurons.ssm.layer import LayerOutput, NormalisedLinear, batch_norm, over_steps


class AnnSettings(NetworkSettings):
    """The defaults are those of the SiLIF paper's baselines."""

    family: Literal["ann"] = "ann"
    model: Literal["mlp", "rnn", "ligru", "gru"] = Field("mlp", description="Kind of the hidden layers.")
    hidden: Hidden = Field((512, 512), min_length=1, description="Neurons in each hidden layer.")
    dropout: float = Field(0.1, ge=0, lt=1, description="Share of values dropped in training.")


class AnnLayer(NormalisedLinear, ABC):
    """What the baselines' layers share; they differ in `values`."""

    def __init__(self, n_inputs: int, n_neurons: int, dropout: float) -> None:
        super().__init__(n_inputs, n_neurons)
        self.n_outputs = n_neurons
        self.drop = nn.Dropout(dropout)

    def forward(self, x_BTI: torch.Tensor) -> LayerOutput:
        """Return the layer's values, (B, T, N), and the same after dropout."""
        values_BTN = self.values(x_BTI)
        return LayerOutput(values_BTN, self.drop(values_BTN))

    @abstractmethod
    def values(self, x_BTI: torch.Tensor) -> torch.Tensor:
        """Return the layer's values, (B, T, N)."""


class MLP(AnnLayer):
    """y = sigmoid(x), without memory."""

    def values(self, x_BTI: torch.Tensor) -> torch.Tensor:
        return self.drive(x_BTI).sigmoid()


class RNN(AnnLayer):
    """y <- sigmoid(x + V y)."""

    def __init__(self, n_inputs: int, n_neurons: int, dropout: float) -> None:
        super().__init__(n_inputs, n_neurons, dropout)
        self.V = orthogonal(n_neurons)

    def values(self, x_BTI: torch.Tensor) -> torch.Tensor:
        return _over_time(lambda y, x: (x + self.V(y)).sigmoid(), self.drive(x_BTI))


class LiGRU(RNN):
    """z = sigmoid(x_z + V_z y); y <- z y + (1 - z) relu(x + V y)."""

    def __init__(self, n_inputs: int, n_neurons: int, dropout: float) -> None:
        super().__init__(n_inputs, n_neurons, dropout)
        self.Wz = nn.Linear(n_inputs, n_neurons, bias=False)
        self.Vz = orthogonal(n_neurons)
        self.normz = batch_norm(n_neurons)

    def values(self, x_BTI: torch.Tensor) -> torch.Tensor:
        def step(y: torch.Tensor, x: torch.Tensor, x_z: torch.Tensor) -> torch.Tensor:
            z = (x_z + self.Vz(y)).sigmoid()
            return z * y + (1 - z) * (x + self.V(y)).relu()

        return _over_time(step, self.drive(x_BTI), over_steps(self.normz, self.Wz(x_BTI)))


class GRU(LiGRU):
    """z, r = sigmoid(x_z + V_z y), sigmoid(x_r + V_r y); y <- z y + (1 - z) tanh(x + V (r y))."""

    def __init__(self, n_inputs: int, n_neurons: int, dropout: float) -> None:
        super().__init__(n_inputs, n_neurons, dropout)
        self.Wr = nn.Linear(n_inputs, n_neurons, bias=False)
        self.Vr = orthogonal(n_neurons)
        self.normr = batch_norm(n_neurons)

    def values(self, x_BTI: torch.Tensor) -> torch.Tensor:
        def step(y: torch.Tensor, x: torch.Tensor, x_z: torch.Tensor, x_r: torch.Tensor) -> torch.Tensor:
            z, r = (x_z + self.Vz(y)).sigmoid(), (x_r + self.Vr(y)).sigmoid()
            return z * y + (1 - z) * (x + self.V(r * y)).tanh()

        drive_z_BTN, drive_r_BTN = over_steps(self.normz, self.Wz(x_BTI)), over_steps(self.normr, self.Wr(x_BTI))
        return _over_time(step, self.drive(x_BTI), drive_z_BTN, drive_r_BTN)


def _over_time(step: Callable[..., torch.Tensor], *drives_BTN: torch.Tensor) -> torch.Tensor:
    """Return the values (B, T, N) of a layer that steps from its values, zero at first, and its input currents."""
    found = [torch.zeros_like(drives_BTN[0][:, 0])]
    for currents in zip(*(one.unbind(dim=1) for one in drives_BTN), strict=True):
        found.append(step(found[-1], *currents))
    return torch.stack(found[1:], 1)


class AnnReadout(NormalisedLinear):
    """Softmax over the hidden features, summed over time, then weights and batch norm."""

    def forward(self, x_BTI: torch.Tensor) -> torch.Tensor:
        """Return the scores, (B, C)."""
        return self.norm(self.W(x_BTI.softmax(dim=2).sum(dim=1)))  # type: ignore[no-any-return]


LAYERS: dict[str, type[AnnLayer]] = {"mlp": MLP, "rnn": RNN, "ligru": LiGRU, "gru": GRU}


def build(settings: AnnSettings, input_shape: tuple[int, ...], n_classes: int, dt_s: float) -> SequenceNetwork:
    """Return a new baseline; its initial weights come from torch's global generator."""
    kind = LAYERS[settings.model]
    sizes = (n_inputs := math.prod(input_shape), *settings.hidden)
    layers = [kind(before, size, settings.dropout) for before, size in zip(sizes, settings.hidden, strict=False)]
    return SequenceNetwork("ann", layers, AnnReadout(sizes[-1], n_classes), n_inputs=n_inputs, n_classes=n_classes)
