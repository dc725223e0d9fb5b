"""What the reader puts right in a stored graph, one sentence each: here edges, and numbers given once.

Two exporters left edges that name what is not there. One flattened a layer `lif1` into `lif1.input`, `lif1.lif` and
`lif1.output` and kept the edges of `lif1` itself. The other renamed a sub-graph's neurons and kept the edges of the old
name. Each is read as what it can only mean.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from neurodeploy.errors import GraphError
from neurodeploy.graph.node_table import NODES
from neurodeploy.graph.stored import GRAPH, Tree

TYPING = "typing"
"""Of a mend that NIR's type check needs and that no target here does."""


@dataclass(frozen=True)
class Mend:
    """One thing that was read otherwise than it is written.

    Attributes:
        node: Name, `outer.inner` in nested graphs; empty for the graph itself.
        kind: "edges", "shapes", "scalars", "fields" or "typing".
        text: What was found and what it was read as.
    """

    node: str
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.node}: {self.text}" if self.node else self.text


Mends = list[Mend]
Edges = list[tuple[str, str]]


def with_edges_mended(where: str, tree: Tree, mends: Mends, name: str = "") -> Tree:
    """Return a graph, and the graphs in it, with edges that end on nodes.

    An edge that could mean several things stays as it is, to be refused later.

    Raises:
        GraphError: an edge is listed twice, or a layer in parts has an edge to itself.
    """
    nodes = {
        key: with_edges_mended(where, node, mends, f"{name}{key}.") if node["type"] == GRAPH else node
        for key, node in tree["nodes"].items()
    }
    edges: Edges = tree["edges"]
    twice = next((edge for edge, times in Counter(edges).items() if times > 1), None)
    if twice:
        raise GraphError(
            f"edge {name}{twice[0]} -> {name}{twice[1]} is listed more than once, which NIR does not allow",
            "keep one, and double the weights if twice was meant",
            where=where,
        )
    for one in _missing(edges, nodes):
        if all(nodes.get(f"{one}.{end.lower()}", {}).get("type") == end for end in ("Input", "Output")):
            edges = _through(where, nodes, edges, one, mends, name)
    missing = _missing(edges, nodes)
    lone = [key for key in nodes if not any(key in edge for edge in edges)]
    if len(missing) == len(lone) == 1:
        old, new = missing[0], lone[0]
        edges = [(new if a == old else a, new if b == old else b) for a, b in edges]
        text = f"edges name {old!r}, which is not a node; read as {new!r}, the only node without an edge"
        mends.append(Mend(name[:-1], "edges", text))
    return tree | {"nodes": nodes, "edges": edges}


def _missing(edges: Edges, nodes: Tree) -> list[str]:
    return sorted({end for edge in edges for end in edge} - nodes.keys())


def _through(where: str, nodes: Tree, edges: Edges, layer: str, mends: Mends, name: str) -> Edges:
    """Return edges of a layer in parts as edges of its own Input and Output."""
    if (layer, layer) in edges:
        raise GraphError(
            f"edge {name}{layer} -> {name}{layer} names a layer that is there in parts only ({layer}.input, "
            f"{layer}.output, ...)",
            "it may be left over, or add its output to its input: remove it, or name the parts",
            where=where,
        )
    found = [(f"{layer}.output" if a == layer else a, f"{layer}.input" if b == layer else b) for a, b in edges]
    text = f"edges name {layer!r}, which is there in parts; read as {layer}.input and {layer}.output"
    mends.append(Mend(name[:-1], "edges", text))
    return found


def with_scalars_spread(where: str, tree: Tree, mends: Mends, name: str = "") -> Tree:
    """Return a graph whose nodes hold each of their fields in one shape, that of the largest.

    What the file leaves out gets it without a word; what it gives once beside others in full is noted.

    Raises:
        GraphError: two fields of a node hold different numbers of values.
    """
    nodes = {}
    for key, node in tree["nodes"].items():
        spread = with_scalars_spread if node["type"] == GRAPH else _spread
        nodes[key] = spread(where, node, mends, f"{name}{key}{'.' if node['type'] == GRAPH else ''}")
    return tree | {"nodes": nodes}


def _spread(where: str, node: Tree, mends: Mends, name: str) -> Tree:
    fields = NODES[node["type"]].fields
    values = {key: np.asarray(node[key]) for key in fields.values}
    if not values:
        return node
    largest = max(values.values(), key=lambda one: (one.size, one.ndim))
    once = []
    for key, value in values.items():
        if value.shape == largest.shape:
            continue
        if value.size == 1:
            once += [key] if node[key] is not fields.defaults.get(key) else []
            values[key] = np.full(largest.shape, value.ravel()[0])
        elif value.size == largest.size:
            values[key] = value.reshape(largest.shape)
        else:
            raise GraphError(
                f"node {name} ({node['type']}): {key} holds {value.size} values where others hold {largest.size}",
                "give one, or one for each neuron",
                where=where,
                node=name,
            )
    if once:
        mends.append(Mend(name, "scalars", f"{', '.join(once)} given once, read as the same for all {largest.size}"))
    return node | values
