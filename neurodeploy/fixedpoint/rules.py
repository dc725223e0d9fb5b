"""The integer step of Loihi's leaky integrate-and-fire neuron, each rule stated once.

What they agree with: lava-nc 0.10.0, `proc/lif/models.py` (`PyLifModelBitAcc`), `proc/dense/models.py`
(`PyDenseModelBitAcc`) and `utils/weightutils.py`, in every spike, current and potential.

What a step needs takes tensors of torch as well as arrays: it is written in operators and `clip`, which both have.

Axes: any shape; the last axis counts neurons, so a batch is an axis in front of it.
"""

from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
Numbers = TypeVar("Numbers", bound=Any)
"""Arrays of numpy, or tensors of torch."""

STATE_BITS = 24
STATE_LIMIT = 1 << (STATE_BITS - 1)
"""Currents wrap, and potentials saturate, at plus and minus this value."""
DECAY_BITS = 12
DECAY_ONE = 1 << DECAY_BITS
THRESHOLD_BITS = 17
NEVER = 1 << THRESHOLD_BITS
"""A threshold mantissa that no potential reaches: potentials saturate one below it."""
ALIGN_SHIFT = 6
"""Thresholds and synaptic sums are shifted left by this to line up with the state."""
BIAS_MANTISSA_BITS = 13
BIAS_EXPONENT_MAX = 7
WEIGHT_BITS = 8
WEIGHT_EXPONENT_MIN, WEIGHT_EXPONENT_MAX = -8, 7
DELAY_MAX = 63
"""Steps a spike can wait beyond the one that every connection takes: a field of 6 bits."""
MESSAGE_BITS = 24
"""Signed width of a graded spike."""
REFRACTORY_MAX = 63
SIGN_MIXED, SIGN_EXCITATORY, SIGN_INHIBITORY = "mixed", "excitatory", "inhibitory"
SIGN_FROM_VALUES = "auto"
SIGNS = (SIGN_FROM_VALUES, SIGN_MIXED, SIGN_EXCITATORY, SIGN_INHIBITORY)

RESET_ZERO = "zero"
RESET_SUBTRACT = "subtract"
RESETS = (RESET_ZERO, RESET_SUBTRACT)
SOFTMAX = "softmax"
READOUTS = ("spikes", "v_last", "v_max", "v_sum", SOFTMAX)
"""What the class is read from: the output's spike counts, or its potentials after the last step, their
largest value, their sum, or the sum of their softmax over the classes, from the step on at which its
first input can arrive. For the last one the host reads every potential at every step."""


class State(NamedTuple):
    """Current, potential and spikes of one layer after a step, and which currents wrapped; all of the same shape."""

    u: IntArray
    v: IntArray
    spikes: npt.NDArray[np.bool_]
    wrapped: npt.NDArray[np.bool_]


def kept_of_current(du: npt.ArrayLike) -> IntArray:
    """Return the part of the current kept in a step, in 1/4096: Loihi adds one to `du`."""
    return DECAY_ONE - (_whole(du) + 1)


def kept_of_potential(dv: npt.ArrayLike) -> IntArray:
    """Return the part of the potential kept in a step, in 1/4096."""
    return DECAY_ONE - _whole(dv)


def leak_toward_zero(state: Numbers, kept: Numbers) -> Numbers:
    """Return the state after one leak step, rounded toward zero.

    Args:
        state: Integer, any shape. Current or potential in chip units, at most 24 bits.
        kept: Part kept in the step in 1/4096, from 0 (no memory) to 4096 (perfect memory).

    >>> leak_toward_zero(np.array([100, -100]), kept=2048)
    array([ 50, -50])
    >>> leak_toward_zero(np.array([-1]), kept=4095)  # a plain right shift would stay at -1
    array([0])
    """
    return rounded_to_zero(state * kept, DECAY_BITS)


def wrap_current(u: IntArray) -> IntArray:
    """Return the current wrapped once around 24 bits; +2^23 stays, -2^23 becomes +2^23."""
    return u + 2 * STATE_LIMIT * (u <= -STATE_LIMIT) - 2 * STATE_LIMIT * (u > STATE_LIMIT)


def wrap_sum(total: Numbers) -> Numbers:
    """Return a convolution's sum wrapped into 24 signed bits, -2^23 included.

    >>> wrap_sum(np.array([STATE_LIMIT - 1, STATE_LIMIT, -STATE_LIMIT]))
    array([ 8388607, -8388608, -8388608])
    """
    return (total + STATE_LIMIT) % (2 * STATE_LIMIT) - STATE_LIMIT


def saturate_potential(v: IntArray) -> IntArray:
    """Return the potential clipped to plus and minus (2^23 - 1)."""
    return v.clip(1 - STATE_LIMIT, STATE_LIMIT - 1)


def effective_bias(bias_mant: npt.ArrayLike, bias_exp: npt.ArrayLike) -> IntArray:
    """Return what is added to the potential every step: the mantissa shifted by the exponent.

    >>> effective_bias([3, -3], 2), effective_bias([3, -3], -1)
    (array([ 12, -12]), array([ 1, -2]))
    """
    return shift_by_exponent(_whole(bias_mant), bias_exp)


