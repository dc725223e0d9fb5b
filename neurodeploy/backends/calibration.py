"""Calibration: how far states go, how often neurons fire and what they fire together with.

Axes: B sample, T step, N neuron, I inputs of a population, all its connections side by side.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from neurodeploy.backends import reference
from neurodeploy.backends.trace import Trace, check_spikes
from neurodeploy.errors import PrecisionError
from neurodeploy.graph.euler import Population
from neurodeploy.graph.network import AnyPopulation, Network
from neurodeploy.graph.paths import INPUT
from neurodeploy.mapping.discretize_dynamics import Measured

SAMPLES = 128
"""Samples that calibration looks at; more change the choices little."""
MOST_STATES = 1 << 26
"""Neurons times steps times samples; of large networks it looks at fewer samples, at least `LEAST`."""
LEAST = 16
MOST_HELD = 1 << 24
"""The same of a batch, whose states are held."""
MOST_INPUTS = 4096
"""Inputs of a population whose second moment is measured; it takes time with their cube."""


def looked_at(network: Network, n_samples: int, n_steps: int) -> np.ndarray:
    """Return the indices of the samples that a choice looks at, spread over all."""
    return spread_over(n_samples, min(SAMPLES, max(LEAST, MOST_STATES // (_states(network) * n_steps))))


def _states(network: Network) -> int:
    return sum(one.n_neurons for one in network.populations)


def batches(network: Network, spikes_BTI: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield samples in batches whose states fit the memory, each with how many there are up to its end."""
    size = max(1, min(reference.BATCH, MOST_HELD // (_states(network) * spikes_BTI.shape[1])))
    for first in range(0, len(spikes_BTI), size):
        some = spikes_BTI[first : first + size]
        yield first + len(some), some


def spread_over(n_samples: int, most: int = SAMPLES) -> np.ndarray:
    """Return the indices of at most `most` samples, evenly over all: the first ones may be of a single class.

    >>> spread_over(10, 4)
    array([0, 2, 5, 7])
    """
    n_chosen = min(n_samples, most)
    return np.arange(n_chosen) * n_samples // n_chosen


def measure(network: Network, spikes_BTI: np.ndarray) -> dict[str, Measured]:
    """Return what samples show of every population and of the input; batch by batch.

    Raises:
        DataError: the spikes do not fit.
        PrecisionError: a state grows beyond all bounds, so no precision can hold it.
    """
    spikes = check_spikes(spikes_BTI, network.n_inputs, "calibration", graded=network.graded_input)
    rates = np.abs(spikes).mean(axis=(0, 1))  # of values their size, as the rounding of a weight errs by it
    found: dict[str, Measured] = {}
    for _, some in batches(network, spikes):
        with np.errstate(over="ignore", invalid="ignore"):  # told below, in a line of our own
            trace = reference.run(network, some, record=True)
        for one in network.populations:
            new = _measured(network, one, some, trace)
            found[one.name] = _joined(found[one.name], new) if one.name in found else new
    for one in network.populations:
        seen = found[one.name]
        # The recorded potential is the one after the reset; a spike stood above the threshold by
        # less than the current it received.
        above = one.current_gain * seen.u_peak if isinstance(one, Population) and one.spiking else 0.0
        per_step = seen.rates / (spikes.shape[0] * spikes.shape[1])
        found[one.name] = replace(seen, v_peak=seen.v_peak + above, rates=per_step)
    return {INPUT: Measured(np.zeros_like(rates), np.zeros_like(rates), rates, np.zeros((0, 0)))} | found


def _joined(one: Measured, other: Measured) -> Measured:
    """Return what two batches show, with their spikes where rates will be."""
    peaks = np.maximum(one.u_peak, other.u_peak), np.maximum(one.v_peak, other.v_peak)
    return Measured(*peaks, one.rates + other.rates, one.moment + other.moment)


def _measured(network: Network, one: AnyPopulation, spikes: np.ndarray, trace: Trace) -> Measured:
    """Return what a batch shows of a population, with its spikes where rates will be."""
    states = trace.layers[one.name]
    u_peak = np.abs(states.u_BTN).max(axis=(0, 1))
    v_peak = np.abs(states.v_BTN).max(axis=(0, 1))
    if not (np.isfinite(u_peak).all() and np.isfinite(v_peak).all()):
        raise PrecisionError(
            "its states grow without bound on the calibration data, no width holds them",
            "train it stable, or calibrate on shorter samples",
            where=one.name,
        )
    moment = _moment(network, one, spikes, trace) if isinstance(one, Population) else np.zeros((0, 0))
    return Measured(u_peak, v_peak, states.spikes_BTN.sum(axis=(0, 1)), moment)


def _moment(network: Network, population: Population, spikes: np.ndarray, trace: Trace) -> np.ndarray:
    """Return the second moment (I, I) of a population's inputs after its own filter, resets aside.

    It holds the inputs of matrices, and is empty where there are none or too many.
    """
    into = [synapses for synapses in network.into(population.name) if synapses.window is None]
    if not 0 < sum(synapses.n_inputs for synapses in into) <= MOST_INPUTS:
        return np.zeros((0, 0))
    parts = []
    for synapses in into:
        sent_BTI = spikes if synapses.source == INPUT else trace.layers[synapses.source].spikes_BTN
        sent_BTI = sent_BTI.astype(np.float64)
        # Where synapses of one source differ in delay, the shortest stands for all.
        late = int(synapses.arrival.min())
        if late:
            sent_BTI = np.concatenate([np.zeros_like(sent_BTI[:, :late]), sent_BTI[:, :-late]], axis=1)
        parts.append(sent_BTI)
    inputs_BTI = np.concatenate(parts, axis=2)
    alpha, beta = float(population.alpha.mean()), float(population.beta.mean())
    u = np.zeros_like(inputs_BTI[:, 0])
    v = np.zeros_like(u)
    moment = np.zeros((u.shape[1], u.shape[1]))
    for now in range(inputs_BTI.shape[1]):
        u = alpha * u + inputs_BTI[:, now]
        v = beta * v + u
        moment += v.T @ v
    return moment
