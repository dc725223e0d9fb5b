"""What blocks over pictures are made of: each takes (B, T, C, H, W) and gives that, so that a block is a `Sequential`.

Axes: B sample, T step, C channel, H row, W column. Weights, norms and pools see all steps of all samples as pictures;
neurons go through the steps of one sample alone, so that samples never mix. Numbers of a place lie side by side in
memory, as convolutions and the kernels of neurons are fastest.
"""

from collections import OrderedDict
from typing import Literal

import torch
from torch import nn

from neurodeploy.networks.blocks.frames import REFERENCES, Shortcut, chain
from neurodeploy.neurons.plif import CubaLIFNode, LIFNode, PLIFNode

NeuronKind = Literal["lif", "plif", "if", "cuba"]
EARLY = 0.5
"""Threshold of what attention sends."""
BOTH = 1.5
"""Between one spike and two."""


def neurons(kind: NeuronKind, v_threshold: float = 1.0) -> LIFNode:
    """Return neurons that are reset to 0, with a time constant of 2 steps where they leak.

    Args:
        kind: plif learns its time constant; cuba has a synaptic current of 2 steps; if does not leak.

    Source: the transformers' codes, for lif; SpikingJelly's other neurons in its place.
    """
    rule = REFERENCES._replace(v_threshold=v_threshold, decay_input=kind != "if")
    if kind == "plif":
        return PLIFNode(0.5, rule)
    if kind == "cuba":
        return CubaLIFNode(0.5, rule, alpha=0.5)
    return LIFNode(0.0 if kind == "if" else 0.5, rule)


class AnySpike(LIFNode):
    """Neurons that spike where any spike arrives: LIF of threshold 0.5, which a spike resets, so without memory.

    They stay LIF whatever the others are.
    """

    def __init__(self) -> None:
        super().__init__(0.5, REFERENCES._replace(v_threshold=EARLY))


class AnyOf(nn.Module):
    """Where any spikes: of all places of a channel (C), or of the channels of a head at a place (h, H, W).

    Args:
        n_heads: Which share the channels; 0 is over places.
    """

    def __init__(self, n_heads: int = 0) -> None:
        super().__init__()
        self.n_heads, self.neurons = n_heads, AnySpike()

    def forward(self, x_BTCHW: torch.Tensor) -> torch.Tensor:
        if self.n_heads:
            return self.neurons(x_BTCHW.unflatten(2, (self.n_heads, -1)).sum(3))  # type: ignore[no-any-return]
        return self.neurons(x_BTCHW.sum((3, 4)))  # type: ignore[no-any-return]


class BothSpike(nn.Module):
    """Neurons without memory that spike where two spikes arrive."""

    def forward(self, sum_BTCHW: torch.Tensor) -> torch.Tensor:
        return (sum_BTCHW > BOTH).to(sum_BTCHW.dtype)


class And(nn.Module):
    """Where both spike: a product, through which gradients go; without gradients the neurons that do it on a chip."""

    def __init__(self) -> None:
        super().__init__()
        self.neurons = BothSpike()

    def forward(self, gate: torch.Tensor, x_BTCHW: torch.Tensor) -> torch.Tensor:
        """Return spikes (B, T, C, H, W).

        Args:
            gate: Of the same axes, or (B, T, C), for all places, or (B, T, h, H, W), for all channels of a head.
        """
        gate = gate[..., None, None] if gate.ndim == 3 else gate
        size = x_BTCHW.shape[2] // gate.shape[2]
        gate = gate if size == 1 else gate.repeat_interleave(size, 2)
        return gate * x_BTCHW if torch.is_grad_enabled() else self.neurons(gate + x_BTCHW)  # type: ignore[no-any-return]


class Wired(nn.Module):
    """Parts that take what others give, so that whoever follows a block needs no more than the parts.

    Attributes:
        ways: Each part's name, and whose it takes; "x" is what arrives, and what the last part gives leaves.
    """

    ways: tuple[tuple[str, tuple[str, ...]], ...]

    def forward(self, x_BTCHW: torch.Tensor) -> torch.Tensor:
        values = {"x": x_BTCHW}
        for name, sources in self.ways:
            values[name] = self.get_submodule(name)(*(values[one] for one in sources))
        return values[name]


