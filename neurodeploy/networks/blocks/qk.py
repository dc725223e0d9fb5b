"""QK attention: whether any q spikes gates k; AND and OR of spikes, nothing is multiplied.

    q, k = s(norm(W x));   a = OR of q, over the channels of a head or over all places;   y = s(norm(W (a AND k)))

Source: Zhou et al., NeurIPS 2024, and zhouchenlin2096/QKFormer (c2a00e8e): over channels, `token`; SpikingJelly 2.0:
`channel` too.
"""

from typing import Literal

import torch
from torch import nn

from neurodeploy.networks.blocks.maps import NeuronKind, gate, stage


class QKAttention(nn.Module):
    """The attention of a block, from (B, T, C, H, W) to spikes of the same shape.

    Args:
        n_heads: Which share the channels; without effect on `channel`.
        over: token: a place passes where any channel of a head spikes; channel: a channel passes where any place does.
    """

    def __init__(self, width: int, n_heads: int, kind: NeuronKind, over: Literal["token", "channel"] = "token") -> None:
        super().__init__()
        self.n_heads, self.over = n_heads, over
        self.q, self.k = (stage(width, width, 1, kind=kind) for _ in range(2))
        self.attn_lif = gate()
        self.proj = stage(width, width, 1, kind=kind, bias=True)

    def forward(self, x_BTCHW: torch.Tensor) -> torch.Tensor:
        q, k = self.q(x_BTCHW), self.k(x_BTCHW)
        if self.over == "channel":
            return self.proj(self.attn_lif(q.sum((3, 4), keepdim=True)) * k)  # type: ignore[no-any-return]
        any_BThHW = self.attn_lif(q.unflatten(2, (self.n_heads, -1)).sum(3))
        gated = any_BThHW.unsqueeze(3) * k.unflatten(2, (self.n_heads, -1))
        return self.proj(gated.flatten(2, 3))  # type: ignore[no-any-return]
