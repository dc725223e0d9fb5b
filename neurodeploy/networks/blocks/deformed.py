"""Patch embeddings with a deformed shortcut: two paths of other lengths, whose spikes are added.

Source: Zhou et al., NeurIPS 2024 (SPEDS), and zhouchenlin2096/QKFormer (c2a00e8e).
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import nn

from neurodeploy.networks.blocks.frames import chain
from neurodeploy.networks.blocks.maps import NeuronKind, stage


class DeformedShortcut(nn.Module):
    """What stages make of a picture, plus what one convolution of 1 by 1 does.

    Args:
        path, shortcut: From (B, T, C, H, W) to spikes of one shape.
    """

    def __init__(self, path: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.path, self.shortcut = path, shortcut

    def forward(self, x_BTCHW: torch.Tensor) -> torch.Tensor:
        return self.path(x_BTCHW) + self.shortcut(x_BTCHW)  # type: ignore[no-any-return]


def deformed(
    n_inputs: int,
    stages: Sequence[tuple[str, int, bool]],
    kind: NeuronKind,
    *,
    shared: int = 0,
    pooled: Literal["before", "after"] = "before",
) -> nn.Sequential:
    """Return an embedding.

    Args:
        n_inputs: Channels of what arrives.
        stages: Name, channels, and whether it is pooled, of each convolution of 3 by 3 with its neurons.
        shared: How many come before the paths part.
        pooled: Pools are before the neurons, as published, or after.
    """
    made, sizes = [], [n_inputs]
    for name, width, pools in stages:
        made.append((name, stage(sizes[-1], width, kind=kind, pooled=pooled if pools else "")))
        sizes.append(width)
    stride = 2 ** sum(pools for *_, pools in stages[shared:])
    shortcut = stage(sizes[shared], sizes[-1], 1, kind=kind, stride=stride)
    both = DeformedShortcut(chain(**dict(made[shared:])), chain(proj_res=shortcut))
    return chain(**dict(made[:shared]), both=both)
