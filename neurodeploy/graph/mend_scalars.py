"""Numbers given once for a whole population, as one number per neuron."""

from __future__ import annotations

import numpy as np

from neurodeploy.errors import GraphError
from neurodeploy.graph.mends import Mend, Mends
from neurodeploy.graph.node_table import NODES
from neurodeploy.graph.nodes import GRAPH
from neurodeploy.graph.stored import Tree


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
