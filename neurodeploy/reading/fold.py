"""Batch norms folded into the weights before them, so that other readers of a graph meet no grouped convolution."""

from __future__ import annotations

from copy import copy

import nir
import numpy as np

from neurodeploy.graph.node_table import WEIGHTS

Nodes = dict[str, nir.NIRNode]
Edges = list[tuple[str, str]]


def with_norm_folded(nodes: Nodes, edges: Edges, norm: str) -> tuple[Nodes, Edges]:
    """Return a graph without the norm, where weights lead to it and to nothing else; else the graph as it is.

    Args:
        norm: Node of a batch norm: an Affine with a diagonal matrix, or a convolution of one tap and one channel each.
    """
    before = [source for source, target in edges if target == norm]
    if len(before) != 1 or [source for source, _ in edges].count(before[0]) != 1:
        return nodes, edges
    weights = nodes[before[0]]
    if not isinstance(weights, WEIGHTS):
        return nodes, edges
    kept = {name: node for name, node in nodes.items() if name != norm}
    kept[before[0]] = _scaled(weights, *_factors(nodes[norm]))
    return kept, [(before[0] if source == norm else source, target) for source, target in edges if target != norm]


def _factors(norm: nir.NIRNode) -> tuple[np.ndarray, np.ndarray]:
    """Return a norm's factor and shift of each channel."""
    weight = np.asarray(norm.weight)
    return np.diag(weight) if weight.ndim == 2 else weight.reshape(len(weight)), np.asarray(norm.bias)


def _scaled(weights: nir.NIRNode, factor: np.ndarray, shift: np.ndarray) -> nir.NIRNode:
    """Return weights whose output channels are multiplied and shifted."""
    weight = np.asarray(weights.weight)
    scaled = weight * factor.reshape(-1, *(1,) * (weight.ndim - 1))
    if isinstance(weights, nir.Linear):
        return nir.Affine(weight=scaled, bias=shift)
    made = copy(weights)
    made.weight, made.bias = scaled, np.asarray(weights.bias) * factor + shift
    return made
