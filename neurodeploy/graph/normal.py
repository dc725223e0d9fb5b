"""A NIR graph as it was read, written again with what NIR itself does not record.

Nodes and edges stay as they are, but for what had to be mended on reading. The time step, how it was
integrated, the reset rules and the readout are added to the metadata, so that nothing is asked again.
"""

from copy import copy
from typing import Any

import nir

from neurodeploy.graph.euler import Population
from neurodeploy.graph.files import GraphFile
from neurodeploy.graph.metadata import FORMAT, INTEGRATION, KEY, ours
from neurodeploy.graph.network import Network


def normalised(file: GraphFile, network: Network) -> nir.NIRGraph:
    """Return the graph of `file` that says everything `network` was made with; the file's own is left alone."""
    rules = {one.name: one.reset for one in network.populations if isinstance(one, Population) and one.spiking}
    graph = with_rules(file.graph, "", rules)
    said = {"format": FORMAT, "dt_s": network.dt_s, "time_unit": "s", "integration": INTEGRATION}
    entries: dict[str, Any] = said | {"readout": network.readout}
    graph.metadata = added(graph.metadata, entries)
    return graph


def with_rules(graph: nir.NIRGraph, inside: str, rules: dict[str, str]) -> nir.NIRGraph:
    """Return a graph whose neurons, by flat name, carry reset rules; `inside` is its own name with a dot, or empty."""
    nodes: dict[str, nir.NIRNode] = {}
    for name, node in graph.nodes.items():
        path = f"{inside}{name}"
        if isinstance(node, nir.NIRGraph):
            nodes[name] = with_rules(node, f"{path}.", rules)
            continue
        nodes[name] = copy(node)
        if path in rules:
            nodes[name].metadata = added(node.metadata, {"reset": rules[path]})
    return nir.NIRGraph(nodes, list(graph.edges), metadata=dict(graph.metadata or {}), type_check=False)


def added(metadata: Any, entries: dict[str, Any]) -> dict[str, Any]:
    """Return metadata with entries of ours added; what is there already stays."""
    return {**(metadata or {}), KEY: entries | ours(metadata)}
