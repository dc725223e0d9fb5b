"""Products of spikes: AND, OR and AND NOT of two tensors of spikes are neurons without memory.

a AND b is where a + b > 1.5, a OR b where a + b > 0.5; of 1 - b the sum has -b, and the threshold is lower by 1.
"""

from typing import Any

import torch
from torch import nn

from neurodeploy.reading.labels import NOTHING, Track
from neurodeploy.reading.leaves import Memoryless
from neurodeploy.reading.torch_layers import above

BOTH, ANY = 1.5, 0.5
"""Thresholds of a sum of two spikes."""
GATES = {
    **dict.fromkeys(("mul", "__mul__", "__rmul__", "__imul__", "mul_", "multiply"), BOTH),
    **dict.fromkeys(("__and__", "__rand__", "logical_and", "bitwise_and", "minimum"), BOTH),
    **dict.fromkeys(("__or__", "__ror__", "logical_or", "bitwise_or", "maximum"), ANY),
}
PRODUCTS = frozenset(GATES) | {"matmul", "__matmul__", "mm", "bmm", "einsum", "div", "__truediv__", "divide"}
"""What combines two tensors so that no sum does the same."""


class Gate(nn.Module):
    """Fires where a sum of spikes is above a threshold."""

    def __init__(self, threshold: float) -> None:
        super().__init__()
        self.threshold = threshold

    def forward(self, arrived: torch.Tensor) -> torch.Tensor:
        """Return where it fires, of the shape of what arrived."""
        return arrived > self.threshold


def gate(module: Gate) -> Memoryless:
    """Return neurons that fire above a threshold at every step anew."""
    return Memoryless(
        lambda n_axes: range(max(n_axes - 1, 1), 0, -1), lambda _, out: above(module.threshold, out), spikes=True
    )


def side(tensor: Any, track: Track | None) -> tuple[Track, float] | None:
    """Return a tensor of 0 and 1 as a side of a gate: what it follows, plus a number; None where it is none.

    Args:
        track: Of senders of spikes only.
    """
    if not isinstance(tensor, torch.Tensor) or track is None or bool(((tensor != 0) & (tensor != 1)).any()):
        return None
    found = track.opposite or track
    if found.lost or found.steps or any(factor != 1.0 for factor, _ in found.terms if isinstance(factor, float)):
        return None
    if any(isinstance(factor, torch.Tensor) for factor, _ in found.terms) or not found.terms:
        return None
    senders = sum((one != NOTHING).long() for _, one in found.terms)
    if not isinstance(senders, torch.Tensor) or bool((senders > 1).any()):
        return None  # a sum of spikes, which can be 2
    return (found, 0.0) if track.opposite is None else (found.times(-1.0), 1.0)
