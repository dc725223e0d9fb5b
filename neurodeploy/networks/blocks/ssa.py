"""Spiking self-attention (SSA): products of spikes without softmax.

    q, k, v = s(norm(W x));   o = s(scale (q k') v) by heads, of threshold 0.5;   y = s(norm(W o))

s are neurons. All numbers of the products are whole, so that their order changes nothing: the cheaper one is taken.

Source: Zhou et al., ICLR 2023, and ZK-Zhou/spikformer (62126898); the form of QKFormer's third stage too.
"""

import torch
from torch import nn

from neurodeploy.networks.blocks.maps import EARLY, NeuronKind, by_heads, from_heads, neurons, stage
from neurodeploy.neurons.plif import LIFNode


class SpikeProducts(nn.Module):
    """scale (q k') v by heads, of spikes (B, T, C, H, W): what multiplies activations, in a module of its own.

    Args:
        scale: The same whatever the channels of a head.
    """

    def __init__(self, n_heads: int, scale: float) -> None:
        super().__init__()
        self.n_heads, self.scale = n_heads, scale

    def forward(self, q_BTCHW: torch.Tensor, k_BTCHW: torch.Tensor, v_BTCHW: torch.Tensor) -> torch.Tensor:
        q, k, v = (by_heads(one, self.n_heads) for one in (q_BTCHW, k_BTCHW, v_BTCHW))
        n_places, size = q.shape[3:]
        found = q @ (k.transpose(3, 4) @ v) if n_places > size else (q @ k.transpose(3, 4)) @ v
        return from_heads(self.scale * found, q_BTCHW.shape)


class SpikingSelfAttention(nn.Module):
    """The attention of a block, from (B, T, C, H, W) to spikes of the same shape.

    Args:
        n_heads: Which share the channels.
        scale: Of the products.
        qkv_bias, proj_bias: Of the maps.
        interaction: What is done to q, as `blocks.tim` does.
        v_threshold: Of the neurons after the products.
        mixing: The last neurons take samples for steps, as QKFormer's code does: outputs depend on the batch.
    """

    def __init__(
        self,
        width: int,
        n_heads: int,
        kind: NeuronKind,
        *,
        scale: float = 0.125,
        qkv_bias: bool = False,
        proj_bias: bool = True,
        interaction: nn.Module | None = None,
        v_threshold: float = EARLY,
        mixing: bool = False,
    ) -> None:
        super().__init__()
        for name in "qkv":
            self.add_module(name, stage(width, width, 1, kind=kind, bias=qkv_bias))
        if interaction is not None:
            self.TIM = interaction
        self.products = SpikeProducts(n_heads, scale)
        self.attn_lif = neurons(kind, v_threshold)
        self.proj = stage(width, width, 1, kind=kind, bias=proj_bias)
        if mixing:
            self.proj.lif = SampleMixing(self.proj.lif)  # type: ignore[arg-type]

    def forward(self, x_BTCHW: torch.Tensor) -> torch.Tensor:
        q, k, v = (getattr(self, name)(x_BTCHW) for name in "qkv")
        if hasattr(self, "TIM"):
            q = self.TIM(q)
        return self.proj(self.attn_lif(self.products(q, k, v)))  # type: ignore[no-any-return]


class SampleMixing(nn.Module):
    """Neurons that go through the samples of step 0, then those of step 1: an error that published weights depend on.

    Source: zhouchenlin2096/QKFormer (c2a00e8e) and its issue 14.
    """

    def __init__(self, neurons: LIFNode) -> None:
        super().__init__()
        self.neurons = neurons

    def forward(self, x_BTCHW: torch.Tensor) -> torch.Tensor:
        n_steps = x_BTCHW.shape[1]
        in_one = x_BTCHW.transpose(0, 1).flatten(0, 1).unsqueeze(0)
        return self.neurons(in_one)[0].unflatten(0, (n_steps, -1)).transpose(0, 1)  # type: ignore[no-any-return]
