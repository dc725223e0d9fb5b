"""What other frameworks do with a population, done to our reference, so that its size can be measured."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import nir
import numpy as np

from neurodeploy.errors import GraphError
from neurodeploy.fixedpoint import rules
from neurodeploy.graph.euler import EulerNeurons, Population
from neurodeploy.graph.network import Network
from neurodeploy.graph.node_table import neurons_of

LEAK_OF_IF = 0.9
STEPPED = ("alpha", "beta", "input_gain", "current_gain", "leak")
"""What of a population depends on the time step."""
Change = Callable[[Population, nir.NIRNode], Population]


@dataclass(frozen=True, eq=False)
class _TwoSidedSubtraction(Population):
    """snnTorch's reset by subtraction without delay: it reckons with a potential that is still above the threshold.

    The threshold is taken off before the step where the potential was above it already, and given back where
    no spike follows; snntorch/_neurons/leaky.py, forward with reset_delay=False.
    """

    def step(
        self, u: np.ndarray, v: np.ndarray, spikes: np.ndarray, drive: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        above = v > self.v_threshold
        u = self.alpha * u + self.input_gain * drive
        v = self.beta * v + self.current_gain * u + self.leak - above * self.v_threshold
        fired = v > self.v_threshold
        return u, v - (1.0 * fired - above) * self.v_threshold, fired


def _snntorch_if(one: Population, node: nir.NIRNode) -> Population:
    ones = np.ones(one.n_neurons)
    said = {key.name: getattr(one, key.name) for key in fields(one)}
    said |= {"beta": LEAK_OF_IF * ones, "current_gain": ones, "v_reset": 0 * ones}
    return _TwoSidedSubtraction(**said | {"reset": rules.RESET_SUBTRACT})


def _with_step(dt_s: float) -> Change:
    def change(one: Population, node: nir.NIRNode) -> Population:
        entry = neurons_of(node)
        assert isinstance(entry, EulerNeurons)
        found = entry.coefficients(one.name, node, dt_s)
        kept: dict[str, Any] = {key: found[key] for key in STEPPED}
        return replace(one, **kept)

    return change


def _starting_at(key: str) -> Change:
    def change(one: Population, node: nir.NIRNode) -> Population:
        start = np.asarray(getattr(node, key), np.float64).ravel()
        leak = one.leak + (one.beta - 1) * start
        return replace(one, leak=leak, v_threshold=one.v_threshold - start, v_reset=one.v_reset - start)

    return change


CHANGES: dict[str, Change] = {
    "snntorch_if": _snntorch_if,
    "dt 1e-4": _with_step(1e-4),
    "dt 1e-3": _with_step(1e-3),
    "reset zero": lambda one, node: replace(one, reset=rules.RESET_ZERO),
    "v_reset 0": lambda one, node: replace(one, v_reset=0 * one.v_reset),
    "r 1": lambda one, node: replace(one, current_gain=1 - one.beta),
    "smallest gain": lambda one, node: replace(one, current_gain=np.full(one.n_neurons, one.current_gain.min())),
    "gain 1": lambda one, node: replace(one, current_gain=np.ones(one.n_neurons)),
    "starts at v_leak": _starting_at("v_leak"),
    "starts at v_reset": _starting_at("v_reset"),
    "at the threshold": lambda one, node: replace(one, at_threshold=True),
    "above the threshold": lambda one, node: replace(one, at_threshold=False),
}
"""By the word that `frameworks.toml` uses, in the order that they are made; other words cannot be measured here.

A start is moved by measuring potentials from it, so all that speaks of potentials comes before.
"""


def changed(network: Network, words: dict[str, list[str]], nodes: dict[str, nir.NIRNode]) -> Network | None:
    """Return the network as a framework would run it; None where one of its changes has no numbers.

    Args:
        words: Changes by population.
        nodes: The graph's nodes by flat name.
    """
    populations = []
    for one in network.populations:
        said = words.get(one.name, [])
        for word in sorted(said, key=lambda word: list(CHANGES).index(word) if word in CHANGES else -1):
            if word not in CHANGES or not isinstance(one, Population):
                return None
            try:
                one = CHANGES[word](one, nodes[one.name])
            except GraphError:
                return None
        populations.append(one)
    return replace(network, populations=tuple(populations))
