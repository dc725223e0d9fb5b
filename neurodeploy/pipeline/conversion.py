"""A trained network of any family on its way to the chip: its graph, its precision, its quantised form."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nir
import numpy as np
import torch
from torch import nn

from neurodeploy.backends.calibration import spread_over
from neurodeploy.backends.search import Choice, calibrate
from neurodeploy.data.load import Split, open_part, source_of, step_s, wanted_of
from neurodeploy.data.stream import SampleSource
from neurodeploy.errors import NetworkError
from neurodeploy.graph.dynamics import DynamicsPopulation
from neurodeploy.graph.files import GraphFile
from neurodeploy.graph.metadata import ours, wrapped
from neurodeploy.graph.network import Network, discretised
from neurodeploy.mapping.compile import compile_network
from neurodeploy.mapping.discretize_dynamics import pole_errors
from neurodeploy.networks.chip_memory import ChipMemory
from neurodeploy.networks.families import table
from neurodeploy.pipeline.samples import through_host
from neurodeploy.program.plan import Plan
from neurodeploy.progress import Progress, silent
from neurodeploy.quantize.on_grid import settled
from neurodeploy.reading import GraphOf
from neurodeploy.reading import graph_of as read_graph_of
from neurodeploy.reading.precision import put_on_grid as attach
from neurodeploy.recipes import Recipe

STEPS = 3
"""Of the silent sample that the reader follows."""


@dataclass(frozen=True, eq=False)
class OnGrid:
    """A network on the chip's grid, before any fine-tuning.

    Attributes:
        choice: Why it has the plan that it has.
        poles: How far fixed point moves the poles of each layer that has some; see `quantize.coefficients.pole_error`.
    """

    network: Any
    plan: Plan
    choice: Choice
    poles: dict[str, dict[str, Any]] = field(default_factory=dict)


def part(recipe: Recipe, split: Split) -> SampleSource:
    """Return one part of the recipe's data; its samples are read when they are asked for."""
    return open_part(recipe.data, split)


def fed(network: Any, samples: SampleSource) -> SampleSource:
    """Return what the chip gets of samples, for a network that may have layers on the host."""
    return through_host(samples, getattr(network, "host", None))


def n_classes(recipe: Recipe) -> int:
    """Return the number of classes in the recipe's data."""
    return source_of(recipe.data).n_classes


def new_network(recipe: Recipe) -> nn.Module:
    """Return the recipe's network with the initial weights its seed gives."""
    shape = part(recipe, "test").shape
    torch.set_num_threads(recipe.training.threads)  # the order of float sums depends on it
    torch.manual_seed(recipe.training.seed)
    return table.build_network(recipe.network, shape, n_classes(recipe), step_s(recipe.data))


def deployable(network: Any, recipe: Recipe) -> Any:
    """Return the form of a trained network that is quantised and exported.

    Raises:
        NetworkError: no chip can run it.
    """
    return table.deployable(network, recipe.network, recipe.name)


def refusal(recipe: Recipe) -> str:
    """Return why a network of the recipe's has no integer form; empty where a new one has.

    Raises:
        MappingError: it has one that is too large for the chip's sums.
    """
    network = new_network(recipe)  # what it cannot be is an error
    try:
        network = deployable(network, recipe)
    except NetworkError as error:
        return str(error)
    if isinstance(network, ChipMemory):  # training leaves its memory as it is
        compile_network(float_network(network, recipe), chip=recipe.chip, memory_bits=recipe.quantize.memory_bits)
    return ""


def read_network(network: Any, dt_s: float, **entries: Any) -> GraphOf:
    """Return a network of a family as the reader makes a graph of it, with its precision where it is on a grid.

    Args:
        dt_s: Time step, seconds.
        entries: For the graph's metadata.
    """
    found = read_graph_of(network.eval(), torch.zeros(1, STEPS, math.prod(network.input_shape)), dt_s=dt_s)
    if (host := getattr(network, "host", None)) is not None:
        entries |= {"host": host.text, "counts": True}
    found.graph.metadata = wrapped(**ours(found.graph.metadata) | {"name": None} | entries)
    found.graph.nodes = dict(sorted(found.graph.nodes.items()))  # the order of files, and so of a Program's connections
    return found


def graph_of(network: Any, recipe: Recipe, **settings: Any) -> nir.NIRGraph:
    """Return the network as NIR; its metadata carry the recipe's time step and binning."""
    return read_network(network, step_s(recipe.data), **wanted_of(recipe.data).carried() | settings).graph


def float_network(network: Any, recipe: Recipe) -> Network:
    """Return what a network that is on no grid yet is as a discretised graph."""
    return discretised(GraphFile(Path(recipe.name), recipe.name, graph_of(network, recipe), stores_reset=True))


def put_on_grid(trained: Any, recipe: Recipe, progress: Progress) -> OnGrid:
    """Choose the precision of a trained network on calibration samples, and put it on that grid.

    Networks that are deployed as they are change in place.
    """
    network = deployable(trained, recipe)
    train = fed(network, part(recipe, "train"))
    return quantised(network, recipe, train.at(spread_over(len(train))).spikes_BTI, progress)


def quantised(network: Any, recipe: Recipe, spikes_BTI: np.ndarray, progress: Progress = silent) -> OnGrid:
    """Choose the precision of a deployable network on samples, and put it on that grid, in place."""
    found = read_network(network, step_s(recipe.data), **wanted_of(recipe.data).carried())
    before = discretised(GraphFile(Path(recipe.name), recipe.name, found.graph, stores_reset=True))
    bits = recipe.quantize.weight_bits, recipe.quantize.coefficient_bits, recipe.quantize.memory_bits
    chosen = calibrate(before, spikes_BTI, *bits, progress=progress)
    # Of networks with equations, readouts keep their own.
    some = any(isinstance(one, DynamicsPopulation) for one in before.populations)
    together = {one.name for one in before.populations if one.spiking or not some}
    weights = {one.name: one.weight for one in chosen.network.synapses if one.target in together}
    attach(network, found, chosen.plan, weights)
    return OnGrid(network, chosen.plan, chosen.choice, pole_errors(before.populations, chosen.plan))


def empty_quantised(recipe: Recipe, plan: Plan) -> Any:
    """Return a network of the recipe's shape on the plan's grid, for weights to be loaded into."""
    network = deployable(new_network(recipe), recipe)
    attach(network, read_network(network, step_s(recipe.data)), plan)
    return network


def matrices(network: Any, dt_s: float) -> dict[str, np.ndarray]:
    """Return the weights in use of a deployable network, in thresholds, by the name of their node."""
    found = read_network(network, dt_s)
    gains = {name: found.chip[target].gain() for name, target in found.graph.edges if name in found.weights}
    return {
        name: (getattr(one.module, one.weight).detach() * gains[name]).numpy() for name, one in found.weights.items()
    }


def certified(network: Any, recipe: Recipe) -> Any:
    """Return a network as certificates run it, float or on a grid.

    Another framework's computes in float64 with its weights as they are exported: in float32, spikes that hang on the
    last bit would differ from its graph's though nothing was lost.
    """
    if table.family_of(recipe.network).package is None:
        return network
    return settled(network).double()
