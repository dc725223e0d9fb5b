"""What the rules about other frameworks ask of a node: the words in `frameworks.toml`, each as a function."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neurodeploy.fixedpoint import rules
from neurodeploy.graph import node_table
from neurodeploy.graph.doctor.problems import flat
from neurodeploy.graph.metadata import ours
from neurodeploy.graph.network import Network
from neurodeploy.graph.stored import GRAPH, Tree

MOST_NODES = 1000
"""Of a graph; nothing is said of larger ones, for it takes the square of that."""
LEAKY, DENSE = ({one.__name__ for one in types} for types in (node_table.LEAKY, node_table.MATRICES))


@dataclass(frozen=True)
class Wiring:
    """Where one node stands in its graph, as far as importers of other frameworks mind it.

    NIRTorch visits nodes in the order of the file, which is that of their names, and puts off those whose sources it
    has not seen; nirtorch/nir_interpreter.py, _construct_fx_graph. Norse's GraphExecutor runs them as a walk from the
    input meets them first; nirtorch/graph_utils.py, trace_execution.

    Attributes:
        last: All that it gives goes to the whole graph's output.
        loops_with_weights: It is a LIF or CubaLIF of the outer graph in a loop with dense weights without other ends.
        early: A walk from the input, each node when first met, meets it before all its sources.
        passed: That walk goes on after it, by loops alone.
        in_early_graph: It is in a graph that NIRTorch visits before that graph's sources.
    """

    last: bool = False
    loops_with_weights: bool = False
    early: bool = False
    passed: bool = False
    in_early_graph: bool = False


def wirings(tree: Tree, inside: str = "", *, early_graph: bool = False) -> dict[str, Wiring]:
    """Return the wiring of every node of a stored graph and of those in it, by flat name."""
    if len(tree["nodes"]) > MOST_NODES:
        return {}
    level = _Level(tree)
    found: dict[str, Wiring] = {}
    put_off, met = level.visited_before_sources(), level.walk()
    early = {name for name in level.nodes if any(met.get(one, -1) > met.get(name, -1) for one in level.feeding[name])}
    for name, node in level.nodes.items():
        if node["type"] == GRAPH:
            found |= wirings(node, f"{inside}{name}.", early_graph=early_graph or name in put_off)
            continue
        found[f"{inside}{name}"] = Wiring(
            last=not inside and all(level.kinds[one] == "Output" for one in level.after[name]),
            loops_with_weights=not inside and any(level.only_loop(name, one) for one in level.after[name]),
            early=name in early,
            passed=not early and met.get(name, len(met)) < len(met) - 1,
            in_early_graph=early_graph,
        )
    return found


class _Level:
    """The nodes and edges of one graph, those inside its sub-graphs aside."""

    def __init__(self, tree: Tree) -> None:
        self.nodes: dict[str, Tree] = tree["nodes"]
        self.kinds = {name: str(node["type"]) for name, node in self.nodes.items()}
        self.after: dict[str, list[str]] = {name: [] for name in self.nodes}
        self.before: dict[str, list[str]] = {name: [] for name in self.nodes}
        for source, target in dict.fromkeys((str(a), str(b)) for a, b in tree["edges"]):
            if source in self.nodes and target in self.nodes:
                self.after[source].append(target)
                self.before[target].append(source)
        self.first = next((name for name, kind in self.kinds.items() if kind == "Input"), None)
        self.feeding = {name: self._feeding(name) for name in self.nodes}

    def _feeding(self, name: str) -> list[str]:
        """Return the sources of a node that are in no loop with it."""
        reached: set[str] = set()
        waiting = list(self.after[name])
        while waiting:
            one = waiting.pop()
            if one not in reached:
                reached.add(one)
                waiting += self.after[one]
        return [one for one in self.before[name] if one not in reached]

    def only_loop(self, name: str, weights: str) -> bool:
        dense = self.kinds[weights] in DENSE and self.after[weights] == [name] == self.before[weights]
        return dense and self.kinds[name] in LEAKY

    def visited_before_sources(self) -> set[str]:
        """Return the nodes that NIRTorch's queue comes to while one of their sources is not there yet."""
        queue = deque(sorted(self.nodes))
        if self.first is None:
            return set()
        queue.rotate(-queue.index(self.first))
        done: set[str] = set()
        found: set[str] = set()
        for _ in range(len(self.nodes) ** 2 + 1):
            if not queue:
                break
            name = queue.popleft()
            if self.kinds[name] == "Output" and queue:
                queue.append(name)
            elif self.kinds[name] != "Input" and any(one not in done for one in self.feeding[name]):
                found.add(name)
                queue.append(name)
            else:
                done.add(name)
        return {name for name in found if self.kinds[name] != "Output"}

    def walk(self) -> dict[str, int]:
        """Return the place of each node in a walk from the input, depth first, each when it is first met."""
        found: dict[str, int] = {}
        waiting = [] if self.first is None else [self.first]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found[name] = len(found)
                waiting += reversed(self.after[name])
        return found


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


def _at_threshold(facts: Facts) -> bool:
    return bool(ours(facts.node.get("metadata")).get("at_threshold"))


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
    "spikes at the threshold": _at_threshold,
    "spikes above the threshold": lambda facts: not _at_threshold(facts),
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
