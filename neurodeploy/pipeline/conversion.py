"""A trained network of either kind on its way to the chip: its graph, its precision, its quantised form.

Networks of `networks.spiking` carry their quantisers themselves. Those of the SiLIF family are folded first
(`quantize.folded`), and the folded network is what is fine-tuned and exported.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nir
import torch

from neurodeploy.backends.calibration import spread_over
from neurodeploy.backends.search import calibrate
from neurodeploy.data.load import step_s, wanted_of
from neurodeploy.errors import NetworkError
from neurodeploy.graph.export import names, to_nir
from neurodeploy.graph.export_family import attach_plan, family_to_nir
from neurodeploy.graph.files import GraphFile
from neurodeploy.graph.network import Network, discretised
from neurodeploy.mapping.compile import rounded_together
from neurodeploy.mapping.discretize_cells import pole_errors
from neurodeploy.networks.family import FamilyNetwork
from neurodeploy.networks.spiking import SpikingLayer, SpikingNetwork
from neurodeploy.pipeline.train import new_network, part
from neurodeploy.progress import Progress
from neurodeploy.quantize.fake import FakeQuantiser
from neurodeploy.quantize.folded import FoldedNetwork, fold
from neurodeploy.quantize.plan import Plan
from neurodeploy.recipes import Recipe

Quantised = SpikingNetwork | FoldedNetwork


@dataclass(frozen=True, eq=False)
class OnGrid:
    """A network on the chip's grid, before any fine-tuning.

    Attributes:
        distance: How far the output moved on the calibration samples; see `backends.search.Calibrated`.
        poles: How far fixed point moves the poles of each layer that has some; see `quantize.cells.pole_error`.
    """

    network: Quantised
    plan: Plan
    distance: float
    poles: dict[str, dict[str, Any]] = field(default_factory=dict)


def deployable(network: Any, recipe: Recipe) -> Quantised:
    """Return the form of a trained network that is quantised: folded where it is one of the family.

    Raises:
        NetworkError: it is one of the baselines, which have no spikes.
    """
    if isinstance(network, FamilyNetwork):
        return fold(network).float()
    if not isinstance(network, SpikingNetwork):
        model = getattr(recipe.network, "model", "network")
        raise NetworkError(f"{recipe.name}: a {model} sends no spikes, so no chip of this kind runs it; train it only")
    return network


def graph_of(network: Quantised, recipe: Recipe, **settings: Any) -> nir.NIRGraph:
    """Return the network as NIR; its metadata carry the recipe's time step and binning."""
    dt_s = step_s(recipe.data)
    settings = wanted_of(recipe.data).carried() | settings
    if isinstance(network, FoldedNetwork):
        return family_to_nir(network, dt_s, **settings)
    first = network.layers[0]
    assert isinstance(first, SpikingLayer)
    return to_nir(network, first.weight.shape[1], dt_s, **settings)


def float_network(network: Quantised, recipe: Recipe) -> Network:
    """Return what a network without quantisers is as a discretised graph."""
    graph = graph_of(network, recipe)
    return discretised(GraphFile(Path(recipe.name), recipe.name, graph, stores_reset=True))


def put_on_grid(trained: Any, recipe: Recipe, progress: Progress) -> OnGrid:
    """Choose the precision of a trained network on calibration samples, and put it on that grid.

    Plain networks change in place.
    """
    network = deployable(trained, recipe)
    before = float_network(network, recipe)
    samples = part(recipe, "train").spikes_BTI
    if isinstance(network, FoldedNetwork):
        # Speech comes sorted by word: the first samples would be one word only.
        samples = samples[spread_over(len(samples))]
    found = calibrate(
        before,
        samples,
        recipe.quantize.weight_bits,
        recipe.quantize.coefficient_bits,
        progress=lambda done, total: progress("calibrate", done, total),
    )
    attach(network, found.plan)
    if isinstance(network, FoldedNetwork):
        return OnGrid(network, found.plan, found.distance, pole_errors(before.populations, found.plan))
    after = rounded_together(before, found.plan, found.measured)
    weights = {synapses.name: torch.as_tensor(synapses.weight) for synapses in after.synapses}
    with torch.no_grad():
        for index, layer in enumerate(network.layers, start=1):
            assert isinstance(layer, SpikingLayer)
            forward, recurrent, _ = names(index)
            layer.weight.copy_(weights[forward])
            if layer.recurrent is not None:
                layer.recurrent.copy_(weights[recurrent])
    return OnGrid(network, found.plan, found.distance)


def attach(network: Quantised, plan: Plan) -> None:
    """Give every layer the fake quantiser that `plan` asks for."""
    if isinstance(network, FoldedNetwork):
        attach_plan(network, plan)
        return
    for index, layer in enumerate(network.layers, start=1):
        assert isinstance(layer, SpikingLayer)
        forward, recurrent, neurons = names(index)
        layer.quantiser = FakeQuantiser(
            plan.vth_mant[neurons], plan.connections[forward], plan.connections.get(recurrent)
        )


def empty_quantised(recipe: Recipe, plan: Plan) -> Quantised:
    """Return a network of the recipe's shape with its quantisers, for weights to be loaded into."""
    network = deployable(new_network(recipe), recipe)
    attach(network, plan)
    return network
