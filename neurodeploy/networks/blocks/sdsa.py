"""Spike-driven self-attention (SDSA) with its shortcut of real currents: AND and OR of spikes, nothing is multiplied.

    z = s(x);   q, k, v = s(norm(W z));   m = OR of (k AND v) over places, by channels;   y = x + norm(W (q AND m))

Heads therefore change nothing, but for events: there k and v are dilated over rows and columns, and `k AND v` and
`q AND m` over places and the channels of a head.

Source: Yao et al., NeurIPS 2023, and BICLab/Spike-Driven-Transformer (3faa8227), whose unused parts are left out.
"""

import torch
from torch import nn

from neurodeploy.networks.blocks.frames import chain
from neurodeploy.networks.blocks.maps import (
    And,
    AnyOf,
    NeuronKind,
    Pictures,
    Wired,
    by_heads,
    from_heads,
    neurons,
    stage,
    weighted,
)


class OverHeads(nn.Module):
    """Spikes dilated over the places and the channels of a head, each side by side."""

    def __init__(self, n_heads: int) -> None:
        super().__init__()
        self.n_heads, self.pool = n_heads, _dilation()

    def forward(self, x_BTCHW: torch.Tensor) -> torch.Tensor:
        return from_heads(self.pool(by_heads(x_BTCHW, self.n_heads)), x_BTCHW.shape)


def _dilation() -> Pictures:
    return Pictures(pool=nn.MaxPool2d(3, 1, 1))


class SpikeDrivenAttention(Wired):
    """The path beside a shortcut, from currents (B, T, C, H, W) to such.

    Args:
        n_heads: Which share the channels.
        dilates: As for events.
    """

    def __init__(self, width: int, n_heads: int, kind: NeuronKind, *, dilates: bool) -> None:
        super().__init__()
        self.shortcut_lif = neurons(kind)
        for name in "qkv":
            self.add_module(name, stage(width, width, 1, kind=kind))
        self.both, self.attn_lif, self.gated = And(), AnyOf(), And()
        self.proj = chain(map=Pictures(**weighted(width, width, 1, bias=True)))
        near = "_near" if dilates else ""
        if dilates:
            self.k_near, self.v_near = _dilation(), _dilation()
            self.both_near, self.gated_near = OverHeads(n_heads), OverHeads(n_heads)
        ways = (
            ("shortcut_lif", ("x",)),
            *((name, ("shortcut_lif",)) for name in "qkv"),
            ("k_near", ("k",)),
            ("v_near", ("v",)),
            ("both", (f"k{near}", f"v{near}")),
            ("both_near", ("both",)),
            ("attn_lif", (f"both{near}",)),
            ("gated", ("attn_lif", "q")),
            ("gated_near", ("gated",)),
            ("proj", (f"gated{near}",)),
        )
        self.ways = tuple(one for one in ways if hasattr(self, one[0]))
