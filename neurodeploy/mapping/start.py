"""Initial states that make a bias start with the input, not with the chip.

On the chip a layer sees its first input `start` steps late, one per connection on the way, but its
bias acts from the first step on. The initial state is chosen so that exactly at that moment the
layer stands where the graph's neurons start: the leak is inverted in integers, step by step. Where
that would begin above the threshold (a negative bias) or beyond 24 bits, the potential rests until
then, as after a spike.
"""

from typing import NamedTuple

import numpy as np

from neurodeploy.fixedpoint import rules
from neurodeploy.fixedpoint.rules import IntArray

RESTS = (
    "rests until its input begins, because no initial state makes up for its bias; Lava's LIF cannot, so Lava runs our "
    "own process for it"
)
BEGIN = "rest until their own first frame has come; Lava's LIF cannot, so Lava runs our own process for them"


class Charge(NamedTuple):
    """Current and potential before the first step (N,), chip units, and the steps in which the potential rests."""

    u: IntArray
    v: IntArray
    rest: int = 0


def charged(
    *,
    start: int,
    kept_u: IntArray,
    kept_v: IntArray,
    bias: IntArray,
    u_then: IntArray,
    v_then: IntArray,
    threshold: int,
) -> tuple[Charge, str]:
    """Return the state before step 0 from which step `start` begins at (u_then, v_then).

    The second is empty when it succeeds. Where a current would leave 24 bits, or must rest longer than a chip can,
    all start at `u_then` and `v_then` and it says so.
    """
    plain = Charge(u_then, v_then)
    if not (bias.any() or v_then.any()):
        return plain, ""
    zero = np.zeros_like(bias)
    lasting = kept_v > 0  # the others begin every step anew
    u: IntArray | None = np.where(kept_u > 0, u_then, zero)
    v: IntArray | None = v_then
    for _ in range(start):
        assert u is not None
        if v is not None:
            v = np.where(lasting, v, u + bias)
            v = None if (v > threshold).any() else _unleaked(v - u - bias, kept_v)
        u = _unleaked(u, kept_u)
        if u is None:
            break
    if u is not None and v is not None:
        return Charge(u, v), ""
    if u is not None and start <= rules.REFRACTORY_MAX:
        return Charge(u, v_then, start), ""
    return plain, f"its bias acts {start} step(s) before the first input, because no initial state avoids it"


def _unleaked(after: IntArray, kept: IntArray) -> IntArray | None:
    """Return integers that leak to `after` in one step, or None where there are none of 24 bits.

    >>> after = np.array([-5, 0, 7]); kept = np.array([2048, 0, 4000])
    >>> rules.leak_toward_zero(_unleaked(after, kept), kept)
    array([-5,  0,  7])
    """
    if ((kept == 0) & (after != 0)).any():
        return None
    size = -(-np.abs(after) * rules.DECAY_ONE // np.maximum(kept, 1))
    return None if (size >= rules.STATE_LIMIT).any() else np.sign(after) * size