def shift_by_exponent(value: IntArray, exponent: npt.ArrayLike) -> IntArray:
    """Return `value` shifted left by a positive exponent, or right (floor) by a negative one."""
    exponent = _whole(exponent)
    return np.where(exponent >= 0, value << np.maximum(exponent, 0), value >> np.maximum(-exponent, 0))


def sign_mode(weight: npt.ArrayLike) -> str:
    """Return the sign mode that Lava takes from the values; zeros alone are excitatory."""
    weight = np.asarray(weight)
    if not weight.size or weight.min() >= 0:
        return SIGN_EXCITATORY
    return SIGN_INHIBITORY if weight.max() <= 0 else SIGN_MIXED


def loihi_weights(weight: npt.ArrayLike, weight_bits: int = WEIGHT_BITS, sign: str = SIGN_FROM_VALUES) -> IntArray:
    """Return the weights as the synapse memory holds them.

    A matrix of mixed signs pays one bit for the sign and loses its low bit toward minus infinity;
    a matrix of one sign uses 0..255, and a weight of the other sign becomes 0.

    Args:
        sign: "mixed", "excitatory", "inhibitory", or "auto": from the values, as in Lava.

    >>> loihi_weights([[-3, 3, 300]])
    array([[ -4,   2, 254]])
    >>> loihi_weights([[1, 3, 300]]), loihi_weights([[-3, -300]])
    (array([[  1,   3, 255]]), array([[  -3, -255]]))
    """
    weight = np.asarray(weight)
    # int16 holds every weight, in a quarter of the room.
    weight = weight if weight.dtype == np.int16 else _whole(weight)
    low, high = (int(weight.min()), int(weight.max())) if weight.size else (0, 0)
    sign = sign_mode((low, high)) if sign == SIGN_FROM_VALUES else sign
    mixed, inhibitory = sign == SIGN_MIXED, sign == SIGN_INHIBITORY
    low, high = (-high, -low) if inhibitory else (low, high)
    lowest, highest = -(1 << WEIGHT_BITS) if mixed else 0, (1 << WEIGHT_BITS) - 1
    dropped = WEIGHT_BITS - weight_bits + int(mixed)
    if lowest <= low and high <= highest and not int(np.bitwise_or.reduce(weight, axis=None)) & ((1 << dropped) - 1):
        return weight  # on that grid already, as quantised weights are
    magnitude = -weight if inhibitory else weight
    clipped = np.clip(magnitude, lowest, highest)
    truncated = clipped >> dropped << dropped
    return -truncated if inhibitory else truncated


def step(
    u: IntArray,
    v: IntArray,
    activation: IntArray,
    *,
    kept_u: IntArray,
    kept_v: IntArray,
    bias: IntArray,
    threshold: IntArray,
    reset: str,
    resting: npt.NDArray[np.bool_] | None = None,
    at_threshold: bool = False,
) -> State:
    """Return a layer's state after one step.

    Order: leak the current, add the input, wrap; leak the potential, add current and bias,
    saturate; compare; reset the potential, keep the current.

    Args:
        u, v: Current and potential before the step, chip units.
        activation: Sum of the synapses after their weight exponent, before the alignment shift.
        kept_u, kept_v: From `kept_of_current` and `kept_of_potential`.
        bias: From `effective_bias`.
        threshold: Threshold mantissa, already shifted left by `ALIGN_SHIFT`.
        reset: "zero" (Lava's LIF) or "subtract" (the threshold is taken off).
        resting: Neurons in their refractory period: the potential stays as it is, and does not spike.
        at_threshold: Spikes where the potential reaches the threshold; else where it is above, as in Lava.
    """
    unwrapped = as_int32(leak_toward_zero(u, kept_u) + (activation << ALIGN_SHIFT))
    u = wrap_current(unwrapped)
    moved = saturate_potential(as_int32(leak_toward_zero(v, kept_v) + u + bias))
    spikes = moved > threshold - int(at_threshold)
    if resting is not None:
        moved = moved + (v - moved) * resting
        spikes = spikes & ~resting
    v = moved - threshold * spikes if reset == RESET_SUBTRACT else moved * ~spikes
    return State(u, v, spikes, u != unwrapped)


def as_int32(value: Numbers) -> Numbers:
    """Return the value after the overflow of Lava's int32 arrays.

    A current wraps around 24 bits only once a step, and so may grow until it meets this one.
    """
    return (value + (1 << 31) & (1 << 32) - 1) - (1 << 31)


def rounded_to_zero(product: Numbers, bits: int) -> Numbers:
    """Return the product over 2^bits, rounded toward zero.

    >>> rounded_to_zero(np.array([-4097, 4097, -4095]), 12)
    array([-1,  1,  0])
    """
    # A shift alone rounds toward minus infinity; -1 where the product is negative adds all that it would cut off.
    return product + (product >> 63 & (1 << bits) - 1) >> bits


def _whole(value: npt.ArrayLike) -> IntArray:
    return np.asarray(value).astype(np.int64, copy=False)
