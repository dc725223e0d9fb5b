"""Nested NIR graphs as one flat graph of named nodes."""

import nir

from neurodeploy.errors import GraphError, Place
from neurodeploy.graph.dynamics import as_neurons


def flattened(graph: nir.NIRGraph, where: str) -> tuple[dict[str, nir.NIRNode], list[tuple[str, str]]]:
    """Return nodes and edges with every sub-graph inlined as `outer.inner`; those that are neurons are one node.

    The Input and Output nodes of a sub-graph stay as nodes that pass their input on.

    Raises:
        GraphError: an edge names a node that is not there, or a sub-graph has several ends.
    """
    nodes: dict[str, nir.NIRNode] = {}
    edges: list[tuple[str, str]] = []
    entries: dict[str, str] = {}
    exits: dict[str, str] = {}
    for name, node in graph.nodes.items():
        if not isinstance(node, nir.NIRGraph):
            nodes[name] = node
            continue
        neurons = as_neurons(Place(where, name), node)
        if neurons is not None:
            nodes[name] = neurons
            continue
        inner_nodes, inner_edges = flattened(node, Place(where, name))
        nodes |= {f"{name}.{key}": value for key, value in inner_nodes.items()}
        edges += [(f"{name}.{a}", f"{name}.{b}") for a, b in inner_edges]
        entries[name] = f"{name}.{_only(node, nir.Input, Place(where, name))}"
        exits[name] = f"{name}.{_only(node, nir.Output, Place(where, name))}"
    for source, target in dict.fromkeys(map(tuple, graph.edges)):
        for end in (source, target):
            if end not in graph.nodes:
                raise GraphError(f"edge {source} -> {target} names {end!r}, which is not a node", where=where)
        edges.append((exits.get(source, source), entries.get(target, target)))
    return nodes, edges


def _only(graph: nir.NIRGraph, kind: type, where: str) -> str:
    found = [name for name, node in graph.nodes.items() if isinstance(node, kind)]
    if len(found) != 1:
        raise GraphError(f"has {len(found)} {kind.__name__} nodes, exactly one is supported", where=where)
    return found[0]
