"""A user's module held against the graph read from it: every spike of every layer, step by step.

The module computes in float32, the reference in float64. A spike may move where a potential meets its threshold
within what float32 can tell apart; whatever follows in that sample is then another run. Any other difference means
that the graph is not the module.

Axes: B sample, T step, N neuron.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from neurodeploy.backends import reference
from neurodeploy.backends.trace import LayerTrace
from neurodeploy.certificate.difference import spike_agreement
from neurodeploy.frameworks.read import GraphOf
from neurodeploy.graph.euler import Population
from neurodeploy.graph.network import Network

FLOAT32 = 1e-5
"""Of the largest number that a potential is made of: what sums of some thousand float32 are off by."""
SAME_POTENTIAL = 1e-3
"""Of the largest potential: by how much those of a readout may differ."""


def against_module(read: GraphOf, network: Network) -> dict[str, Any]:
    """Return how the reference agrees with the module's own run on the sample input.

    Returns:
        `equal` (every spike), `same` (but for float32 rounding), `spike_agreement` (0..1), `spikes`,
        `samples`, `rounded` (samples in which rounding moved a spike), `layers` [{`name`, `module`, `spikes`,
        `spike_agreement`}], `potential_difference` (of a readout, as a part of its largest potential),
        `first_difference` in words, or None.
    """
    trace = reference.run(network, read.inputs_BTF, record=True)
    order = [one.name for one in network.populations if one.name in read.spikes]
    wrong = {name: trace.layers[name].spikes_BTN != read.spikes[name] for name in order}
    layers = [
        {
            "name": name,
            "module": read.nodes[name],
            "spikes": int(read.spikes[name].sum()),
            "spike_agreement": spike_agreement(trace.layers[name].spikes_BTN, read.spikes[name]),
        }
        for name in order
    ]
    n_samples = len(read.inputs_BTF)
    differs = np.zeros(n_samples, np.bool_)
    for one in wrong.values():
        differs |= one.any(axis=(1, 2))
    unexplained = [
        found
        for sample in np.flatnonzero(differs)
        if (found := _unexplained(read, network, trace.layers, wrong, order, int(sample))) is not None
    ]
    potential = max((_apart(trace.layers[name].v_BTN, v, differs) for name, v in read.potentials.items()), default=0.0)
    if potential > SAME_POTENTIAL:
        name = next(iter(read.potentials))
        unexplained.append(f"{read.nodes[name]}: its potentials differ by {100 * potential:.2g} % of the largest")
    every = [
        np.concatenate([part[name].ravel() for name in order]) for part in (_of(trace.layers), read.spikes) if order
    ]
    return {
        "equal": not differs.any() and potential <= SAME_POTENTIAL,
        "same": not unexplained,
        "spike_agreement": spike_agreement(every[0], every[1]) if order else 1.0,
        "spikes": sum(one["spikes"] for one in layers),
        "samples": n_samples,
        "rounded": int(differs.sum()) if not unexplained else 0,
        "layers": layers,
        "potential_difference": potential if read.potentials else None,
        "first_difference": min(unexplained, default=None),
    }


def _of(layers: dict[str, LayerTrace]) -> dict[str, np.ndarray]:
    return {name: one.spikes_BTN for name, one in layers.items()}


def _apart(found: np.ndarray, own: np.ndarray, skip: np.ndarray) -> float:
    """Return how far potentials are apart, as a part of the largest, in samples whose spikes are equal."""
    if skip.all():
        return 0.0
    largest = float(np.abs(own[~skip]).max()) or 1.0
    return float(np.abs(found[~skip] - own[~skip]).max()) / largest


def _unexplained(
    read: GraphOf,
    network: Network,
    layers: dict[str, LayerTrace],
    wrong: dict[str, np.ndarray],
    order: list[str],
    sample: int,
) -> str | None:
    """Return the first difference of a sample in words, or None where it is rounding."""
    steps = {name: np.flatnonzero(one[sample].any(axis=1)) for name, one in wrong.items()}
    first = min(int(found[0]) for found in steps.values() if len(found))
    name = next(one for one in order if first in steps[one])
    mine, population = layers[name], network.population(name)
    bad = np.flatnonzero(wrong[name][sample, first])
    if isinstance(population, Population):
        before = mine.v_BTN[sample, first - 1] if first else np.zeros(population.n_neurons)
        u = mine.u_BTN[sample, first]
        reached = population.beta * before + population.current_gain * u + population.leak
        largest = np.abs(population.current_gain * mine.u_BTN[sample]).max(axis=0) + np.abs(population.v_threshold)
        bad = np.flatnonzero(
            wrong[name][sample, first] & (np.abs(reached - population.v_threshold) > FLOAT32 * largest)
        )
        if not len(bad):
            return None
    return (
        f"{read.nodes[name]}: the module and its graph differ first at step {first}, sample {sample}, neuron {bad[0]}: "
        f"the module {'spikes' if read.spikes[name][sample, first, bad[0]] else 'does not spike'} there"
    )
