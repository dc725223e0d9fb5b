"""A run's quantised network as a device runs it: the chip's numbers worked out once, not before every batch.

Spikes are those of the run's stage "quantised" to the last one: the same layers compute with the same tensors.
"""

from __future__ import annotations

import torch
from torch import nn

from neurodeploy.networks.blocks.spiking_layer import SpikingLayer
from neurodeploy.networks.matched import LayerShape
from neurodeploy.quantize.on_grid import settled


def hold(network: nn.Module, device: torch.device) -> nn.Module:
    """Return a copy of the network on a device, its quantised values held."""
    return settled(network).to(device)


def layer_shapes(network: nn.Module) -> list[LayerShape]:
    """Return the shape of every layer, the output's or readout's last."""
    found = []
    for one in network.modules():
        if isinstance(one, SpikingLayer):
            found.append(LayerShape(one.n_inputs, one.n_neurons, one.recurrent is not None))
        elif isinstance(one, nn.Linear):
            found.append(LayerShape(one.in_features, one.out_features, False))
    return found


def dense_macs(shapes: list[LayerShape], n_steps: int) -> int:
    """Return what torch multiplies for one sample: every weight in every step, spike or none."""
    return n_steps * sum(one.forward_weights + one.recurrent_weights for one in shapes)
