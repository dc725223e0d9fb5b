"""A trained network of the SiLIF family as the chip sees it: batch norm, clips and gains folded into plain numbers.

Every layer is weights, a bias and the coefficients of its difference equations, in units of a state of 1. Put on a
grid, the same module is fine-tuned, exported, and the stage "quantised" of a certificate.

Axes: B sample, T step, I input, N neuron, C class.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import nn

from neurodeploy.errors import NetworkError
from neurodeploy.networks.sequence import Answer
from neurodeploy.networks.spiking_layer import SpikingLayer, names_of
from neurodeploy.neurons.dynamics import Adaptive, LeakyReadout, Resonator
from neurodeploy.neurons.ssm.layer import AdaptiveLayer, NormalisedLinear, Readout, ResonatorLayer, StateSpaceLayer

if TYPE_CHECKING:
    from neurodeploy.networks.families.silif import FamilyNetwork


class FoldedNetwork(nn.Module):
    """Hidden layers and the readout, with zero initial states; `names` are their populations'."""

    def __init__(self, layers: list[SpikingLayer], readout: SpikingLayer, names: Sequence[str]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.readout = readout
        self.input_shape: tuple[int, ...] = (layers[0].n_inputs,)
        paths = [*(f"layers.{i}" for i in range(len(layers))), "readout"]
        self.node_names = names_of(zip(paths, names, strict=True))

    def forward(self, x_BTI: torch.Tensor) -> Answer:
        """Return the scores for inputs of any real type, and what went through the layers."""
        fed = [x_BTI.to(next(self.parameters()).dtype)]
        for layer in self.layers:
            fed.append(layer(fed[-1]))
        scores_BC = self.readout(fed[-1]).softmax(dim=2).sum(dim=1)
        return Answer(scores_BC, tuple(fed[1:]), tuple(fed))


def deployable(network: FamilyNetwork) -> FoldedNetwork:
    """Return a trained network of the family with everything folded, initial states zero: what is put on a grid.

    Raises:
        NetworkError: it runs in both directions, which no chip can.
    """
    names = [one[""] for one in network.node_names.values()]
    return FoldedNetwork([folded(layer) for layer in network.layers], folded(network.readout), names)


@torch.no_grad()
def folded(layer: StateSpaceLayer | Readout) -> SpikingLayer:
    """Return a layer with everything folded, in its own precision; it is worked out in float64.

    Raises:
        NetworkError: it runs in both directions, which no chip can.
    """
    if layer.settings.bidirectional:
        raise NetworkError(
            "runs in both directions, a chip cannot see the future",
            "train it with bidirectional = false",
            where="network",
        )
    precision = layer.W.weight.dtype
    layer.double()
    if isinstance(layer, Readout):
        alpha = layer.coefficients()
        made = SpikingLayer(*_normalised(layer, 1 - alpha), None, LeakyReadout({"beta": alpha}))
    else:
        made = _spiking(layer)
    layer.to(precision)
    return made.to(precision)


def _spiking(layer: StateSpaceLayer) -> SpikingLayer:
    model, recurrent = type(layer).__name__.lower(), None
    neuron: Resonator | Adaptive
    if isinstance(layer, ResonatorLayer):
        decay, gain, reset, read = layer.coefficients()
        numbers = {"re": decay.re, "im": decay.im, "drop": reset.re, "drop_y": reset.im}
        neuron = Resonator({key: value.expand_as(gain) for key, value in numbers.items()}, model, 1 / read)
    else:
        assert isinstance(layer, AdaptiveLayer)
        found = layer.coefficients()
        gain = 1 - found.alpha_N
        given = {"alpha": found.alpha_N, "beta": found.beta_N, "a": found.a_N, "jump": found.b_N}
        numbers = {key: torch.zeros_like(gain) if value is None else value for key, value in given.items()}
        neuron = Adaptive(numbers, model, adapts=found.beta_N is not None)
        if found.recurrent_NN is not None:
            recurrent = (found.recurrent_NN.clone().fill_diagonal_(0.0) * gain).t().contiguous()
    weight, bias = _normalised(layer, gain)
    return SpikingLayer(weight, bias, recurrent, neuron)


def _normalised(layer: NormalisedLinear, gain_N: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the weights and the bias that linear map, batch norm and a gain of what arrives amount to."""
    norm = layer.norm
    assert norm.running_var is not None
    assert norm.running_mean is not None
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    return layer.W.weight * scale[:, None] * gain_N[:, None], (norm.bias - norm.running_mean * scale) * gain_N
