"""Edges that name what is not there, read as what they can only mean.

Two exporters left such edges. One flattened a layer `lif1` into `lif1.input`, `lif1.lif` and
`lif1.output` and kept the edges of `lif1` itself. The other renamed a sub-graph's neurons and kept
the edges of the old name.
"""

from __future__ import annotations

from collections import Counter

from neurodeploy.errors import GraphError
from neurodeploy.graph.mends import Mend, Mends
from neurodeploy.graph.nodes import GRAPH
from neurodeploy.graph.stored import Tree

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
    missing = _missing(edges, nodes)
    for one in missing:
        if _is_end(nodes, f"{one}.input", "Input") and _is_end(nodes, f"{one}.output", "Output"):
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


def _is_end(nodes: Tree, name: str, kind: str) -> bool:
    return name in nodes and nodes[name]["type"] == kind


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