class Pictures(nn.Sequential):
    """Modules of pictures one after another, which take the steps of all samples in one."""

    def __init__(self, **modules: nn.Module) -> None:
        super().__init__(OrderedDict(modules))

    def forward(self, x_BTCHW: torch.Tensor) -> torch.Tensor:
        return super().forward(x_BTCHW.flatten(0, 1)).unflatten(0, x_BTCHW.shape[:2])


def pool() -> nn.MaxPool2d:
    """Return a maximum pool to half the rows and columns: of spikes, that any of 3 by 3 spikes."""
    return nn.MaxPool2d(3, 2, 1)


def weighted(
    n_inputs: int, n_outputs: int, size: int = 3, *, stride: int = 1, bias: bool = False
) -> dict[str, nn.Module]:
    """Return a convolution that keeps the size of a picture, or divides it by the stride, and a batch norm."""
    conv = nn.Conv2d(n_inputs, n_outputs, size, stride, size // 2, bias=bias)
    conv.weight.data = conv.weight.to(memory_format=torch.channels_last)
    return {"conv": conv, "bn": nn.BatchNorm2d(n_outputs)}


class Stage(nn.Sequential):
    """A `map`, `Pictures` with a batch norm, neurons `lif`, and what follows; made as `nn.Sequential` is.

    Norm and neurons are trained in one piece where they can, and a slice is one after another.
    """

    def forward(self, x_BTCHW: torch.Tensor) -> torch.Tensor:
        lif, parts = self._modules.get("lif"), dict(getattr(self, "map", self).named_children())
        if set(parts) != {"conv", "bn"} or not isinstance(lif, LIFNode) or not lif.takes_norm(parts["bn"], x_BTCHW):
            return super().forward(x_BTCHW)  # type: ignore[no-any-return]
        current = parts["conv"](x_BTCHW.flatten(0, 1)).unflatten(0, x_BTCHW.shape[:2])
        found = lif.normed(current, parts["bn"])
        for one in list(self)[2:]:
            found = one(found)
        return found


def stage(
    n_inputs: int,
    n_outputs: int,
    size: int = 3,
    *,
    kind: NeuronKind,
    stride: int = 1,
    bias: bool = False,
    pooled: Literal["", "before", "after"] = "",
) -> nn.Sequential:
    """Return a convolution, a batch norm and neurons.

    Args:
        pooled: There is a maximum pool before the neurons, which no chip of this kind has, or after.
    """
    before = {"pool": pool()} if pooled == "before" else {}
    found = {"map": Pictures(**weighted(n_inputs, n_outputs, size, stride=stride, bias=bias), **before)}
    after = {"pool": Pictures(pool=pool())} if pooled == "after" else {}
    return Stage(OrderedDict(**found, lif=neurons(kind), **after))


def mlp(width: int, hidden: int, kind: NeuronKind, *, membrane: bool) -> Shortcut:
    """Return a shortcut beside two maps of each place with batch norms, each before its neurons, or behind.

    Args:
        membrane: Neurons come first, so that what leaves is real.
    """
    sizes = ((width, hidden), (hidden, width))
    if membrane:
        parts = [chain(lif=neurons(kind), map=Pictures(**weighted(*size, 1, bias=True))) for size in sizes]
    else:
        parts = [stage(*size, 1, kind=kind, bias=True) for size in sizes]
    return Shortcut(chain(fc1=parts[0], fc2=parts[1]))


def by_heads(x_BTCHW: torch.Tensor, n_heads: int) -> torch.Tensor:
    """Return (B, T, head, place, channel of it)."""
    return x_BTCHW.flatten(3).unflatten(2, (n_heads, -1)).transpose(3, 4)


def from_heads(x_BThNd: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    """Return (B, T, C, H, W) of such a shape, the channels of a place side by side."""
    n_samples, n_steps, _, rows, columns = shape
    tokens = x_BThNd.transpose(2, 3).reshape(n_samples, n_steps, rows, columns, -1)
    return tokens.permute(0, 1, 4, 2, 3)
