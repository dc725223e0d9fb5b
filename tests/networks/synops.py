"""Synaptic operations of a network's answer, by the convention of the SiLIF paper, from the published script.

Axes: B sample.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

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
