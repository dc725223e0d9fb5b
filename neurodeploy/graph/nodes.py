"""NIR's node types and their fields, and graphs built from stored ones.

NIR 0.1.0 to 1.0.8 store the same fields, but for `input_type` of Flatten (from 0.2.0), `w_in` and the convolutions'
`input_shape` (from 1.0.0), and `v_reset` (from 1.0.6): a file without them means the defaults here, as NIR's own
reader has it. For `w_in` that can be wrong: 0.1.0 and 0.2.0 have the parameter and do not write it.
"""

from typing import Any

import nir
import numpy as np

from neurodeploy.errors import GraphError, Place, nearest
from neurodeploy.graph.mends import Mend, Mends
from neurodeploy.graph.node_table import NODES
from neurodeploy.graph.stored import AGAIN, GRAPH, Tree

MAX_NESTING = 8


def checked(where: str, tree: Tree, mends: Mends, name: str = "", depth: int = 0) -> Tree:
    """Return a stored graph with every node's fields checked and left-out ones filled in.

    Args:
        where: The file, for messages.
        name: Of the graph inside its file, with a dot at its end; empty for the whole.

    Raises:
        GraphError: the node that is of no known type, lacks a field, or has one too many.
    """
    if depth > MAX_NESTING:
        raise GraphError(f"graphs are nested more than {MAX_NESTING} deep", "flatten the graph first", where=where)
    nodes = tree.get("nodes")
    shown = Place(where, name[:-1]) if name else where
    if not isinstance(nodes, dict):
        raise GraphError("is HDF5 but holds no NIR graph (group node/nodes is missing)", where=shown)
    found: Tree = {"type": GRAPH, "nodes": {}, "edges": _edges(shown, tree.get("edges"))}
    found["metadata"] = _metadata(shown, tree)
    for key, node in nodes.items():
        inside = f"{name}{key}"
        if not isinstance(node, dict) or not isinstance(node.get("type"), str):
            raise GraphError(f"node {inside} has no type", AGAIN, where=where, node=inside)
        if node["type"] == GRAPH:
            found["nodes"][key] = checked(where, node, mends, f"{inside}.", depth + 1)
        else:
            found["nodes"][key] = _node(where, inside, node, mends)
    return found


def _node(where: str, name: str, node: Tree, mends: Mends) -> Tree:
    kind = node["type"]

    def refused(found: str, advice: str) -> GraphError:
        return GraphError(f"node {name} {found}", advice, where=where, node=name)

    if kind not in NODES:
        raise refused(f"is a {kind!r}, which NIR does not have", nearest(kind, NODES))
    fields = NODES[kind].fields
    given = {key: value for key, value in node.items() if key not in ("type", "metadata")}
    lacking = [key for key in fields.needed if key not in given]
    if lacking:
        raise refused(f"({kind}) lacks {', '.join(lacking)}", AGAIN)
    unknown = [key for key in given if key not in fields.all]
    if unknown:
        found = f"({kind}) has {', '.join(unknown)}, which NIR's {kind} has not ({', '.join(fields.all)})"
        raise refused(found, "remove it, it would be dropped silently")
    for key, value in given.items():
        if isinstance(value, dict):
            raise refused(f"({kind}): {key} is a group, numbers are needed", "export it again")
        if np.iscomplexobj(value):
            raise refused(f"({kind}): {key} holds complex numbers, real ones are needed", AGAIN)
    filled = {"type": kind, "metadata": _metadata(Place(where, f"node {name}", name), node)} | fields.defaults | given
    note = NODES[kind].complete(filled, given)
    if note:
        mends.append(Mend(name, "fields", note))
    return filled


def _metadata(where: str, node: Tree) -> Tree:
    found = node.get("metadata", {})
    if not isinstance(found, dict):
        raise GraphError("its metadata are no group", AGAIN, where=where)
    return found


def _edges(where: str, stored: Any) -> list[tuple[str, str]]:
    if stored is None:
        raise GraphError("has no edges entry, so nothing says what is connected", AGAIN, where=where)
    edges = np.asarray(stored, dtype=object)
    if edges.size == 0:
        return []
    if edges.ndim != 2 or edges.shape[1] != 2 or not all(isinstance(one, str) for one in edges.ravel()):
        raise GraphError(f"its edges are {edges.shape}, pairs of names are needed", AGAIN, where=where)
    return [(str(a), str(b)) for a, b in edges]


def built(where: str, tree: Tree, name: str = "") -> nir.NIRGraph:
    """Return the NIR graph of a stored one whose fields were checked.

    Raises:
        GraphError: NIR's own classes refuse a node.
    """
    nodes = {
        key: built(where, node, f"{name}{key}.") if node["type"] == GRAPH else node_of(where, f"{name}{key}", node)
        for key, node in tree["nodes"].items()
    }
    return nir.NIRGraph(nodes, list(tree["edges"]), metadata=tree["metadata"], type_check=False)


def node_of(where: str, name: str, stored: Tree) -> nir.NIRNode:
    """Return the NIR node of a stored one."""
    kind = stored["type"]
    entry = NODES[kind]
    values = {key: value for key, value in stored.items() if key != "type"}
    values |= {key: np.asarray(values[key]) for key in entry.fields.values}
    try:
        return entry.type(**entry.arguments(values))
    except Exception as error:  # NIR's classes compute types from shapes, and raise many kinds for what means nothing
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise GraphError(f"node {name} ({kind}) means nothing ({reason})", AGAIN, where=where, node=name) from None
