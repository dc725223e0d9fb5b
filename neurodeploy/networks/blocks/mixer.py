"""Token mixers by a Legendre memory: one number of each frame goes into it, and channels mix with what it holds.

    without spikes: u = relu(W_u x);           h = relu(W_h [m, x])
    spiking:        u = s(norm(W_u x));        h = s(norm(W_h [s(norm(m)), x]))        m[t] = A m[t-1] + B u[t]

s are neurons. Only m recurs: it is real, linear and never reset; its spikes go to W_h and not back. Then a linear map
of each frame and a batch norm. Axes: B sample, T frame, C channel, D memory.

Source: zeyuliu1037/LMUFormer (5debadd, MIT): LMU, SLMU, SLMUMs. Its drawing feeds the spikes of m back; its code does
not, and so the memory can run in one piece.
"""

from typing import Literal

import torch
from torch import nn

from neurodeploy.networks.blocks.frames import Beside, FrameNorm, chain, drawn_small, node
from neurodeploy.neurons.lmu_layers import LMUFFT, LinearMemory

EARLY_THRESHOLD = 0.5
"""Of the neurons before a mixer with membrane shortcut."""


class FramesLMU(LMUFFT):
    """An `LMUFFT` that gives h of all frames alone."""

    def forward(self, x_BTC: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return self.run(x_BTC)[0]


def spiking_lmu(n_inputs: int, hidden: int, memory: int, theta: float) -> nn.Sequential:
    """Return the spiking unit.

    Args:
        memory: D.
        theta: Window of the memory, frames.
    """
    held = chain(
        W_u=drawn_small(nn.Linear(n_inputs, 1)),
        bn_u=FrameNorm(1),
        f_u=node(),
        memory=LinearMemory({"memory_size": memory}, theta),
        bn_m=FrameNorm(memory),
        f_m=node(),
    )
    W_h = drawn_small(nn.Linear(memory + n_inputs, hidden))
    return chain(held=Beside(held), W_h=W_h, bn_h=FrameNorm(hidden), f_h=node())


def lmu_mixer(kind: Literal["tokens", "spikes", "membrane"], width: int, memory: int, theta: float) -> nn.Sequential:
    """Return a mixer of as many channels as it takes.

    Args:
        kind: tokens: without spikes; spikes: ends in neurons; membrane: starts with a norm and neurons, ends real.
        memory, theta: See `spiking_lmu`.
    """
    if kind == "tokens":
        lmu: nn.Module = FramesLMU(width, width, memory, None, theta)
        drawn_small(lmu.W_u), drawn_small(lmu.W_h)  # type: ignore[arg-type]
    else:
        lmu = spiking_lmu(width, width, memory, theta)
    mixed = {"lmu": lmu, "proj_conv": nn.Linear(width, width), "proj_bn": FrameNorm(width)}
    if kind == "spikes":
        return chain(**mixed, proj_lif=node())
    if kind == "membrane":
        return chain(prev_bn=FrameNorm(width), prev_lif=node(EARLY_THRESHOLD), **mixed)
    return chain(**mixed)
