"""Calibration: how far states go, how often neurons fire and what they fire together with.

Axes: B sample, T step, N neuron, I inputs of a population, all its connections side by side.
"""

import numpy as np

from neurodeploy.backends import reference
from neurodeploy.backends.trace import Trace, check_spikes
from neurodeploy.errors import PrecisionError
from neurodeploy.graph.euler import Population
from neurodeploy.graph.network import Network
from neurodeploy.graph.paths import INPUT
from neurodeploy.mapping.discretize_dynamics import Measured

SAMPLES = 128
"""Samples that calibration looks at; more change the choices little."""
MOST_STATES = 1 << 26
"""Neurons times steps times samples; large networks look at fewer samples, at least `FEWEST`."""
FEWEST = 16
MOST_INPUTS = 4096
"""Inputs of a population whose second moment is measured; it takes time with their cube."""


def chosen(network: Network, spikes_BTI: np.ndarray) -> np.ndarray:
    """Return the first samples, as many as calibration looks at."""
    states = sum(one.n_neurons for one in network.populations) * spikes_BTI.shape[1]
    return spikes_BTI[: min(SAMPLES, max(FEWEST, MOST_STATES // max(states, 1)))]


def spread_over(n_samples: int, most: int = SAMPLES) -> np.ndarray:
    """Return the indices of at most `most` samples, evenly over all: the first ones may be of a single class.

    >>> spread_over(10, 4)
    array([0, 2, 5, 7])
    """
    n_chosen = min(n_samples, most)
    return np.arange(n_chosen) * n_samples // n_chosen


def measure(network: Network, spikes_BTI: np.ndarray) -> dict[str, Measured]:
    """Return what the first samples show of every population and of the input.

    Raises:
        DataError: the spikes do not fit.
        PrecisionError: a state grows beyond all bounds, so no precision can hold it.
    """
    spikes = check_spikes(
        chosen(network, np.asarray(spikes_BTI)), network.n_inputs, "calibration", graded=network.graded_input
    )
    with np.errstate(over="ignore", invalid="ignore"):  # told below, in a line of our own
        trace = reference.run(network, spikes, record=True)
    rates = spikes.mean(axis=(0, 1))
    found = {INPUT: Measured(np.zeros_like(rates), np.zeros_like(rates), rates, np.zeros((0, 0)))}
    for one in network.populations:
        states = trace.layers[one.name]
        # The recorded potential is the one after the reset; a spike stood above the threshold by
        # less than the current it received.
        u_peak = np.abs(states.u_BTN).max(axis=(0, 1))
        v_peak = np.abs(states.v_BTN).max(axis=(0, 1))
        if isinstance(one, Population) and one.spiking:
            v_peak = v_peak + one.current_gain * u_peak
        if not (np.isfinite(u_peak).all() and np.isfinite(v_peak).all()):
            raise PrecisionError(
                "its states grow without bound on the calibration data, no width holds them",
                "train it stable, or calibrate on shorter samples",
                where=one.name,
            )
        moment = _moment(network, one, spikes, trace) if isinstance(one, Population) else np.zeros((0, 0))
        found[one.name] = Measured(u_peak, v_peak, states.spikes_BTN.mean(axis=(0, 1)), moment)
    return found


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
