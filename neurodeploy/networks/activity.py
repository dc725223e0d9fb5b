"""What a network's answer says of its firing rates.

Axes: B sample, T step, N neuron.
"""

from __future__ import annotations

import torch

from neurodeploy.networks.fused_forward import rates
from neurodeploy.networks.sequence import Answer


def rate_penalty(answer: Answer, lowest: float = 0.01, highest: float = 0.5) -> torch.Tensor:
    """Return by how much hidden neurons fire below or above bounds, summed over neurons; it has a gradient.

    Args:
        answer: Of a spiking network.
        lowest, highest: Firing rates allowed, in spikes per step.

    Source: idiap/sparch (BSD-3-Clause), whose penalty has no gradient and includes the input's channels.
    """
    rates_N = torch.cat(rates(answer.hidden))
    return ((lowest - rates_N).relu() + (rates_N - highest).relu()).sum()
