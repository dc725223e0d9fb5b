"""Every NIR type that a graph may hold, each known by one entry: what a new layer kind or neuron is added to.

An entry says the fields, what our targets do with a node, in numbers and in words, and what it carries. What other
frameworks do with it stands in `doctor/frameworks.toml`, and how modules of theirs become it in `reading`.
"""

from dataclasses import replace

import nir

from neurodeploy.graph import euler, stateless
from neurodeploy.graph.dynamics import DynamicsNode
from neurodeploy.graph.node_type import Neurons, NodeType, Operation, Shape, Stateless, per_neuron
from neurodeploy.graph.products import PRODUCTS

NODES: dict[str, NodeType] = {one.name: one for one in (*euler.TYPES, *stateless.TYPES, PRODUCTS)}
"""By name: NIR's sixteen computational nodes, Input and Output, and products of ours; beside them a nested NIRGraph."""

WEIGHTS = tuple(one.type for one in NODES.values() if "weight" in one.fields.needed)
MATRICES = tuple(one.type for one in NODES.values() if isinstance(one, Stateless) and one.matrix)
CONVOLUTIONS = tuple(one for one in WEIGHTS if one not in MATRICES)
RESET = tuple(one.type for one in NODES.values() if "v_reset" in one.fields.values)
LEAKY = tuple(one for one in RESET if "v_leak" in NODES[one.__name__].fields.needed)
"""Types by what their fields say of them: those with weights, and spiking neurons with a potential that is reset."""

SUBGRAPH = Neurons(
    type=DynamicsNode,
    fields=per_neuron("v_threshold"),
    programmed=True,
    reference="its own difference equations, in float64",
    integers="coefficients in fixed point, states of 24 bits",
)
"""Neurons that a file holds as a sub-graph of its nodes."""

SENDING = replace(
    next(one for one in euler.TYPES if one.sends),
    programmed=True,
    reference="its own difference equation, in float64",
    integers="potentials of 24 bits, of which 16 are sent at every step",
)
"""An `I` whose potential feeds others, or itself."""


def entry_of(node: nir.NIRNode) -> NodeType | None:
    """Return what is known of a node's type, None for nothing."""
    return SUBGRAPH if isinstance(node, SUBGRAPH.type) else NODES.get(type(node).__name__)


def neurons_of(node: nir.NIRNode) -> Neurons | None:
    """Return the entry of a node of neurons, None for any other node."""
    entry = entry_of(node)
    return entry if isinstance(entry, Neurons) else None


def role_of(node: nir.NIRNode) -> str:
    """Return the role of a stateless node, empty for any other node."""
    entry = entry_of(node)
    return entry.role if isinstance(entry, Stateless) else ""


def operation(where: str, node: nir.NIRNode, shape: Shape, dt_s: float) -> tuple[Operation | None, Shape]:
    """Return what a stateless node does to values of `shape`, None for nothing, and their shape after it.

    Args:
        where: File and node, for messages.
        dt_s: Time step, seconds.

    Raises:
        GraphError: the values do not fit the node, or its numbers mean nothing.
    """
    entry = entry_of(node)
    assert isinstance(entry, Stateless), node
    return entry.operation(where, node, shape, dt_s)
