"""The recurrence of the leaky integrate-and-fire family with adaptation: LIF to SiLIF.

Axes: B sample, T step, N neuron. The threshold is 1: batch norm and weights carry the scale.

    w[t] = beta w[t-1] + a u[t-1] + b s[t-1]
    u[t] = alpha (u[t-1] - s[t-1]) + (1 - alpha) (x[t] + s[t-1] V - w[t])
    s[t] = u[t] > 1

The reset is one step late and lies inside the leak. It is not detached: gradients flow through s in the reset,
the adaptation and the recurrence. Without w it is LIF, without V it is feed-forward. This file is the readable
version, which the fused ones are held against.

Source: Maxtimer97/SSM-inspired-LIF (MIT); the same equations in idiap/sparch, Bittar and Garner, Frontiers in
Neuroscience 16, 2022.
"""

from typing import NamedTuple

import torch

from neurodeploy.neurons.surrogate import spike

THRESHOLD = 1.0


class AdaptiveState(NamedTuple):
    """State of a layer before its first step, each (B, N). `s` may be any real number there, not only 0 or 1."""

    u_BN: torch.Tensor
    w_BN: torch.Tensor | None
    s_BN: torch.Tensor


class AdaptiveCoefficients(NamedTuple):
    """What a layer computes with, each (N,) but the weights.

    Attributes:
        recurrent_NN: Weights from the layer to itself, (source, target): s @ V; None where there are none. The diagonal
            counts as zero.
        alpha_N: Part of the potential kept in a step, 0..1.
        beta_N: Part of the adaptation kept in a step, 0..1; None, with `a_N` and `b_N`, for no adaptation.
        a_N: What the potential adds to the adaptation.
        b_N: What a spike adds to the adaptation.
    """

    recurrent_NN: torch.Tensor | None
    alpha_N: torch.Tensor
    beta_N: torch.Tensor | None = None
    a_N: torch.Tensor | None = None
    b_N: torch.Tensor | None = None


class AdaptiveTrace(NamedTuple):
    """What a layer went through, each (B, T, N), after each step's update; `w` only where it adapts."""

    s_BTN: torch.Tensor
    u_BTN: torch.Tensor
    w_BTN: torch.Tensor | None


def adaptive_trace(
    drive_BTN: torch.Tensor, coefficients: AdaptiveCoefficients, start: AdaptiveState | None = None
) -> AdaptiveTrace:
    """Return the spikes, 0.0 or 1.0, and the state after each step.

    Args:
        drive_BTN: Input current, in units of the threshold.
        start: State before the first step; None is zero.
    """
    recurrent_NN, alpha_N, beta_N, a_N, b_N = coefficients
    zero_BN = torch.zeros_like(drive_BTN[:, 0])
    u, w_start, s = start or AdaptiveState(zero_BN, None, zero_BN)
    w = zero_BN if w_start is None else w_start
    between_NN = None if recurrent_NN is None else without_diagonal(recurrent_NN)
    us, ws, spikes = [], [], []
    for x in drive_BTN.unbind(dim=1):
        current = x if between_NN is None else x + s @ between_NN
        if beta_N is not None and a_N is not None and b_N is not None:
            w = beta_N * w + a_N * u + b_N * s
            ws.append(w)
            current = current - w
        u = alpha_N * (u - s) + (1 - alpha_N) * current
        s = spike(u - THRESHOLD)
        us.append(u)
        spikes.append(s)
    return AdaptiveTrace(torch.stack(spikes, 1), torch.stack(us, 1), torch.stack(ws, 1) if ws else None)


def leaky_scan(drive_BTN: torch.Tensor, alpha_N: torch.Tensor, start_BN: torch.Tensor | None = None) -> torch.Tensor:
    """Return the potential (B, T, N) of the family's readout after each step; it never spikes.

        u[t] = alpha u[t-1] + (1 - alpha) x[t]

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


def without_diagonal(square_NN: torch.Tensor) -> torch.Tensor:
    """Return the matrix with zeros on its diagonal, which thereby gets no gradient: no neuron drives itself."""
    return square_NN.masked_fill(torch.eye(len(square_NN), dtype=torch.bool, device=square_NN.device), 0.0)
