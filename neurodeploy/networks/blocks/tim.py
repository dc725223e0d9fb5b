"""Temporal interaction module (TIM): q of a step is mixed with what a convolution makes of the mixed q before.

    r[0] = q[0];   r[t] = s_out(a s_in(conv(r[t-1])) + (1 - a) q[t])

s_in has a threshold of 0.3, s_out of 0.5; both keep their potential from step to step.

Source: Shen et al., IJCAI 2024, and Fancyssc/TIM (3ad10d56). Its code loses both thresholds, which then are 1, so that
r is 0 after the first step. Which axis is the convolution's channels is told by one code each way.
"""

from typing import Literal

import torch
from torch import nn

from neurodeploy.networks.blocks.maps import NeuronKind, by_heads, from_heads, neurons

KERNEL = 5
THRESHOLDS = 0.3, 0.5
LOST = 1.0, 1.0
"""The thresholds that the code has in effect."""


class TemporalInteraction(nn.Module):
    """From q (B, T, C, H, W) to such.

    Args:
        n_places, size: Places, and channels of a head.
        axis: Of the convolution's channels: it slides over the other.
        thresholds: Of s_in and s_out.
        alpha: Share of what was before.
    """

    def __init__(
        self,
        n_places: int,
        size: int,
        n_heads: int,
        kind: NeuronKind,
        axis: Literal["tokens", "channels"] = "tokens",
        thresholds: tuple[float, float] = THRESHOLDS,
        alpha: float = 0.5,
    ) -> None:
        super().__init__()
        self.n_heads, self.axis, self.alpha = n_heads, axis, alpha
        n_channels = n_places if axis == "tokens" else size
        self.interactor = nn.Conv1d(n_channels, n_channels, KERNEL, padding=KERNEL // 2)
        self.in_lif, self.out_lif = (neurons(kind, one) for one in thresholds)

    def forward(self, q_BTCHW: torch.Tensor) -> torch.Tensor:
        first, *later = by_heads(q_BTCHW, self.n_heads).unbind(1)
        of_in = of_out = None
        found = [first]
        for q_BhNd in later:
            before = found[-1] if self.axis == "tokens" else found[-1].transpose(2, 3)
            made = self.interactor(before.flatten(0, 1)).view_as(before)
            made, of_in = self.in_lif.step(made if self.axis == "tokens" else made.transpose(2, 3), of_in)
            mixed = self.alpha * made + (1 - self.alpha) * q_BhNd
            sent, of_out = self.out_lif.step(mixed, of_out)
            found.append(sent)
        return from_heads(torch.stack(found, 1), q_BTCHW.shape)
