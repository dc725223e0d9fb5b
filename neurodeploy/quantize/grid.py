"""The grids that the chip's fields allow, as functions of real numbers; numpy only.

The same functions quantise torch weights during fine-tuning, real-valued networks after training,
and make the integers of a Program, so that the three cannot disagree.

Units: weights, biases and potentials are in units of the distance from reset to threshold.
"""

from collections.abc import Sequence

import numpy as np

from neurodeploy.fixedpoint import rules
from neurodeploy.fixedpoint.rules import IntArray

MIN_WEIGHT_BITS, MAX_WEIGHT_BITS = 2, 8
WIDEST = 16
"""Bits of a wide weight, which two synapses of 8 bits hold."""
HALF = 1 << WIDEST - MAX_WEIGHT_BITS
"""What the upper half of a wide weight counts in."""


def weight_step(weight_bits: int) -> int:
    """Return the distance between neighbouring integer weights: 2 at 8 bits with both signs, 1 at 16.

    >>> [weight_step(bits) for bits in (8, 4, 16, 12)]
    [2, 32, 1, 16]
    """
    return 2 << (MAX_WEIGHT_BITS - weight_bits) if weight_bits <= MAX_WEIGHT_BITS else 1 << (WIDEST - weight_bits)


def weight_limit(weight_bits: int) -> int:
    """Return the largest integer weight; the range is symmetric, so that sign modes cannot clip it.

    Of wide weights that is what two halves of -128 to 127 hold.

    >>> weight_limit(8), weight_limit(4), weight_limit(16)
    (254, 224, 32639)
    """
    most, step = (1 << (weight_bits - 1)) - 1, weight_step(weight_bits)
    wide = (HALF // 2 - 1) * (HALF + 1) // step
    return (most if weight_bits <= MAX_WEIGHT_BITS else min(most, wide)) * step


def exponents(weight_bits: int) -> tuple[int, int]:
    """Return the smallest and the largest exponent; of wide weights those that leave both halves one of the chip's."""
    least, most = rules.WEIGHT_EXPONENT_MIN, rules.WEIGHT_EXPONENT_MAX
    return (least, most) if weight_bits <= MAX_WEIGHT_BITS else (least - LOW_EXPONENT, most - HIGH_EXPONENT)


HIGH_EXPONENT, LOW_EXPONENT = WIDEST - MAX_WEIGHT_BITS - 1, -1
"""What is added to the exponent of wide weights for their upper and their lower half, which are stored doubled."""


def halves(wide: IntArray) -> tuple[IntArray, IntArray]:
    """Return wide weights as two matrices of even weights, -256 to 254, exactly: wide = 128 upper + lower / 2.

    >>> halves(np.array([32639, -300, 5]))
    (array([254,  -2,   0]), array([254, -88,  10]))
    """
    low = (wide + HALF // 2 & HALF - 1) - HALF // 2
    return 2 * ((wide - low) // HALF), 2 * low


Exponent = int | Sequence[int] | np.ndarray
"""One for all weights of a connection, or one for each row."""


def power(weight_exp: Exponent, n_axes: int) -> np.ndarray:
    """Return 2^exponent in a shape that multiplies weights of `n_axes` axes, row by row where there are several."""
    exponent = np.asarray(weight_exp, np.float64)
    return 2.0 ** exponent.reshape(exponent.shape + (1,) * (n_axes - 1 if exponent.ndim else 0))


def weight_integers(weight: np.ndarray, vth_mant: float, weight_exp: Exponent, weight_bits: int) -> IntArray:
    """Return real weights as the chip's integers: nearest, ties to even, clipped to the range.

    A spike adds (integer << weight_exp << 6) to a current whose threshold is vth_mant << 6. Of sources that send
    values, `vth_mant` is taken by what they send for 1.
    """
    most = weight_limit(weight_bits) // weight_step(weight_bits)
    levels = _levels(weight, vth_mant, weight_exp, weight_bits)
    return np.clip(levels, -most, most).astype(np.int64) * weight_step(weight_bits)


def clipped(weight: np.ndarray, vth_mant: float, weight_exp: Exponent, weight_bits: int) -> np.ndarray:
    """Return True for real weights that round beyond the largest integer, which they become."""
    levels = _levels(weight, vth_mant, weight_exp, weight_bits)
    return np.asarray(np.abs(levels) > weight_limit(weight_bits) // weight_step(weight_bits))


def _levels(weight: np.ndarray, vth_mant: float, weight_exp: Exponent, weight_bits: int) -> np.ndarray:
    return np.rint(weight * (vth_mant / (weight_step(weight_bits) * power(weight_exp, weight.ndim))))


def weight_values(integers: IntArray, vth_mant: float, weight_exp: Exponent) -> np.ndarray:
    """Return what integer weights stand for, in units of the threshold."""
    return integers * (power(weight_exp, integers.ndim) / vth_mant)


def joined(high: IntArray, low: IntArray) -> IntArray:
    """Return the wide weights that `halves` took apart."""
    return high.astype(np.int64) * (HALF // 2) + low // 2


def du_of(alpha: np.ndarray) -> IntArray:
    """Return the 12-bit decay of the current for the part kept in a step; Loihi adds one to it."""
    return np.clip(np.rint(rules.DECAY_ONE * (1 - np.asarray(alpha))) - 1, 0, rules.DECAY_ONE - 1).astype(np.int64)


def dv_of(beta: np.ndarray) -> IntArray:
    """Return the 12-bit decay of the potential for the part kept in a step.

    A potential that keeps nothing would need 4096; it keeps 1/4096 instead.
    """
    return np.clip(np.rint(rules.DECAY_ONE * (1 - np.asarray(beta))), 0, rules.DECAY_ONE - 1).astype(np.int64)


def bias_fields(bias: np.ndarray) -> tuple[IntArray, int]:
    """Return chip-unit biases (N,) as mantissas and the smallest shared exponent that holds them.

    Values beyond 13 bits at exponent 7 are clipped; `plan.layer_plan` keeps thresholds low enough.

    >>> bias_fields(np.array([4095.0, -3.2])), bias_fields(np.array([8191.0, 5.0]))
    ((array([4095,   -3]), 0), (array([4095,    2]), 1))
    """
    most = (1 << rules.BIAS_MANTISSA_BITS - 1) - 1
    largest = float(np.abs(bias).max(initial=0.0))
    exponent = 0
    while exponent < rules.BIAS_EXPONENT_MAX and largest / (1 << exponent) > most + 0.5:
        exponent += 1
    mantissa = np.clip(np.rint(bias / (1 << exponent)), -most, most)
    return mantissa.astype(np.int64), exponent
