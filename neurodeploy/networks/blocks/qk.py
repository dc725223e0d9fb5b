"""QK attention: whether any q spikes gates k; AND and OR of spikes, nothing is multiplied.

    q, k = s(norm(W x));   a = OR of q, over the channels of a head or over all places;   y = s(norm(W (a AND k)))

Source: Zhou et al., NeurIPS 2024, and zhouchenlin2096/QKFormer (c2a00e8e): over channels, `token`; SpikingJelly 2.0:
`channel` too.
"""

from typing import Literal

from neurodeploy.networks.blocks.maps import And, AnyOf, NeuronKind, Wired, stage


class QKAttention(Wired):
    """The attention of a block, from (B, T, C, H, W) to spikes of the same shape.

    Args:
        n_heads: Which share the channels; without effect on `channel`.
        over: token: a place passes where any channel of a head spikes; channel: a channel passes where any place does.
    """

    ways = (
        ("q", ("x",)),
        ("k", ("x",)),
        ("attn_lif", ("q",)),
        ("gated", ("attn_lif", "k")),
        ("proj", ("gated",)),
    )

    def __init__(self, width: int, n_heads: int, kind: NeuronKind, over: Literal["token", "channel"] = "token") -> None:
        super().__init__()
        self.q, self.k = (stage(width, width, 1, kind=kind) for _ in range(2))
        self.attn_lif, self.gated = AnyOf(n_heads if over == "token" else 0), And()
        self.proj = stage(width, width, 1, kind=kind, bias=True)
