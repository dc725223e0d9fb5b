"""A run's quantised network as a device runs it: the chip's numbers worked out once, not before every batch.

Spikes are those of the run's stage "quantised" to the last one: the same layers compute with the same tensors.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn

from neurodeploy.frameworks.trained.network import FrameworkNetwork
from neurodeploy.networks.matched import LayerShape
from neurodeploy.networks.spiking import SpikingLayer, SpikingNetwork
from neurodeploy.quantize.folded import FoldedNetwork

Quantised = SpikingNetwork | FoldedNetwork | FrameworkNetwork


class Held(nn.Module):
    """Takes a quantiser's place, and gives what that gave."""

    def __init__(self, values: NamedTuple) -> None:
        super().__init__()
        self.values = values

    def forward(self, plain: NamedTuple) -> NamedTuple:
        return self.values


def hold(network: Quantised, device: torch.device) -> Quantised:
    """Return the network on a device, its quantised values held; it stays there."""
    if isinstance(network, FrameworkNetwork):
        return FrameworkNetwork(network.module.settled(), network.n_inputs).to(device).eval()
    network = network.to(device).eval()
    with torch.no_grad():
        for layer in _layers(network):
            values = layer.weights() if isinstance(layer, SpikingLayer) else layer.values()  # type: ignore[operator]
            layer.quantiser = Held(values)
    return network


def layer_shapes(network: Quantised) -> list[LayerShape]:
    """Return the shape of every layer, the output's or readout's last."""
    found = []
    for layer in _layers(network):
        n_outputs, n_inputs = layer.weight.shape  # type: ignore[union-attr, misc]
        recurrent = getattr(layer, "recurrent", None) is not None
        found.append(LayerShape(int(n_inputs), int(n_outputs), recurrent))
    return found


def dense_macs(shapes: list[LayerShape], n_steps: int) -> int:
    """Return what torch multiplies for one sample: every weight in every step, spike or none."""
    return n_steps * sum(one.forward_weights + one.recurrent_weights for one in shapes)


def _layers(network: Quantised) -> list[nn.Module]:
    if isinstance(network, FrameworkNetwork):
        return [one.weights for one in network.module.parts]
    if isinstance(network, FoldedNetwork):
        return [*network.layers, network.readout]
    return list(network.layers)
