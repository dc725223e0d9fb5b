"""What of a module runs on the host: its first layers, which make spikes, or currents, of real numbers.

Axes: B sample, T step that is sent, F number.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import torch

HOST_BITS = 12
"""Of currents that the host works out, the sign included."""


class Host(NamedTuple):
    """What stays outside: a submodule, and everything before it.

    Attributes:
        path: Of neurons, whose spikes are followed; of another submodule, whose currents are, as whole numbers.
        unit: Current that such a number of 1 stands for; chosen for the largest of the run where 0.
    """

    path: str
    unit: float = 0.0


def whole_currents(currents: torch.Tensor, unit: float) -> tuple[torch.Tensor, float]:
    """Return currents as whole numbers of units, and the unit.

    Args:
        unit: As in `Host`; one that is chosen is a power of two, which leaves a bit above the largest current.
    """
    if not unit:
        largest = max(float(currents.abs().max()), 2.0**-100)
        unit = 2.0 ** (math.ceil(math.log2(largest)) + 2 - HOST_BITS)
    most = (1 << HOST_BITS - 1) - 1
    return (currents / unit).round().clamp(-most, most), unit


def multiply_adds(module: torch.nn.Module, output: Any) -> int:
    """Return those of a call of a layer with weights."""
    weight = getattr(module, "weight", None)
    counts = isinstance(weight, torch.Tensor) and weight.dim() > 1
    return output.numel() * weight[0].numel() if counts else 0  # type: ignore[union-attr, index, operator]


def told(host: str, unit: float, macs: int, sent_BTF: np.ndarray) -> str:
    """Return what the host does and sends for a sample, which no chip's table prices, in words."""
    sent = sent_BTF[0].size
    bits, takes = (HOST_BITS, f"currents, in whole units of {unit:g}:") if unit else (1, "spikes:")
    return (
        f"{host}: runs on the host with everything before it, {macs // len(sent_BTF):,} multiply-adds a sample; the "
        f"graph takes its {takes} {sent:,} numbers of {bits} bit{'s' * (bits > 1)} a sample, {-(-sent * bits // 8):,} "
        "bytes; neither has a price here"
    )
