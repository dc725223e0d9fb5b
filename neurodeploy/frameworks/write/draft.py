"""A graph in the making: flat nodes and edges, and what was done to them, one sentence each."""

from copy import copy
from typing import Any

import nir
import numpy as np

from neurodeploy.errors import GraphError
from neurodeploy.graph.node_table import WEIGHTS, operation, role_of
from neurodeploy.graph.node_type import Shape

MOST_VALUES = 1024
"""Of a set of weights that is put in where there is none to take a bias or a scale: it is a matrix."""


class Draft:
    """Nodes by name and edges between them, changed step by step; the nodes that are given stay as they are.

    Attributes:
        names: By the name of a population here, its name in the graph that this is made from.
        resets: Rule of each spiking population.
        lines: What was done.
    """

    def __init__(
        self, nodes: dict[str, nir.NIRNode], edges: list[tuple[str, str]], dt_s: float, resets: dict[str, str]
    ) -> None:
        self.nodes, self.edges, self.dt_s = dict(nodes), list(edges), dt_s
        self.names = {name: name for name in nodes}
        self.resets = dict(resets)
        self.lines: list[str] = []

    def sources(self, name: str) -> list[str]:
        return [a for a, b in self.edges if b == name]

    def targets(self, name: str) -> list[str]:
        return [b for a, b in self.edges if a == name]

    def of(self, *kinds: type) -> list[str]:
        """Return the names of the nodes of some types."""
        return [name for name, node in self.nodes.items() if isinstance(node, kinds)]

    def change(self, name: str, **values: Any) -> None:
        """Give a node other values; its own object is left alone."""
        node = copy(self.nodes[name])
        for key, value in values.items():
            setattr(node, key, value)
        self.nodes[name] = node

    def say(self, names: list[str], text: str) -> None:
        """Note what was done to some nodes, if to any."""
        if names:
            more = f" and {len(names) - 6} more" if len(names) > 6 else ""
            self.lines.append(f"{', '.join(names[:6])}{more}: {text}")

    def in_loop(self, source: str, name: str) -> bool:
        """True where what a node gives comes back to it through `source`."""
        after: dict[str, list[str]] = {}
        for a, b in self.edges:
            after.setdefault(a, []).append(b)
        seen: set[str] = set()
        waiting = [name]
        while waiting:
            for one in after.get(waiting.pop(), []):
                if one == source:
                    return True
                if one not in seen and one != name:
                    seen.add(one)
                    waiting.append(one)
        return False

    def own_weights(self, name: str, *, all_of_them: bool) -> list[str]:
        """Return the weights whose only end is a population, put in where its sources are none; empty if impossible.

        Args:
            all_of_them: Those of every source; else one that is in no loop.
        """
        shape = np.shape(self.nodes[name].output_type["output"])
        size = int(np.prod(self.nodes[name].output_type["output"]))
        found = []
        sources = sorted(self.sources(name), key=lambda one: not self._owned(one, name))
        for source in sources:
            if not all_of_them and self.in_loop(source, name):
                continue
            if self._owned(source, name):
                found.append(source)
            elif shape == (1,) and size <= MOST_VALUES:
                found.append(self._put_between(source, name, size))
            else:
                return []
            if not all_of_them:
                return found
        return found

    def _owned(self, source: str, name: str) -> bool:
        return isinstance(self.nodes[source], WEIGHTS) and self.targets(source) == [name]

    def _put_between(self, source: str, name: str, size: int) -> str:
        """Put weights of 1 between two nodes, and return their name."""
        made = f"{name}_in"
        while made in self.nodes:
            made += "_"
        self.nodes[made] = nir.Linear(np.eye(size, dtype=np.float32))
        at = self.edges.index((source, name))
        self.edges[at : at + 1] = [(source, made), (made, name)]
        return made

    def shapes(self) -> dict[str, Shape]:
        """Return the shape that leaves each node, as far as it can be followed from the input."""
        start = self.of(nir.Input)[0]
        found = {start: tuple(int(one) for one in np.ravel(self.nodes[start].input_type["input"]))}
        waiting = [start]
        while waiting:
            name = waiting.pop(0)
            for one in self.targets(name):
                if one in found:
                    continue
                node, shape = self.nodes[one], found[name]
                if role_of(node):
                    try:
                        shape = operation(one, node, shape, self.dt_s)[1]
                    except GraphError:
                        continue
                found[one] = shape
                waiting.append(one)
        return found


def numbers(value: Any) -> np.ndarray:
    return np.asarray(value, np.float64)
