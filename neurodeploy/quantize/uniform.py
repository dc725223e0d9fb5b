"""Uniform fake quantisation of an ANN: one scale per matrix, one step per layer's values.

Weights are symmetric whole numbers of `bits`, -(2^(bits-1) - 1) to 2^(bits-1) - 1; what ReLU gives is 0 to 2^bits - 1.
Gradients go straight through inside the range and are zero outside (torch's own fake quantisation).
"""

import torch
from torch import nn

LEAST_STEP = 1e-8
"""A layer that gives zeros alone has a step too."""


class WeightQuantiser(nn.Module):
    """Puts a matrix on `bits` bits, with the scale at which its largest weight just fits."""

    def __init__(self, bits: int) -> None:
        super().__init__()
        self.bits = bits
        self.register_buffer("zero", torch.zeros((), dtype=torch.int32), persistent=False)
        self.zero: torch.Tensor

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        most = (1 << (self.bits - 1)) - 1
        scale = (weight.detach().abs().max() / most).clamp(min=LEAST_STEP)
        return torch.fake_quantize_per_tensor_affine(weight, scale, self.zero, -most, most)


class ValueQuantiser(nn.Module):
    """ReLU (or the identity, of signed inputs) and `bits` bits of a fixed step, which is saved with the weights."""

    def __init__(self, bits: int, step: float = 1.0, *, signed: bool = False) -> None:
        super().__init__()
        self.bits, self.signed = bits, signed
        self.register_buffer("step", torch.tensor(max(step, LEAST_STEP), dtype=torch.float32))
        self.register_buffer("zero", torch.zeros((), dtype=torch.int32), persistent=False)
        self.step: torch.Tensor
        self.zero: torch.Tensor

    @property
    def most(self) -> int:
        """Largest whole number."""
        return (1 << (self.bits - 1)) - 1 if self.signed else (1 << self.bits) - 1

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        least = -self.most if self.signed else 0
        return torch.fake_quantize_per_tensor_affine(values, self.step, self.zero, least, self.most)


def matched_bits(n_steps: int) -> int:
    """Return the bits that carry what a spike count over `n_steps` can: ceil(log2(T + 1)), at most 8.

    T steps hold 0 to T spikes, T + 1 levels. Source: Yan, Bai, Tang, Wong, arXiv:2409.08290 (abstract). More than 8
    would leave int8 arithmetic.

    >>> matched_bits(5), matched_bits(24), matched_bits(256)
    (3, 5, 8)
    """
    return min(8, n_steps.bit_length())
