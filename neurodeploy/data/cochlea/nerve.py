"""From how fast the membrane moves to spikes: an inner hair cell, its forty nerve fibres, and their bushy cell.

The hair cell (Meddis, 1986, 1988) says how probable a spike is: transmitter goes from a free pool q through the cleft c
and a store w back to the pool, by explicit Euler steps, on whose length the result depends. The fibres are the only
random part of the cochlea. Constants of Cramer et al. 2020.
"""

import math
from typing import NamedTuple

REPLENISH = 5.05  # y, 1/s
RELEASE = 2000.0  # g, 1/s
LOSS = 2500.0  # l, 1/s
REUPTAKE = 6580.0  # r, 1/s
REPROCESS = 66.3  # x, 1/s
PERMEABLE_FROM = 5.0  # A
PERMEABLE_HALF = 300.0  # B
FIRING = 50_000.0  # h, 1/s
FULL = 1.0  # M
FIBRES = 40
REFRACTORY_S = 1e-3
"""Of fibres and of bushy cells."""
TAU_MEM_S = 1e-3
TAU_SYN_S = 0.5e-3
WEIGHT = 13_000.0 / FIBRES


class Pools(NamedTuple):
    """Transmitter in the free pool, the cleft and the store."""

    free: float
    cleft: float
    store: float


def rest() -> Pools:
    """Return the pools in silence, where everything that flows is in balance."""
    k = RELEASE * PERMEABLE_FROM / (PERMEABLE_FROM + PERMEABLE_HALF)
    cleft = FULL * REPLENISH * k / (LOSS * k + REPLENISH * (LOSS + REUPTAKE))
    return Pools(cleft * (LOSS + REUPTAKE) / k, cleft, cleft * REUPTAKE / REPROCESS)


def refractory_steps(dt_s: float) -> int:
    """Return how many steps after a spike the next one may come.

    >>> refractory_steps(1 / 24_000)
    24
    """
    return math.ceil(round(REFRACTORY_S / dt_s, 6))
