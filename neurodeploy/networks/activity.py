"""Synaptic operations and firing rates of a network's answer, by the conventions of the SiLIF paper.

Axes: B sample, T step, N neuron.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from neurodeploy.networks.fused_forward import rates
from neurodeploy.networks.sequence import Answer


def synops_per_sample(answer: Answer, widths: Sequence[int]) -> torch.Tensor:
    """Return the synaptic operations of each sample over the whole sequence, int64 (B,).

    Non-zero entries of what a layer is fed times the layer's outputs, summed over layers: a count of 3 is one event,
    zero weights are included, recurrent weights and the state's own operations are not. Averages over samples are the
    caller's: batches need not be of one size. (The published script divides by the number of batches less one.)

    Args:
        answer: Of the network; in training mode, dropped spikes are none.
        widths: The network's `widths`.

    Source: Maxtimer97/SSM-inspired-LIF (MIT), the `sop` of a forward pass; there a two-way layer counts half.
    """
    counts = [fed.flatten(1).count_nonzero(dim=1) * width for fed, width in zip(answer.fed, widths, strict=True)]
    return torch.stack(counts).sum(dim=0)


def rate_penalty(answer: Answer, lowest: float = 0.01, highest: float = 0.5) -> torch.Tensor:
    """Return by how much hidden neurons fire below or above bounds, summed over neurons; it has a gradient.

    Args:
        answer: Of a spiking network.
        lowest, highest: Firing rates allowed, in spikes per step.

    Source: idiap/sparch (BSD-3-Clause), whose penalty has no gradient and includes the input's channels.
    """
    rates_N = torch.cat(rates(answer.hidden))
    return ((lowest - rates_N).relu() + (rates_N - highest).relu()).sum()
