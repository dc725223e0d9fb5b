"""What a graph says of its precision: entries in the metadata of the nodes that a plan is of."""

from __future__ import annotations

from copy import copy
from typing import Any

import nir
import numpy as np

from neurodeploy.graph.metadata import ROUNDING, TOWARD_ZERO, ours, wrapped
from neurodeploy.program.plan import ConnectionPlan, Plan
from neurodeploy.quantize import grid


def with_precision(graph: nir.NIRGraph, plan: Plan) -> nir.NIRGraph:
    """Return a graph whose nodes say in their metadata the precision that a plan gives them."""
    nodes = dict(graph.nodes)
    for name, vth_mant in plan.vth_mant.items():
        bits = plan.fraction_bits.get(name)
        entries = {"vth_mant": vth_mant, "fraction_bits": bits, "rounding": None if bits is None else TOWARD_ZERO}
        nodes[name] = _with(nodes[name], entries)
    for source, target in graph.edges:
        if source in plan.connections:
            nodes[source] = _with(nodes[source], _entries(plan.connections[source], plan.vth_mant[target]))
    return nir.NIRGraph(nodes, graph.edges, metadata=graph.metadata, type_check=False)


def _entries(precise: ConnectionPlan, vth_mant: int) -> dict[str, Any]:
    exponent = precise.weight_exp
    shared = {"weight_bits": precise.weight_bits, "rounding": ROUNDING}
    if isinstance(exponent, tuple):
        return shared | {"row_exps": np.array(exponent)}
    return shared | {"weight_exp": exponent, "weight_scale": float(grid.power(exponent, 0)) / vth_mant}


def _with(node: nir.NIRNode, entries: dict[str, Any]) -> nir.NIRNode:
    made = copy(node)
    made.metadata = {**(node.metadata or {}), **wrapped(**(ours(node.metadata) | entries))}
    return made
