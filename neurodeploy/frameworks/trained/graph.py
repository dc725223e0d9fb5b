"""The graph of a network built of another framework's modules: what the reader makes of it, and its precision."""

from __future__ import annotations

from copy import copy
from typing import Any

import nir
import torch

from neurodeploy.errors import FrameworkError
from neurodeploy.frameworks.trained.network import FrameworkNetwork, Part
from neurodeploy.frameworks.trained.on_grid import WeightOnGrid
from neurodeploy.graph.euler import SPIKING_TYPES
from neurodeploy.graph.metadata import FORMAT, INTEGRATION, ROUNDING, ours, wrapped
from neurodeploy.quantize import grid
from neurodeploy.reading import graph_of

STEPS = 3
"""Of the sample that the reader follows."""


def framework_to_nir(network: FrameworkNetwork, dt_s: float, **settings: Any) -> nir.NIRGraph:
    """Return the graph of `network`, with the precision of its layers where it is on a grid.

    Nodes have the names of the module's layers.

    Args:
        dt_s: Time step, seconds; recorded in the graph's metadata with the integration method.
        settings: Further entries for the graph's metadata (name, chip, dataset, n_steps).

    Raises:
        FrameworkError: the reader does not take one of its modules.
    """
    module = network.module.settled()
    found = graph_of(module, torch.zeros(1, STEPS, network.n_inputs), dt_s=dt_s)
    called = {path: name for name, path in found.nodes.items()}
    renamed = {name: name for name in found.graph.nodes}
    nodes = dict(found.graph.nodes)
    for one in network.module.parts:
        for path in (one.weights_name, one.neurons_name):
            if path not in called:
                raise FrameworkError(f"{path}: has no node in the graph that was read; please report this as a bug")
            renamed[called[path]] = path
        weights, neurons = called[one.weights_name], called[one.neurons_name]
        spiking = isinstance(nodes[neurons], SPIKING_TYPES)
        nodes[weights] = _with(nodes[weights], _precision(one))
        nodes[neurons] = _with(nodes[neurons], _rules(one, found.reset if spiking else None))
    metadata = wrapped(
        format=FORMAT,
        dt_s=dt_s,
        time_unit="s",
        integration=INTEGRATION,
        readout=module.cells.readout,
        **settings,
    )
    edges = [(renamed[a], renamed[b]) for a, b in found.graph.edges]
    return nir.NIRGraph({renamed[key]: node for key, node in nodes.items()}, edges, metadata=metadata, type_check=False)


def _with(node: nir.NIRNode, entries: dict[str, Any]) -> nir.NIRNode:
    """Return a node whose metadata hold entries of ours too."""
    made = copy(node)
    made.metadata = {**(node.metadata or {}), **wrapped(**(ours(node.metadata) | entries))}
    return made


def _grid_of(one: Part) -> WeightOnGrid | None:
    found = getattr(one.weights, "parametrizations", None)
    return None if found is None else found["weight"][0]


def _precision(one: Part) -> dict[str, Any]:
    found = _grid_of(one)
    if found is None:
        return {}
    exponent = found.plan.weight_exp
    assert isinstance(exponent, int)
    return {
        "weight_bits": found.plan.weight_bits,
        "weight_exp": exponent,
        "weight_scale": float(grid.power(exponent, 0)) / found.vth_mant,
        "rounding": ROUNDING,
    }


def _rules(one: Part, reset: str | None) -> dict[str, Any]:
    found = _grid_of(one)
    entries = {"reset": reset, "vth_mant": None if found is None else found.vth_mant}
    return {key: value for key, value in entries.items() if value is not None}
