"""The cochlea's equations in double precision, as SHD and SSC were made: slow, and what compiled code is held against.

The chain is `prepare`, the velocity of each place of the membrane, the probability of a spike of each hair cell, the
spikes of its fibres, and those of its bushy cell. Sources: `neurodeploy.data.cochlea`. Axes: T step, C channel.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import fft

from neurodeploy.data.cochlea.basilar_membrane import Membrane, places
from neurodeploy.data.cochlea.encode import SSC
from neurodeploy.data.cochlea.kernels import (
    FIBRES,
    FIRING,
    FULL,
    LOSS,
    PERMEABLE_FROM,
    PERMEABLE_HALF,
    RELEASE,
    REPLENISH,
    REPROCESS,
    REUPTAKE,
    TAU_MEM_S,
    TAU_SYN_S,
    WEIGHT,
    refractory_steps,
    rest,
)
from neurodeploy.data.cochlea.prepare import prepare
from neurodeploy.data.cochlea.settings import CochleaSettings

THRESHOLD = 1.0
"""Of the bushy cells."""


def velocity(samples: np.ndarray, rate: int, channels: int) -> np.ndarray:
    """Return the velocity (T, C) of each place, float64, with T = len(samples) // 2 + 1 steps.

    The one-sided spectrum is turned back with as many points as it has, so steps come at half the audio
    rate and sound above a quarter of it folds down. The clip is taken as one period of a periodic sound.

    Args:
        samples: Prepared audio.
        rate: Its samples a second.
    """
    n_steps = len(samples) // 2 + 1
    spectrum = fft.fft(samples)[:n_steps]
    membrane = Membrane(np.linspace(1.0, rate // 2, n_steps))
    found = np.empty((n_steps, channels))
    for channel, place in enumerate(places(channels)):
        found[:, channel] = fft.ifft(membrane.response(place) * spectrum).real
    return found


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


def encode_exactly(
    samples: np.ndarray, rate: int, settings: CochleaSettings = SSC, *, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return the spikes that the data sets' own program would give after `numpy.random.seed(seed)`.

    In double precision, with numpy's legacy stream, and slow: half a minute for a second of sound.

    Args:
        samples: Mono, any scale.
        rate: Samples a second.
    """
    velocity_TC = velocity(prepare(samples, rate, settings), settings.rate, settings.channels)
    probability_TC = spike_probability(velocity_TC, settings.dt_s)
    counts_TC = fibre_spikes(probability_TC, settings.dt_s, np.random.RandomState(seed))
    steps, units = bushy_cell_spikes(counts_TC, settings.dt_s)
    return steps / settings.step_rate, units.astype(np.uint16)
