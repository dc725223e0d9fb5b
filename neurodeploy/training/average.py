"""The average of the weights over the updates, with torch's own averaging.

Lightning's callback swaps the average in for its own validation loop, which is not used here, starts from the weights
after the first update, and rounds the average of integer buffers; hence torch's model under it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

Tensors: TypeAlias = tuple[torch.Tensor, ...] | list[torch.Tensor]
Moving: TypeAlias = Callable[[Tensors, Tensors, torch.Tensor | int], None]


def averaged(network: nn.Module, part_kept: float) -> AveragedModel:
    """Return a copy of `network` whose `update_parameters(network)` moves it toward the weights after an update.

    Args:
        network: On the device that it is trained on. Its weights now are where the average starts.
        part_kept: a of avg = a * avg + (1 - a) * now, for weights and for buffers that are no integers (batch norm's
            statistics); integers are taken over as they are.
    """
    found = AveragedModel(network, multi_avg_fn=_moving(part_kept), use_buffers=True)
    found.n_averaged += 1  # at 0, the first update would be copied: here the initial weights count
    return found.eval()


def _moving(part_kept: float) -> Moving:
    move = get_ema_multi_avg_fn(part_kept)  # by torch.lerp: what does not change, as a grid's step, stays to the bit

    def update(averages: Tensors, now: Tensors, n_averaged: torch.Tensor | int) -> None:
        """Move tensors of one type and device."""
        if averages[0].is_floating_point() or averages[0].is_complex():
            move(averages, now, n_averaged)
            return
        for average, value in zip(averages, now, strict=True):
            average.copy_(value)

    return update
