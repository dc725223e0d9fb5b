"""The recurrence of the family's readout: a leaky integrator that never spikes.

Axes: B sample, T step, N neuron.

    u[t] = alpha u[t-1] + (1 - alpha) x[t]
"""

from __future__ import annotations

import torch


def leaky_scan(drive_BTN: torch.Tensor, alpha_N: torch.Tensor, start_BN: torch.Tensor | None = None) -> torch.Tensor:
    """Return the potential (B, T, N) after each step.

    Args:
        drive_BTN: Input current.
        alpha_N: Part of the potential kept in a step, 0..1.
        start_BN: Potential before the first step; None is zero.
    """
    u = torch.zeros_like(drive_BTN[:, 0]) if start_BN is None else start_BN
    found = []
    for x in drive_BTN.unbind(dim=1):
        u = alpha_N * u + (1 - alpha_N) * x
        found.append(u)
    return torch.stack(found, 1)
