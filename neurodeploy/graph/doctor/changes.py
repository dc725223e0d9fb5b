"""What other frameworks do with a population, done to our reference, so that its size can be measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import nir
import numpy as np

from neurodeploy.errors import GraphError
from neurodeploy.fixedpoint import rules
from neurodeploy.graph.euler import Population, coefficients
from neurodeploy.graph.network import Network

LEAK_OF_IF = 0.9
STEPPED = ("alpha", "beta", "input_gain", "current_gain", "leak")
"""What of a population depends on the time step."""
Change = Callable[[Population, nir.NIRNode], Population]


def _snntorch_if(one: Population, node: nir.NIRNode) -> Population:
    ones = np.ones(one.n_neurons)
    return replace(one, beta=LEAK_OF_IF * ones, current_gain=ones, reset=rules.RESET_SUBTRACT, v_reset=0 * ones)


def _with_step(dt_s: float) -> Change:
    def change(one: Population, node: nir.NIRNode) -> Population:
        found = coefficients(one.name, node, dt_s)
        kept: dict[str, Any] = {key: found[key] for key in STEPPED}
        return replace(one, **kept)

    return change


def _r_of_one(one: Population, node: nir.NIRNode) -> Population:
    return replace(one, current_gain=1 - one.beta)


CHANGES: dict[str, Change] = {
    "snntorch_if": _snntorch_if,
    "dt 1e-4": _with_step(1e-4),
    "dt 1e-3": _with_step(1e-3),
    "reset zero": lambda one, node: replace(one, reset=rules.RESET_ZERO),
    "v_reset 0": lambda one, node: replace(one, v_reset=0 * one.v_reset),
    "r 1": _r_of_one,
    "gain 1": lambda one, node: replace(one, current_gain=np.ones(one.n_neurons)),
    "at the threshold": lambda one, node: replace(one, v_threshold=np.nextafter(one.v_threshold, -np.inf)),
}
"""By the word that `frameworks.toml` uses; words without an entry cannot be measured here."""


def changed(network: Network, words: dict[str, list[str]], nodes: dict[str, nir.NIRNode]) -> Network | None:
    """Return the network as a framework would run it; None where one of its changes has no numbers.

    Args:
        words: Changes by population.
        nodes: The graph's nodes by flat name.
    """
    populations = []
    for one in network.populations:
        for word in words.get(one.name, []):
            if word not in CHANGES or not isinstance(one, Population):
                return None
            try:
                one = CHANGES[word](one, nodes[one.name])
            except GraphError:
                return None
        populations.append(one)
    return replace(network, populations=tuple(populations))
