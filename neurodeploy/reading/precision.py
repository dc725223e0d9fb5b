"""Precision attached to a module that was read: parametrised weights and biases, neurons with the chip's numbers.

What a plan says of a node is done to the module that the node is from, so any module that is read can be quantised,
fine-tuned and exported; and the graph read from it afterwards says the plan in its nodes' metadata.
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.utils import parametrize

from neurodeploy.errors import FrameworkError
from neurodeploy.program.plan import Plan
from neurodeploy.quantize.on_grid import WeightOnGrid
from neurodeploy.reading.graph_of import GraphOf, weighted


def put_on_grid(module: nn.Module, read: GraphOf, plan: Plan, weights: Mapping[str, np.ndarray] | None = None) -> None:
    """Make a module compute with the chip's numbers; gradients go straight through to the real ones behind.

    Args:
        module: Its `plan` is kept.
        read: The module, read before.
        plan: Made for its graph.
        weights: Better ones than the module's, by node.

    Raises:
        FrameworkError: a node's weights or neurons are of no module that can be put on a grid.
    """
    before = {name: one.gain() for name, one in read.chip.items()}
    for name in plan.vth_mant:
        if name not in read.chip:
            raise FrameworkError(f"{name}: its neurons cannot be put on a grid; {ABLE}")
        if not read.chip[name].exact:
            read.chip[name].keep(name, plan.vth_mant[name], plan.fraction_bits.get(name))
    for name, precise in plan.connections.items():
        node, share = weighted(read.graph, name)
        last = node if node in read.graph.nodes else re.split("[>+]", node)[-1]  # of a way through several
        targets = [last] if last in read.chip else [target for source, target in read.graph.edges if source == last]
        if len(targets) == 1 and targets[0] in read.chip and read.chip[targets[0]].exact:
            continue
        if node not in read.weights or len(targets) != 1 or targets[0] not in read.chip or not _same(read, node):
            raise FrameworkError(f"{name}: its weights are not those of one module before neurons; {FOLD}")
        where, chip, vth_mant = read.weights[node], read.chip[targets[0]], plan.vth_mant[targets[0]]
        before_it = [source for source, target in read.graph.edges if target == node and source in read.chip]
        graded = before_it and read.chip[before_it[0]].graded
        unit = vth_mant / plan.message_unit(before_it[0]) if graded else vth_mant
        on_grid = WeightOnGrid(unit, precise, chip.gain() * share)
        parametrize.register_parametrization(where.module, where.weight, on_grid)
        if where.bias is not None:
            parametrize.register_parametrization(where.module, where.bias, chip.bias(vth_mant))
        # A spike moves the potential as far as before, whatever the decay on the chip did to what inputs are worth.
        ratio = before[targets[0]] / chip.gain()
        with torch.no_grad():
            if weights is not None and name in weights and node == name:
                _original(where.module, where.weight).copy_(torch.as_tensor(weights[name] * ratio))
            if where.bias is not None:
                _original(where.module, where.bias).mul_(ratio)
    module.plan = plan  # type: ignore[assignment]


ABLE = (
    "our own neurons (of a family's layers after its `deployable`), snnTorch's Leaky, and Norse's LIFBoxCell and "
    "LIBoxCell can"
)
FOLD = "fold what lies between them in the family's `deployable`"


def _same(read: GraphOf, name: str) -> bool:
    """True where a node holds its module's weights as they are: no norm was folded into them."""
    where = read.weights[name]
    return np.array_equal(read.graph.nodes[name].weight, getattr(where.module, where.weight).detach().cpu().numpy())


def _original(module: nn.Module, name: str) -> torch.Tensor:
    parametrizations: Any = module.parametrizations
    return parametrizations[name].original  # type: ignore[no-any-return]
