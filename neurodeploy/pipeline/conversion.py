"""A trained network of any kind on its way to the chip: its graph, its precision, its quantised form."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nir

from neurodeploy.backends.search import calibrate
from neurodeploy.data.load import step_s, wanted_of
from neurodeploy.graph.files import GraphFile
from neurodeploy.graph.network import Network, discretised
from neurodeploy.pipeline.kinds.table import kind_of
from neurodeploy.pipeline.training import new_network, part
from neurodeploy.program.plan import Plan
from neurodeploy.progress import Progress
from neurodeploy.recipes import Recipe


@dataclass(frozen=True, eq=False)
class OnGrid:
    """A network on the chip's grid, before any fine-tuning.

    Attributes:
        distance: How far the output moved on the calibration samples; see `backends.search.Calibrated`.
        poles: How far fixed point moves the poles of each layer that has some; see `quantize.coefficients.pole_error`.
    """

    network: Any
    plan: Plan
    distance: float
    poles: dict[str, dict[str, Any]] = field(default_factory=dict)


def deployable(network: Any, recipe: Recipe) -> Any:
    """Return the form of a trained network that is quantised and exported.

    Raises:
        NetworkError: no chip can run it.
    """
    return kind_of(recipe.network).deployable(network, recipe.network, recipe.name)


def graph_of(network: Any, recipe: Recipe, **settings: Any) -> nir.NIRGraph:
    """Return the network as NIR; its metadata carry the recipe's time step and binning."""
    settings = wanted_of(recipe.data).carried() | settings
    return kind_of(recipe.network).graph(network, step_s(recipe.data), **settings)


def float_network(network: Any, recipe: Recipe) -> Network:
    """Return what a network that is on no grid yet is as a discretised graph."""
    graph = graph_of(network, recipe)
    return discretised(GraphFile(Path(recipe.name), recipe.name, graph, stores_reset=True))


def put_on_grid(trained: Any, recipe: Recipe, progress: Progress) -> OnGrid:
    """Choose the precision of a trained network on calibration samples, and put it on that grid.

    Networks that are deployed as they are change in place.
    """
    kind = kind_of(recipe.network)
    network = deployable(trained, recipe)
    before = float_network(network, recipe)
    train = part(recipe, "train")
    found = calibrate(
        before,
        train.at(kind.samples(len(train))).spikes_BTI,
        recipe.quantize.weight_bits,
        recipe.quantize.coefficient_bits,
        progress=lambda done, total: progress("calibrate", done, total),
    )
    poles = kind.put(network, before, found)
    return OnGrid(network, found.plan, found.distance, poles)


def empty_quantised(recipe: Recipe, plan: Plan) -> Any:
    """Return a network of the recipe's shape on the plan's grid, for weights to be loaded into."""
    network = deployable(new_network(recipe), recipe)
    kind_of(recipe.network).attach(network, plan)
    return network
