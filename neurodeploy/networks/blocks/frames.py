"""What blocks over frames are made of: each takes (B, T, C) and gives (B, T, C'), so that a block is a `Sequential`.

`networks.streaming` walks the same modules frame by frame. Leaves are called as in zeyuliu1037/LMUFormer (5debadd);
a block's `path` is not, and is left out of the names by which its arrays are known.

Axes: B sample, T frame, C channel.
"""

from collections import OrderedDict

import torch
from torch import nn
from torch.nn import functional

from neurodeploy.neurons.plif import LIFNode, PlifRule

REFERENCES = PlifRule(surrogate="sigmoid", slope=4.0)
"""SpikingJelly's multi-step LIF as the reference sets it: a spike at or above the threshold of 1, reset to 0."""
KERNEL = 3
"""Frames of a convolution."""
OURS = ("path", "rpe", "held", "memory", "last")
"""Parts of our names that group modules, and that the reference's do not have."""


def chain(**modules: nn.Module) -> nn.Sequential:
    """Return modules one after another, by their names."""
    return nn.Sequential(OrderedDict(modules))


def node(v_threshold: float = 1.0) -> LIFNode:
    """Return neurons with a time constant of 2 frames."""
    return LIFNode(0.5, REFERENCES._replace(v_threshold=v_threshold))


class FrameConv(nn.Conv1d):
    """A convolution over frames that keeps their number: zeros before the first and behind the last; no bias."""

    def __init__(self, n_inputs: int, n_outputs: int) -> None:
        super().__init__(n_inputs, n_outputs, KERNEL, padding=KERNEL // 2, bias=False)

    def forward(self, x_BTC: torch.Tensor) -> torch.Tensor:
        return super().forward(x_BTC.transpose(1, 2)).transpose(1, 2)


class FrameNorm(nn.BatchNorm1d):
    """A batch norm whose statistics are over samples and frames."""

    def forward(self, x_BTC: torch.Tensor) -> torch.Tensor:
        return super().forward(x_BTC.flatten(0, 1)).unflatten(0, x_BTC.shape[:2])


class Shortcut(nn.Module):
    """What arrives, plus what the path makes of it."""

    def __init__(self, path: nn.Module) -> None:
        super().__init__()
        self.path = path

    def forward(self, x_BTC: torch.Tensor) -> torch.Tensor:
        return self.joined(self.path(x_BTC), x_BTC)

    def joined(self, made: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Return both of the same frames in one."""
        return x + made


class Beside(Shortcut):
    """What the path makes of what arrives, and behind it what arrives."""

    def joined(self, made: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([made, x], -1)


def reference_name(name: str) -> str:
    """Return what the reference calls an array of an `LmuFormer`.

    >>> reference_name("block.0.attn.path.lmu.held.path.memory.A")
    'block.0.attn.lmu.A'
    """
    return ".".join(part for part in name.split(".") if part not in OURS)


def affine(norm: nn.BatchNorm1d) -> tuple[torch.Tensor, torch.Tensor]:
    """Return scale and shift (C,) of a batch norm in evaluation."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale_C = norm.weight / (norm.running_var + norm.eps).sqrt()
    return scale_C, norm.bias - norm.running_mean * scale_C


def drawn_small(module: nn.Linear) -> nn.Linear:
    """Return weights drawn as the reference does its linear ones: a deviation of 0.02, no bias."""
    nn.init.trunc_normal_(module.weight, std=0.02)
    nn.init.zeros_(module.bias)
    return module


def mean_of_frames(x_BTC: torch.Tensor, head: nn.Linear) -> torch.Tensor:
    """Return the mean over frames of the head's scores (B, C); the head is linear, so it runs once."""
    return functional.linear(x_BTC.mean(1), head.weight, head.bias)
