"""Forty nerve fibres of each hair cell, and the bushy cell that they drive: probabilities to spikes.

The fibres are the only random part of the cochlea (Cramer et al. 2020).
"""

from __future__ import annotations

import math

import numpy as np

FIBRES = 40
REFRACTORY_S = 1e-3
"""Of fibres and of bushy cells."""
TAU_MEM_S = 1e-3
TAU_SYN_S = 0.5e-3
WEIGHT = 13_000.0 / FIBRES
THRESHOLD = 1.0


def refractory_steps(dt_s: float) -> int:
    """Return how many steps after a spike the next one may come.

    >>> refractory_steps(1 / 24_000)
    24
    """
    return math.ceil(round(REFRACTORY_S / dt_s, 6))


def fibre_spikes(probability_TC: np.ndarray, dt_s: float, random: np.random.RandomState) -> np.ndarray:
    """Return how many fibres of each channel spike in each step, (T, C) int64.

    A spike that comes too early after the last one of its fibre that was kept is dropped. Channels are
    drawn one after the other, one uniform number for each step and fibre: with numpy's legacy stream
    these are the numbers that the data sets' own program would draw.

    Args:
        probability_TC: Of a spike of one fibre.
        random: Where the uniform numbers come from.
    """
    n_steps, n_channels = probability_TC.shape
    counts_TC = np.zeros((n_steps, n_channels), np.int64)
    apart = refractory_steps(dt_s)
    for channel in range(n_channels):
        fires = random.rand(n_steps, FIBRES) < probability_TC[:, channel, None]
        last = [-apart] * FIBRES
        for step, fibre in zip(*(one.tolist() for one in np.nonzero(fires)), strict=True):
            if step - last[fibre] >= apart:
                last[fibre] = step
                counts_TC[step, channel] += 1
    return counts_TC


def bushy_cell_spikes(counts_TC: np.ndarray, dt_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Return step and unit of every spike of the bushy cells, in order of step, then unit.

    A leaky integrate-and-fire neuron a channel. A spike carries the step in which the potential reached
    the threshold; it is sent in the next one, so that one in the very last step is lost.

    Args:
        counts_TC: Fibre spikes.
    """
    keep_v, keep_i = math.exp(-dt_s / TAU_MEM_S), math.exp(-dt_s / TAU_SYN_S)
    apart = refractory_steps(dt_s)
    n_steps, n_channels = counts_TC.shape
    v, current = np.zeros(n_channels), np.zeros(n_channels)
    waits = np.zeros(n_channels, np.int64)
    fired_TC = np.zeros((n_steps, n_channels), bool)
    for step in range(n_steps):
        if step:
            awake = waits <= 0
            fired = awake & (v >= THRESHOLD)
            fired_TC[step - 1] = fired
            v = np.where(awake & ~fired, v * keep_v, 0.0)
            waits = np.where(fired, apart, waits)
            current = current * keep_i
        current = current + counts_TC[step]
        v = np.where(waits <= 0, v + current * WEIGHT * dt_s, v)
        v = np.minimum(v, THRESHOLD)
        waits = waits - 1
    steps, units = np.nonzero(fired_TC)
    return steps, units
