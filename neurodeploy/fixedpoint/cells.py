"""The integer step of neurons with two coupled states: adaptive ones, and resonators.

Both are our own: Loihi 2 runs them as neuron programs, and Lava as our own processes. The states are
24 bits wide. Coefficients are fractions of 2^`fraction_bits`. The products of one line are summed
exactly, then rounded toward zero once: a rotation by a pole inside the unit circle can then never
grow, whatever the rounding, because neither part of the result becomes larger.

    adaptive     w <- [beta w + a v] + jump s          resonator    x <- [re x - im y] + I + bias - drop s
                 v <- [alpha v - gain w] + I + bias - drop s        y <- [im x + re y] - drop_y s
                 s  = v > vth                                       s  = x > vth

Every line uses the spike s of the step before; v uses the new w; x and y use the old ones of both.
[.] is the rounded sum; the states saturate. I is the sum of the synapses after their exponents, in
state units. Source of the equations: Fabre et al., structured state space model dynamics and
parametrization for spiking neural networks (their code: Maxtimer97/SSM-inspired-LIF, bca1fbe).

Axes: any shape; the last axis counts neurons, so a batch is an axis in front of it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neurodeploy.fixedpoint.rules import STATE_LIMIT, IntArray

ADAPTIVE, RESONATOR = "adaptive", "resonator"
COEFFICIENTS = {ADAPTIVE: ("alpha", "gain", "beta", "a"), RESONATOR: ("re", "im")}
"""By kind, what a step multiplies states by."""
JUMPS = {ADAPTIVE: ("jump", "drop"), RESONATOR: ("drop", "drop_y")}
"""By kind, what a spike adds to the states, or takes from them."""
MIN_FRACTION_BITS, MAX_FRACTION_BITS = 4, 15
"""A 16-bit signed factor; its product with a 24-bit state stays within 40 bits."""
COEFFICIENT_LIMIT = 2
"""Coefficients lie between minus and plus this."""


class CellState(NamedTuple):
    """Both states and the spikes of one layer after a step, all of the same shape.

    `u` is the adaptation w, or the imaginary part y; `v` is the potential, or the real part x.
    """

    u: IntArray
    v: IntArray
    spikes: npt.NDArray[np.bool_]


def adaptive_step(
    state: CellState,
    activation: IntArray,
    *,
    alpha: IntArray,
    gain: IntArray,
    beta: IntArray,
    a: IntArray,
    jump: IntArray,
    drop: IntArray,
    bias: IntArray,
    vth: IntArray,
    fraction_bits: int,
) -> CellState:
    """Return the state of adaptive neurons after one step; see the head of this file.

    Args:
        activation: I, int32.
        alpha, gain, beta, a: Coefficients (N,), in 1 / 2^fraction_bits.
        jump, drop: What the last step's spike adds to w and takes from v (N,), state units.
        bias, vth: (N,), state units.
    """
    spiked = state.spikes.astype(np.int64)
    w = saturated(rounded_to_zero(beta * state.u + a * state.v, fraction_bits) + jump * spiked)
    kept = rounded_to_zero(alpha * state.v - gain * w, fraction_bits)
    v = saturated(kept + activation + bias - drop * spiked)
    return CellState(w, v, v > vth)


def resonator_step(
    state: CellState,
    activation: IntArray,
    *,
    re: IntArray,
    im: IntArray,
    drop: IntArray,
    drop_y: IntArray,
    bias: IntArray,
    vth: IntArray,
    fraction_bits: int,
) -> CellState:
    """Return the state of resonators after one step; see the head of this file.

    Args:
        activation: I, int32.
        re, im: The pole (N,), in 1 / 2^fraction_bits.
        drop, drop_y: What the last step's spike takes from both parts (N,), state units.
        bias, vth: (N,), state units.
    """
    spiked = state.spikes.astype(np.int64)
    x = rounded_to_zero(re * state.v - im * state.u, fraction_bits) + activation + bias - drop * spiked
    y = rounded_to_zero(im * state.v + re * state.u, fraction_bits) - drop_y * spiked
    x = saturated(x)
    return CellState(saturated(y), x, x > vth)


def rounded_to_zero(product: IntArray, fraction_bits: int) -> IntArray:
    """Return the product over 2^fraction_bits, rounded toward zero.

    >>> rounded_to_zero(np.array([-4097, 4097, -4095]), 12)
    array([-1,  1,  0])
    """
    return np.sign(product) * (np.abs(product) >> fraction_bits)


def saturated(state: IntArray) -> IntArray:
    """Return the state clipped to plus and minus (2^23 - 1)."""
    return np.clip(state, 1 - STATE_LIMIT, STATE_LIMIT - 1)
