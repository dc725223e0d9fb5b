"""A user's module held against the graph read from it: every spike of every layer, step by step.

The module computes in float32, the reference in float64. A spike may move where a potential meets its threshold
within what float32 can tell apart; whatever follows in that sample is then another run. Any other difference means
that the graph is not the module.

Axes: B sample, T step, N neuron.
"""

from typing import Any

import numpy as np

from neurodeploy.backends import reference
from neurodeploy.certificate.difference import spike_agreement
from neurodeploy.graph.dynamics import DynamicsPopulation
from neurodeploy.graph.euler import Population
from neurodeploy.graph.network import Network
from neurodeploy.reading import GraphOf
from neurodeploy.report.words import small_percent

FLOAT32 = 1e-5
"""Of the largest number that a potential is made of: what sums of some thousand float32 are off by."""
MANY_STEPS = 100
"""Steps from which on their errors add up to more."""
MOST_STATES = 1 << 25
"""Neurons times steps times samples whose states are held at once."""
SAME_POTENTIAL = 1e-3
"""Of the largest potential: by how much those of a readout may differ."""


def against_module(read: GraphOf, network: Network) -> dict[str, Any]:
    """Return how the reference agrees with the module's own run on the sample input.

    Returns:
        `equal` (every spike), `same` (but for float32 rounding), `spike_agreement` (0..1), `spikes`,
        `samples`, `rounded` (samples in which rounding moved a spike), `layers` [{`name`, `module`, `spikes`,
        `spike_agreement`}], `potential_difference` (of a readout, as a part of its largest potential), `classes` (part
        of the module's own classes that the graph gives, None where the module leaves its class open),
        `first_difference` in words, or None.
    """
    order = [one.name for one in network.populations if one.name in read.spikes]
    n_samples, n_steps, _ = read.inputs_BTF.shape
    held = max(1, MOST_STATES // (n_steps * sum(one.n_neurons for one in network.populations)))
    found: dict[str, list[np.ndarray]] = {name: [] for name in order}
    differs = np.zeros(n_samples, np.bool_)
    unexplained: list[str] = []
    potential = 0.0
    scores: list[np.ndarray] = []
    for first in range(0, n_samples, held):
        some = slice(first, first + held)
        part = _Part(read, network, order, some)
        for name in order:
            found[name].append(part.layers[name].spikes_BTN)
        differs[some] = part.differs
        scores.append(part.scores_BC)
        unexplained += filter(None, (part.unexplained(int(sample)) for sample in np.flatnonzero(part.differs)))
        potential = max(potential, part.potential_difference())
    if potential > SAME_POTENTIAL:
        name = next(iter(read.potentials))
        unexplained.append(f"{read.nodes[name]}: its potentials differ by {small_percent(potential)} of the largest")
    scores_BC = np.concatenate(scores)
    unlike = _unlike(read, scores_BC, differs)
    unexplained += unlike
    whole = {name: np.concatenate(some) for name, some in found.items()}
    layers = [
        {
            "name": name,
            "module": read.nodes[name],
            "spikes": int(read.spikes[name].sum()),
            "spike_agreement": spike_agreement(whole[name], read.spikes[name]),
        }
        for name in order
    ]
    every = [np.concatenate([part[name].ravel() for name in order]) for part in (whole, read.spikes) if order]
    return {
        "equal": not differs.any() and potential <= SAME_POTENTIAL and not unlike,
        "same": not unexplained,
        "spike_agreement": spike_agreement(every[0], every[1]) if order else 1.0,
        "spikes": sum(int(read.spikes[name].sum()) for name in order),
        "samples": n_samples,
        "rounded": int(differs.sum()) if not unexplained else 0,
        "layers": layers,
        "potential_difference": potential if read.potentials else None,
        "classes": None if read.own is None else float((scores_BC.argmax(axis=1) == read.own.classes_B).mean()),
        "first_difference": next(iter(unexplained), None),
    }


def _unlike(read: GraphOf, scores_BC: np.ndarray, differs_B: np.ndarray) -> list[str]:
    """Return in words where the module's own scores are not the graph's though its spikes are; empty for nowhere."""
    found = np.zeros(0) if read.own is None else np.flatnonzero(read.own.unlike(scores_BC) & ~differs_B)
    if read.own is None or not len(found):
        return []
    own, graph = read.own.classes_B[found[0]], scores_BC[found[0]].argmax()
    return [
        f"module: its answer is not what is read of its last layer, first in sample {found[0]} (class {own}, of the "
        f"graph {graph}); return the spikes or the potential of that layer"
    ]


class _Part:
    """Some samples on the reference, beside the module's own run of them."""

    def __init__(self, read: GraphOf, network: Network, order: list[str], some: slice) -> None:
        self.read, self.network, self.order, self.first = read, network, order, some.start
        trace = reference.run(network, read.inputs_BTF[some], record=True)
        self.layers, self.scores_BC = trace.layers, trace.output_BN
        self.own = {name: read.spikes[name][some] for name in order}
        self.potentials = {name: v[some] for name, v in read.potentials.items()}
        self.wrong = {name: self.layers[name].spikes_BTN != self.own[name] for name in order}
        self.differs = np.zeros(len(read.inputs_BTF[some]), np.bool_)
        for one in self.wrong.values():
            self.differs |= one.any(axis=(1, 2))

    def potential_difference(self) -> float:
        """Return how far a readout's potentials are apart, as a part of the largest, where all spikes are equal."""
        apart = 0.0
        for name, own in self.potentials.items():
            kept = ~self.differs
            if kept.any():
                largest = float(np.abs(self.read.potentials[name]).max()) or 1.0
                apart = float(np.abs(self.layers[name].v_BTN[kept] - own[kept]).max()) / largest
        return apart

    def unexplained(self, sample: int) -> str | None:
        """Return the first difference of a sample in words; None where it is rounding."""
        steps = {name: np.flatnonzero(one[sample].any(axis=1)) for name, one in self.wrong.items()}
        first = min(int(found[0]) for found in steps.values() if len(found))
        name = next(one for one in self.order if first in steps[one])
        bad = self.wrong[name][sample, first] & ~self._at_threshold(name, sample, first)
        if not bad.any():
            return None
        neuron = int(np.flatnonzero(bad)[0])
        return (
            f"{self.read.nodes[name]}: the module and its graph differ first at step {first}, sample "
            f"{self.first + sample}, neuron {neuron}: the module "
            f"{'spikes' if self.own[name][sample, first, neuron] else 'does not spike'} there"
        )

    def _at_threshold(self, name: str, sample: int, step: int) -> np.ndarray:
        """Return which neurons stand so near their threshold that float32 cannot tell (N,)."""
        states, one = self.layers[name], self.network.population(name)
        if isinstance(one, DynamicsPopulation):  # what a spike takes away goes a step later
            reached, made_of = states.v_BTN[sample, step], states.v_BTN[sample, : step + 1]
        elif isinstance(one, Population):
            before = states.v_BTN[sample, step - 1] if step else np.zeros(one.n_neurons)
            reached = one.beta * before + one.current_gain * states.u_BTN[sample, step] + one.leak
            made_of = one.current_gain * states.u_BTN[sample]
        else:
            return np.zeros(one.n_neurons, np.bool_)
        largest = np.abs(made_of).max(axis=0) + np.abs(one.v_threshold)
        slack = FLOAT32 * max(1.0, step / MANY_STEPS)
        near: np.ndarray = np.abs(reached - one.v_threshold) <= slack * largest
        return near
