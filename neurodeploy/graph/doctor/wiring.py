"""Where nodes stand in their graph, as far as importers of other frameworks mind it.

NIRTorch visits nodes in the order of the file, which is that of their names, and puts off those whose sources it
has not seen; nirtorch/nir_interpreter.py, _construct_fx_graph. Norse's GraphExecutor runs them as a walk from the
input meets them first; nirtorch/graph_utils.py, trace_execution.
"""

from collections import deque
from dataclasses import dataclass

from neurodeploy.graph import node_table
from neurodeploy.graph.stored import GRAPH, Tree

MOST_NODES = 1000
"""Of a graph; nothing is said of larger ones, for it takes the square of that."""
LEAKY, DENSE = ({one.__name__ for one in types} for types in (node_table.LEAKY, node_table.MATRICES))


@dataclass(frozen=True)
class Wiring:
    """Where one node stands.

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
