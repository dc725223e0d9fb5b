"""What the rules about other frameworks ask of a node: the words in `frameworks.toml`, each as a function."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neurodeploy.fixedpoint import rules
from neurodeploy.graph.doctor.problems import flat
from neurodeploy.graph.doctor.wiring import Wiring, wirings
from neurodeploy.graph.network import Network
from neurodeploy.graph.stored import Tree


@dataclass(frozen=True, eq=False)
class Facts:
    """One node, and what is known of it.

    Attributes:
        node: As stored, scalars spread to one value per neuron.
        dt_s: Time step, seconds.
        reset: "zero" or "subtract".
        recurrent: It is in a loop of one set of weights and itself.
        loop_bias: A bias arrives from weights that close a loop.
        wiring: Where it stands in its graph.
    """

    node: Tree
    dt_s: float
    reset: str = rules.RESET_ZERO
    recurrent: bool = False
    loop_bias: bool = False
    wiring: Wiring = field(default_factory=Wiring)

    def get(self, key: str) -> np.ndarray:
        """Return a parameter as float64, flat."""
        return np.asarray(self.node.get(key, 0.0), np.float64).ravel()


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


def _same(found: np.ndarray, wanted: Any) -> bool:
    return bool(np.allclose(found, wanted, rtol=1e-6, atol=1e-12))


def _differ(facts: Facts, *keys: str) -> bool:
    return any(np.unique(facts.get(key)).size > 1 for key in keys)


def _groups_do_not_divide(facts: Facts) -> bool:
    shape, groups = np.shape(facts.node["weight"]), facts.get("groups")
    sensible = len(shape) > 1 and groups.size == 1 and 1 <= groups[0] <= shape[0]
    return sensible and bool(shape[1] % int(groups[0]))


def _gains_differ(facts: Facts) -> bool:
    """A scale of the input that is not 1, and not the same for all neurons at a step of 1e-4 s."""
    with np.errstate(all="ignore"):  # a time constant of 0 is told elsewhere
        gain = facts.get("r") * 1e-4 / facts.get("tau")
    return np.unique(gain).size > 1 and not np.allclose(gain, 1)


def _scaled_thresholds_differ(facts: Facts) -> bool:
    with np.errstate(all="ignore"):
        gain = facts.get("w_in") * 1e-4 / facts.get("tau_syn")
        return np.unique(facts.get("v_threshold") / (1 if np.allclose(gain, 1) else gain)).size > 1


def _padded(facts: Facts) -> bool:
    return not isinstance(facts.node.get("padding"), str) and not _same(facts.get("padding"), 0)


def _unlike_cuba(facts: Facts) -> bool:
    r, w_in = facts.get("tau_mem") / facts.dt_s, facts.get("tau_syn") / facts.dt_s
    return not (_same(facts.get("r"), r) and _same(facts.get("w_in"), w_in))


CONDITIONS: dict[str, Callable[[Facts], bool]] = {
    "always": lambda facts: True,
    "dt is not 1e-4": lambda facts: not _same(np.array(facts.dt_s), 1e-4),
    "dt is not 1e-3": lambda facts: not _same(np.array(facts.dt_s), 1e-3),
    "r is not 1": lambda facts: not _same(facts.get("r"), 1),
    "r dt is not 1": lambda facts: not _same(facts.get("r") * facts.dt_s, 1),
    "r is not 1 or tau / dt": lambda facts: (
        not (_same(facts.get("r"), 1) or _same(facts.get("r"), facts.get("tau") / facts.dt_s))
    ),
    "r is not tau_mem / 1e-4": lambda facts: not _same(facts.get("r"), facts.get("tau_mem") / 1e-4),
    "r is not tau_mem / dt, or w_in not tau_syn / dt": _unlike_cuba,
    "v_leak is not 0": lambda facts: not _same(facts.get("v_leak"), 0),
    "v_leak is not v_reset": lambda facts: not _same(facts.get("v_leak"), facts.get("v_reset")),
    "v_reset is not 0": lambda facts: not _same(facts.get("v_reset"), 0),
    "thresholds differ": lambda facts: _differ(facts, "v_threshold"),
    "scaled thresholds differ": _scaled_thresholds_differ,
    "gains differ": _gains_differ,
    "gain is negative": lambda facts: bool((facts.get("r" if "tau" in facts.node else "w_in") < 0).any()),
    "parameters differ": lambda facts: _differ(
        facts, "v_threshold", "v_reset", "v_leak", "r", "w_in", "tau", "tau_mem", "tau_syn"
    ),
    "tau is dt": lambda facts: bool((facts.get("tau") <= facts.dt_s).any()),
    "reset by subtraction": lambda facts: facts.reset == rules.RESET_SUBTRACT,
    "recurrent in one graph": lambda facts: facts.recurrent and facts.wiring.loops_with_weights,
    "bias in a loop": lambda facts: facts.loop_bias,
    "graph before its sources": lambda facts: facts.wiring.in_early_graph,
    "before its sources": lambda facts: facts.wiring.early,
    "walk goes on": lambda facts: facts.wiring.passed,
    "not last": lambda facts: not facts.wiring.last,
    "grouped": lambda facts: not _same(facts.get("groups"), 1),
    "groups do not divide": _groups_do_not_divide,
    "from axis 0": lambda facts: _same(facts.get("start_dim"), 0),
    "padding is not 0": _padded,
}
