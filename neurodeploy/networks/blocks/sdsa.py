"""Spike-driven self-attention (SDSA) with its shortcut of real currents: AND and OR of spikes, nothing is multiplied.

    z = s(x);   q, k, v = s(norm(W z));   m = OR of (k AND v) over places, by channels;   y = x + norm(W (q AND m))

Heads therefore change nothing, but for events: there k and v are dilated over rows and columns, and `k AND v` and
`q AND m` over places and the channels of a head.

Source: Yao et al., NeurIPS 2023, and BICLab/Spike-Driven-Transformer (3faa8227), whose unused parts are left out.
"""

import torch
from torch import nn

from neurodeploy.networks.blocks.frames import chain
from neurodeploy.networks.blocks.maps import NeuronKind, Pictures, by_heads, from_heads, gate, neurons, stage, weighted


class SpikeDrivenAttention(nn.Module):
    """The path beside a shortcut, from currents (B, T, C, H, W) to such.

    Args:
        n_heads: Which share the channels.
        dilates: As for events.
    """

    def __init__(self, width: int, n_heads: int, kind: NeuronKind, *, dilates: bool) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.shortcut_lif = neurons(kind)
        for name in "qkv":
            self.add_module(name, stage(width, width, 1, kind=kind))
        self.dilate = Pictures(pool=nn.MaxPool2d(3, 1, 1)) if dilates else None
        self.attn_lif = gate()
        self.proj = chain(map=Pictures(**weighted(width, width, 1, bias=True)))

    def forward(self, x_BTCHW: torch.Tensor) -> torch.Tensor:
        z = self.shortcut_lif(x_BTCHW)
        q, k, v = (getattr(self, name)(z) for name in "qkv")
        if self.dilate is None:
            both = k * v
            return self.proj(q * self.attn_lif(both.sum((3, 4), keepdim=True)))  # type: ignore[no-any-return]
        both = self._over_heads(self.dilate(k) * self.dilate(v))
        any_BTC11 = self.attn_lif(both.sum((3, 4), keepdim=True))
        return self.proj(self._over_heads(q * any_BTC11))  # type: ignore[no-any-return]

    def _over_heads(self, x_BTCHW: torch.Tensor) -> torch.Tensor:
        """Return spikes dilated over the places and channels of a head."""
        assert self.dilate is not None
        return from_heads(self.dilate(by_heads(x_BTCHW, self.n_heads)), x_BTCHW.shape)
