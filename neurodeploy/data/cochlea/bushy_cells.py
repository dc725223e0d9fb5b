"""Forty nerve fibres of each hair cell, and the bushy cell that they drive: probabilities to spikes.

The fibres are the only random part of the cochlea (Cramer et al. 2020).
"""

from __future__ import annotations

import math

FIBRES = 40
REFRACTORY_S = 1e-3
"""Of fibres and of bushy cells."""
TAU_MEM_S = 1e-3
TAU_SYN_S = 0.5e-3
WEIGHT = 13_000.0 / FIBRES


def refractory_steps(dt_s: float) -> int:
    """Return how many steps after a spike the next one may come.

    >>> refractory_steps(1 / 24_000)
    24
    """
    return math.ceil(round(REFRACTORY_S / dt_s, 6))
