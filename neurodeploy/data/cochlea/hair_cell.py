"""The inner hair cell of Meddis (1986, 1988): how probable a spike is, from how fast the membrane moves.

Transmitter goes from a free pool q through the cleft c and a store w back to the pool. Constants of
Cramer et al. 2020; explicit Euler steps, on whose length the result depends.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

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


def spike_probability(velocity_TC: np.ndarray, dt_s: float) -> np.ndarray:
    """Return the probability (T, C) that a fibre of the hair cell spikes in a step.

    Args:
        velocity_TC: Velocity of the membrane.
        dt_s: Length of a step; the result depends on it, since the steps are explicit.
    """
    start = rest()
    free, cleft, store = (np.full(velocity_TC.shape[1], level) for level in (start.free, start.cleft, start.store))
    found = np.empty(velocity_TC.shape)
    shifted_TC = np.maximum(velocity_TC + PERMEABLE_FROM, 0)
    release_TC = RELEASE * dt_s * shifted_TC / (shifted_TC + PERMEABLE_HALF)
    for step, release in enumerate(release_TC):
        replenished = np.maximum(REPLENISH * dt_s * (FULL - free), 0)
        ejected = release * free
        reprocessed = REPROCESS * dt_s * store
        free = np.maximum(free + replenished - ejected + reprocessed, 0)
        store = np.maximum(store + REUPTAKE * dt_s * cleft - reprocessed, 0)
        cleft = np.maximum(cleft + ejected - (LOSS + REUPTAKE) * dt_s * cleft, 0)
        found[step] = FIRING * dt_s * cleft
    return found
