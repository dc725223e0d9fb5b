"""What the rules about other frameworks are asked of: every node of a stored graph, and where it stands."""

from __future__ import annotations

import numpy as np

from neurodeploy.fixedpoint import rules
from neurodeploy.graph.doctor.conditions import Facts
from neurodeploy.graph.doctor.problems import flat
from neurodeploy.graph.doctor.wiring import Wiring, wirings
from neurodeploy.graph.network import Network
from neurodeploy.graph.stored import Tree


def facts_of(tree: Tree, dt_s: float, network: Network | None) -> dict[str, Facts]:
    """Return the facts of every node by flat name.

    Args:
        tree: A stored graph, mended as far as it can be.
        network: It as it runs; without it nothing is known of resets and loops.
    """
    nodes = dict(flat(tree))
    at = wirings(tree)
    populations = () if network is None else network.populations
    resets = {one.name: one.reset for one in populations}
    loops = [] if network is None else [one for one in network.synapses if one.delayed]
    return {
        name: Facts(
            node,
            dt_s,
            resets.get(name, rules.RESET_ZERO),
            recurrent=any(one.source == one.target == name for one in loops),
            loop_bias=any(one.target == name and _biased(one.name, nodes) for one in loops),
            wiring=at.get(name, Wiring()),
        )
        for name, node in nodes.items()
    }


def _biased(synapses: str, nodes: dict[str, Tree]) -> bool:
    """True where one of the weights that a connection's name lists has a bias."""
    named = [one for part in synapses.split(">") for one in part.split("+")]
    biases = [nodes[one].get("bias") for one in named if one in nodes]
    return any(one is not None and np.any(np.asarray(one) != 0) for one in biases)
