"""Neurons without a leak (NIR's IF): what a time step makes of their gain, and how long they take to their first spike.

A step of dt adds r * dt of a weight. Frameworks add weights whole and store r = 1: only a step of 1 keeps that.
"""

from collections.abc import Iterator

import numpy as np

from neurodeploy.graph.doctor.problems import WARNS, Problem, flat
from neurodeploy.graph.euler import Population
from neurodeploy.graph.network import AnyPopulation, Network
from neurodeploy.graph.stored import Tree
from neurodeploy.phrases import Phrase

SLOW_STEPS = 1000
"""Steps to the first spike, with every input spiking in every one, from which on a layer is as good as silent."""


def whole_steps(tree: Tree) -> float | None:
    """Return the time step that adds weights whole, seconds; None for a graph without such neurons."""
    found = [np.asarray(node["r"]) for _, node in flat(tree) if node.get("type") == "IF" and "r" in node]
    rates = [float(np.median(one)) for one in found if one.dtype.kind in "iuf" and one.size and (one > 0).all()]
    return 1 / max(rates) if rates else None


def of_slow(network: Network) -> Iterator[Problem]:
    """Yield the populations without a leak whose first spike takes a great many steps whatever the input."""
    for one in network.populations:
        if not isinstance(one, Population) or not one.spiking or not (one.beta == 1).all():
            continue
        steps = steps_to_first_spike(network, one)
        if steps <= SLOW_STEPS:
            continue
        first = "it never spikes" if np.isinf(steps) else f"its first spike takes at least {steps:,.0f} steps"
        text = f"with every input spiking in every step, {first} of {network.dt_s:g} s: a step adds r * dt of a weight"
        gain = float(np.median(one.current_gain * one.input_gain))
        remedy = Phrase(
            "give {dt_s:{whole:.3g}}, which adds weights whole, if it was trained so", whole=network.dt_s / gain
        )
        yield Problem("units", one.name, WARNS, text, remedy)


def steps_to_first_spike(network: Network, one: AnyPopulation) -> float:
    """Return the least steps from rest to the first spike of any neuron of a population without a leak.

    A neuron that gains g thresholds a step spikes in the first step n with n g > 1.
    """
    most = np.zeros(one.n_neurons)
    for synapses in network.into(one.name):
        rows = _sums(synapses.weight)
        most += np.repeat(rows, one.n_neurons // len(rows))
    drift = one.drift if isinstance(one, Population) else 0.0
    gain = float((one.weight_gain * (most + one.bias) + drift).max())
    return float(np.floor(1 / gain)) + 1 if gain > 0 else np.inf


def _sums(weight: np.ndarray) -> np.ndarray:
    return np.maximum(weight, 0).reshape(len(weight), -1).sum(axis=1)
