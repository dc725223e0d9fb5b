"""How far two float32 ways to train are from float64: gradients of a step, and what was decided on the way to them.

Spikes and a surrogate's window are decisions, and rounding turns a few of millions; each changes what comes after it.
So they are counted, and gradients compared where all agree. Axes: B sample, T step, N neuron.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import torch


class Pass(NamedTuple):
    """Gradients of a training step, and its decisions, each (B, T, N): spikes, and surrogate derivatives."""

    grads: list[torch.Tensor]
    decisions: list[torch.Tensor]

    def differing(self, other: Pass) -> int:
        """Return how many decisions are others."""
        pairs = zip(self.decisions, other.decisions, strict=True)
        return sum(int((one.double() != two.double()).sum()) for one, two in pairs)

    def furthest(self, exact: Pass) -> float:
        """Return the largest difference of any parameter's gradient, over that parameter's largest gradient."""
        pairs = zip(self.grads, exact.grads, strict=True)
        return max(float((one.double() - two).abs().max() / two.abs().max().clamp(min=1e-300)) for one, two in pairs)


def compared(parts: Sequence[tuple[Pass, Pass, Pass]]) -> dict[str, Any]:
    """Return how far ours, and eager torch's float32, are from float64.

    Args:
        parts: Each in float64, and in float32 by eager torch and by ours.

    Returns:
        `decisions` taken by each, `differing` and `eager_differing` of these; `largest_relative_difference` and
        `eager_largest_relative_difference` of gradients, over the parts where all decisions agree (`agreeing`,
        `eager_agreeing` many), or over all where none do.
    """
    told: dict[str, Any] = {"decisions": sum(one.numel() for exact, *_ in parts for one in exact.decisions)}
    for name, place in (("", 2), ("eager_", 1)):
        found = [(part[place].differing(part[0]), part[place].furthest(part[0])) for part in parts]
        agreeing = [furthest for differing, furthest in found if not differing]
        told[f"{name}differing"] = sum(differing for differing, _ in found)
        told[f"{name}agreeing"] = len(agreeing)
        told[f"{name}largest_relative_difference"] = max(agreeing or [furthest for _, furthest in found])
    return told
