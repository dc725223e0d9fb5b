"""The inner hair cell of Meddis (1986, 1988), which makes of how fast the membrane moves how probable a spike is.

Transmitter goes from a free pool q through the cleft c and a store w back to the pool. Constants of
Cramer et al. 2020; explicit Euler steps, on whose length the result depends.
"""

from __future__ import annotations

from dataclasses import dataclass

REPLENISH = 5.05  # y, 1/s
RELEASE = 2000.0  # g, 1/s
LOSS = 2500.0  # l, 1/s
REUPTAKE = 6580.0  # r, 1/s
REPROCESS = 66.3  # x, 1/s
PERMEABLE_FROM = 5.0  # A
PERMEABLE_HALF = 300.0  # B
FIRING = 50_000.0  # h, 1/s
FULL = 1.0  # M


@dataclass(frozen=True)
class Pools:
    """Transmitter in the free pool, the cleft and the store."""

    free: float
    cleft: float
    store: float


def rest() -> Pools:
    """Return the pools in silence, where everything that flows is in balance."""
    k = RELEASE * PERMEABLE_FROM / (PERMEABLE_FROM + PERMEABLE_HALF)
    cleft = FULL * REPLENISH * k / (LOSS * k + REPLENISH * (LOSS + REUPTAKE))
    return Pools(cleft * (LOSS + REUPTAKE) / k, cleft, cleft * REUPTAKE / REPROCESS)
