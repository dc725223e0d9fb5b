"""A linear memory over many steps in a few large products, because its matrix does not change from step to step.

    m[t] = A m[t-1] + B u[t];   z[t] = W m[t]

In a block of L steps that starts from m, z[i] = W A^(i+1) m + sum over j <= i of W A^(i-j) B u[j]: no step waits for
the one before, and only the memories between blocks are ever computed. No tensor is T x D x D; L x D x D at most.

Axes: B sample, T step, L step of a block, D memory, H what W makes of it.
"""

from typing import NamedTuple

import torch
from torch.nn import functional

BLOCK = 16
"""Steps of a block, so far as there are as many. Longer ones cost L products more for W A^i, shorter ones more of A."""


def grown(rows_RD: torch.Tensor, A_DD: torch.Tensor, n: int) -> torch.Tensor:
    """Return rows, rows A, rows A², ... (n, R, D), by doubling: few large products.

    Powers of A are worked out in float64: rounded ones would cost a digit of the memories.
    """
    found, power = rows_RD[None], A_DD.double()
    while len(found) < n:
        found = torch.cat([found, found @ power.to(found)])
        power = power @ power if len(found) < n else power
    return found[:n]


def powered(A_DD: torch.Tensor, n: int) -> torch.Tensor:
    """Return A^n, rounded once."""
    return torch.linalg.matrix_power(A_DD.double(), n).to(A_DD)


class Block(NamedTuple):
    """What the steps of a block need.

    Attributes:
        from_start: W A^(i+1) (L, H, D).
        from_input: W A^k B (L, H): of the input k steps ago.
        input_end: A^k B (L, D).
        start_end: A^L (D, D).
    """

    from_start: torch.Tensor
    from_input: torch.Tensor
    input_end: torch.Tensor
    start_end: torch.Tensor


def block_of(A_DD: torch.Tensor, B_D1: torch.Tensor, W_HD: torch.Tensor, length: int) -> Block:
    """Return the block of so many steps; gradients reach A, B and W."""
    input_end = grown(B_D1.t(), A_DD.t(), length)[:, 0]
    from_start = grown(W_HD @ A_DD, A_DD, length)
    return Block(from_start, input_end @ W_HD.t(), input_end, powered(A_DD, length))


def blocked(
    u_BT: torch.Tensor, A_DD: torch.Tensor, B_D1: torch.Tensor, W_HD: torch.Tensor, start_BD: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return z (B, T, H) and the last memory (B, D); see the head of this file."""
    n_samples, n_steps = u_BT.shape
    length = min(BLOCK, n_steps)
    block, n_left = block_of(A_DD, B_D1, W_HD, length), n_steps % length
    inputs_BNL = functional.pad(u_BT, (0, -n_steps % length)).unflatten(1, (-1, length))
    end_LD = block.input_end.flip(0)
    memories_BD = [start_BD]
    for input_BL in inputs_BNL[:, : n_steps // length].unbind(1):
        memories_BD.append(torch.addmm(input_BL @ end_LD, memories_BD[-1], block.start_end.t()))
    last_BD = memories_BD[-1]
    if n_left:
        power = powered(A_DD, n_left)
        last_BD = torch.addmm(inputs_BNL[:, -1, :n_left] @ end_LD[-n_left:], last_BD, power.t())
    # One matrix for the inputs of a block: column i of row j is W A^(i-j) B, 0 where j comes after i.
    lag_LL = torch.arange(length) - torch.arange(length)[:, None]
    taps_LLH = block.from_input[lag_LL.clamp_min(0)] * (lag_LL >= 0).to(u_BT)[:, :, None]
    weights = torch.cat([block.from_start.flatten(0, 1).t(), taps_LLH.flatten(1)])
    starts_BND = torch.stack(memories_BD[: inputs_BNL.shape[1]], 1)
    z = torch.cat([starts_BND, inputs_BNL], 2).flatten(0, 1) @ weights
    return z.view(n_samples, -1, W_HD.shape[0])[:, :n_steps], last_BD


def by_fft(u_BT: torch.Tensor, inputs_TD: torch.Tensor) -> torch.Tensor:
    """Return all memories (B, T, D) of a memory that starts empty, as a convolution by Fourier transforms.

    Args:
        inputs_TD: What each step's input adds to the last memory.
    """
    n_steps = u_BT.shape[1]
    response_DT = inputs_TD.flip(0).t()
    spectrum = torch.fft.rfft(u_BT, n=2 * n_steps)[:, None] * torch.fft.rfft(response_DT, n=2 * n_steps)
    return torch.fft.irfft(spectrum, n=2 * n_steps)[:, :, :n_steps].transpose(1, 2)


def by_steps(u_BT: torch.Tensor, A_DD: torch.Tensor, B_D1: torch.Tensor, start_BD: torch.Tensor) -> torch.Tensor:
    """Return all memories (B, T, D), step by step: the equation as it stands."""
    found = [start_BD]
    for u_B in u_BT.unbind(1):
        found.append(found[-1] @ A_DD.t() + u_B[:, None] * B_D1.t())
    return torch.stack(found[1:], 1)
