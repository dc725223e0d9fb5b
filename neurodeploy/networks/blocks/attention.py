"""Spiking self-attention over all frames, the baseline of LMUFormer: no softmax, no mask, so it is not causal.

    q, k, v = s(norm(W x));   o = s(0.25 (q k') v),   by heads;   s are neurons, the last of threshold 0.5

Axes: B sample, H head, T frame, C channel.

Source: zeyuliu1037/LMUFormer (5debadd, MIT): SSA; Zhou et al., ICLR 2023 (Spikformer). The scale is the reference's
whatever the width of a head; its last neurons and its dropout are never run there, and are left out here.
"""

import torch
from torch import nn

from neurodeploy.errors import NetworkError
from neurodeploy.networks.blocks.frames import FrameNorm, node
from neurodeploy.networks.blocks.mixer import EARLY_THRESHOLD

SCALE = 0.25


class SpikingAttention(nn.Module):
    """Batch norm, neurons, attention of what they send, a linear map and a batch norm.

    Args:
        n_heads: Which share the channels.

    Raises:
        NetworkError: the channels cannot be shared.
    """

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        if width % n_heads:
            raise NetworkError(f"network.heads: found {n_heads}, {width} channels cannot be shared by so many")
        self.n_heads = n_heads
        self.pre_bn, self.pre_lif = FrameNorm(width), node()
        for name in "qkv":
            self.add_module(f"{name}_conv", nn.Linear(width, width, bias=False))
            self.add_module(f"{name}_bn", FrameNorm(width))
            self.add_module(f"{name}_lif", node())
        self.attn_lif = node(EARLY_THRESHOLD)
        self.proj_conv, self.proj_bn = nn.Linear(width, width), FrameNorm(width)

    def forward(self, x_BTC: torch.Tensor) -> torch.Tensor:
        """Return what the batch norm gives, (B, T, C)."""
        x_BTC = self.pre_lif(self.pre_bn(x_BTC))
        q_BHTC, k_BHTC, v_BHTC = (self._of(name, x_BTC) for name in "qkv")
        seen_BHTC = SCALE * (q_BHTC @ k_BHTC.transpose(2, 3) @ v_BHTC)
        return self.proj_bn(self.proj_conv(self.attn_lif(seen_BHTC.transpose(1, 2).flatten(2))))  # type: ignore

    def _of(self, name: str, x_BTC: torch.Tensor) -> torch.Tensor:
        conv, norm, neurons = (getattr(self, f"{name}_{part}") for part in ("conv", "bn", "lif"))
        return neurons(norm(conv(x_BTC))).unflatten(2, (self.n_heads, -1)).transpose(1, 2)  # type: ignore[no-any-return]
