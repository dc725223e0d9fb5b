"""Initial states that make a bias start with the input, not with the chip.

On the chip a layer sees its first input `start` steps late, one per connection on the way, but its
bias acts from the first step on. The initial state is chosen so that exactly at that moment the
layer stands where the graph's neurons start: the leak is inverted in integers, step by step.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neurodeploy.fixedpoint import rules
from neurodeploy.fixedpoint.rules import IntArray


class Charge(NamedTuple):
    """Current and potential before the first step (N,), chip units."""

    u: IntArray
    v: IntArray


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
    """Return the state before step 0 from which step `start` begins at (u_then, v_then), and a note.

    The note is empty when it succeeds. Where a state would leave 24 bits, or a potential would
    cross the threshold on the way, all start at `u_then` and `v_then` and the note says so.
    """
    zero = np.zeros_like(bias)
    lasting = kept_v > 0  # the others begin every step anew
    needed = bool(bias.any() or v_then.any())
    plain = Charge(u_then, v_then)
    if not needed:
        return plain, ""
    early = f"its bias acts {start} step(s) before the first input, because no initial state avoids it"
    u = np.where(kept_u > 0, u_then, zero)
    v = v_then
    for _ in range(start):
        v = np.where(lasting, v, u + bias)
        before_v = _unleaked(v - u - bias, kept_v)
        before_u = _unleaked(u, kept_u)
        if before_v is None or before_u is None or (v > threshold).any():
            return plain, early
        u, v = before_u, before_v
    return Charge(u, v), ""


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
