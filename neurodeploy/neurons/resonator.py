"""The recurrence of neurons with one complex state: C-SiLIF and resonate-and-fire.

Axes: B sample, T step, N neuron. The threshold is 1: batch norm and weights carry the scale.

    u[t] = decay u[t-1] + gain x[t] - reset s[t-1]        (u, decay, reset complex; x, gain, s real)
    s[t] = read Re(u[t]) > 1

C-SiLIF resets inside the decay, u <- alpha (u - s / 2) + b x, so reset = alpha / 2, and reads 2 Re(u), which stands
for the conjugate twin of u. Resonate-and-fire is the Euler step u <- u + dt (alpha u + x) - s, so decay = 1 + dt alpha,
gain = dt, reset = 1, read = 1. The reset is not detached. Complex numbers are pairs of real tensors, so that the
fused versions and the chip share this form. This file is the readable version, which the fused ones are held against.

Source: Maxtimer97/SSM-inspired-LIF (MIT); resonate-and-fire: Izhikevich, Neural Networks 14, 2001.
"""

from typing import NamedTuple

import torch

from neurodeploy.neurons.surrogate import spike

THRESHOLD = 1.0


class Complex(NamedTuple):
    """A complex tensor as two real ones of the same shape."""

    re: torch.Tensor
    im: torch.Tensor


class ResonatorState(NamedTuple):
    """State of a layer before its first step, each (B, N). `s` may be any real number there, not only 0 or 1."""

    u_BN: Complex
    s_BN: torch.Tensor


class ResonatorCoefficients(NamedTuple):
    """What a layer computes with, each (N,).

    Attributes:
        decay_N: What a step multiplies the state by.
        gain_N: What the input is multiplied by; it acts on the real part.
        reset_N: What a spike takes from the state one step later.
        read: What the real part is multiplied by before the threshold.
    """

    decay_N: Complex
    gain_N: torch.Tensor
    reset_N: Complex
    read: float


class ResonatorTrace(NamedTuple):
    """What a layer went through, each (B, T, N), after each step's update."""

    s_BTN: torch.Tensor
    u_BTN: Complex


def resonator_trace(
    drive_BTN: torch.Tensor, coefficients: ResonatorCoefficients, start: ResonatorState | None = None
) -> ResonatorTrace:
    """Return the spikes, 0.0 or 1.0, and the state after each step.

    Args:
        drive_BTN: Input current, in units of the threshold.
        start: State before the first step; None is zero.
    """
    decay_N, gain_N, reset_N, read = coefficients
    zero_BN = torch.zeros_like(drive_BTN[:, 0])
    (re, im), s = start or ResonatorState(Complex(zero_BN, zero_BN), zero_BN)
    res, ims, spikes = [], [], []
    for x in (gain_N * drive_BTN).unbind(dim=1):
        re, im = (
            decay_N.re * re - decay_N.im * im + x - reset_N.re * s,
            decay_N.im * re + decay_N.re * im - reset_N.im * s,
        )
        s = spike(read * re - THRESHOLD)
        res.append(re)
        ims.append(im)
        spikes.append(s)
    return ResonatorTrace(torch.stack(spikes, 1), Complex(torch.stack(res, 1), torch.stack(ims, 1)))
