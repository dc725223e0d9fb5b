"""Our own layers, weights and neurons in one, and our neurons alone; all take (samples, steps, neurons)."""

import inspect
from dataclasses import replace
from typing import Any

import nir
import numpy as np
from torch import nn

from neurodeploy.errors import FrameworkError
from neurodeploy.graph.dynamics import subgraph
from neurodeploy.graph.metadata import wrapped
from neurodeploy.graph.products import SpikeProducts
from neurodeploy.networks.blocks.maps import BOTH
from neurodeploy.networks.chip_maps import Scores
from neurodeploy.networks.families.folded import folded
from neurodeploy.networks.families.silif import LAYERS
from neurodeploy.neurons.dynamics import DynamicsNeurons, LeakyReadout
from neurodeploy.neurons.lif import LIF, THRESHOLD
from neurodeploy.neurons.plif import LIFNode
from neurodeploy.neurons.population import Population
from neurodeploy.neurons.ssm.layer import Readout, StateSpaceLayer
from neurodeploy.quantize.on_grid import BiasOnGrid, CoefficientsOnGrid, DecaysOnGrid, OnUnit
from neurodeploy.reading.leaves import Built, Call, ChipNeurons, Neurons, Shape, Source, full, numbers
from neurodeploy.reading.neurons import readout, spiking
from neurodeploy.reading.operations import tensors
from neurodeploy.reading.spikingjelly_neurons import fires_at
from neurodeploy.reading.torch_layers import SPIKE, above, dense


class OurNeurons(ChipNeurons):
    """Our neurons round all of their numbers together."""

    def __init__(self, neuron: Population) -> None:
        self.neuron = neuron

    def keep(self, name: str, vth_mant: int, fraction_bits: int | None) -> None:
        if isinstance(self.neuron, DynamicsNeurons):
            assert fraction_bits is not None
            self.neuron.rounding = CoefficientsOnGrid(name, self.neuron.dynamics, vth_mant, fraction_bits)
        else:
            self.neuron.rounding = DecaysOnGrid()

    def bias(self, vth_mant: int) -> nn.Module:
        if isinstance(self.neuron, DynamicsNeurons):
            return OnUnit(vth_mant)
        return BiasOnGrid(vth_mant, neuron=self.neuron)


def spiking_layer(module: Any) -> Neurons:
    """Return a `networks.spiking_layer.SpikingLayer`."""

    def build(shape: Shape, dt_s: float, potential_only: bool) -> Built:
        bias = None if module.bias is None else numbers(module.bias)
        nodes = {
            "in": dense(numbers(module.weight), bias),
            "": _node(module.neuron, (module.n_neurons,), dt_s, potential_only),
        }
        edges: tuple[tuple[str, str], ...] = (("in", ""),)
        weights = {"in": Source(module, "weight", None if bias is None else "bias")}
        if module.recurrent is not None:
            nodes["rec"] = nir.Linear(numbers(module.recurrent))
            edges += (("", "rec"), ("rec", ""))
            weights["rec"] = Source(module, "recurrent")
        return Built(nodes, edges, entry="in", weights=weights, chip=OurNeurons(module.neuron))

    return _sequence(module.neuron, build)


def family_layer(module: StateSpaceLayer | Readout) -> Neurons | None:
    """Return a layer of the SiLIF family in evaluation, with its batch norm in its weights."""
    if module.training:
        return None
    bound = inspect.signature(module.forward)

    def call(args: Any, kwargs: Any, output: Any) -> Call:
        current, *start = bound.bind(*args, **kwargs).arguments.values()
        given = tensors(start)
        if not isinstance(module, Readout):
            return Call(current, given, output.spikes_BTN, None, inside=False)
        return Call(current, given, None, module.potentials(current, *start), inside=False, then=module.scores)

    def build(shape: Shape, dt_s: float, potential_only: bool) -> Built:
        # What is read is made for this: to be put on a grid, a network has to consist of such layers.
        built = spiking_layer(folded(module)).build(shape, dt_s, potential_only)
        notes = () if module.settings.initial_state == "zero" else (ZERO,)
        return replace(built, weights={}, chip=None, notes=notes)

    return Neurons(call, build, sequence=True, samples_first=True)


ZERO = "its initial states are random; they became zero, as those of the graph are"


def population(module: Any) -> Neurons | None:
    """Return neurons of ours behind weights of torch's."""
    if isinstance(module, StateSpaceLayer):  # of the family, and called like one of these
        return family_layer(module)

    def build(shape: Shape, dt_s: float, potential_only: bool) -> Built:
        return Built({"": _node(module, shape, dt_s, potential_only)}, chip=OurNeurons(module))

    return _sequence(module, build)


def parametric(module: Any) -> Neurons:
    """Return PLIF neurons, or those of `networks.blocks`, which spike at their threshold."""
    rule = module.rule

    def build(shape: Shape, dt_s: float, potential_only: bool) -> Built:
        lost = numbers(module.part() if isinstance(module, LIFNode) else module.w.sigmoid())
        return fires_at(rule, lost, rule.decay_input, shape, dt_s, potential_only, alpha=getattr(module, "alpha", None))

    return _sequence(module, build)


def gating(threshold: float) -> Any:
    """Return what reads neurons without memory, with a threshold between numbers of spikes."""
    return lambda module: _sequence(module, lambda shape, _dt_s, _only: above(threshold, shape))


class KeepsAll(ChipNeurons):
    """Neurons without a number of their own that the chip could round."""

    def keep(self, name: str, vth_mant: int, fraction_bits: int | None) -> None:
        """Change nothing."""


def scores(module: Any) -> Neurons:
    """Return neurons that add up, read by their potential."""

    def build(shape: Shape, dt_s: float, _potential_only: bool) -> Built:
        return Built({"": readout(dt_s, None, np.ones(shape), np.ones(shape))}, chip=KeepsAll())

    return _sequence(module, build)


class Exact(KeepsAll):
    """Products of spikes: whole numbers, sent as they are."""

    exact = graded = True


def products(module: Any) -> Neurons:
    """Return products of spikes, which the host computes."""

    def build(shape: Shape, _dt_s: float, _potential_only: bool) -> Built:
        node = SpikeProducts(count=np.ones(shape), n_heads=np.array([module.products.n_heads]))
        return Built({"": node}, chip=Exact())

    return _sequence(module, build)


def _sequence(neuron: nn.Module, build: Any) -> Neurons:
    sends_potential = isinstance(neuron, LeakyReadout | Scores)

    def call(args: Any, kwargs: Any, output: Any) -> Call:
        current = args[0] if args else next(iter(kwargs.values()))
        spikes, potential = (None, output) if sends_potential else (output, None)
        return Call(current, [], spikes, potential, inside=False)

    return Neurons(call, build, sequence=True, samples_first=True)


def _node(neuron: Population, shape: Shape, dt_s: float, potential_only: bool) -> nir.NIRNode:
    used = {key: full(value, shape) for key, value in neuron.numbers().items()}
    ones = np.ones(shape)
    if isinstance(neuron, LeakyReadout):
        return readout(dt_s, None, used["beta"], ones)
    if potential_only:
        raise FrameworkError("the class is read from a spiking neuron's potential; read its spikes")
    if isinstance(neuron, DynamicsNeurons):
        threshold = np.full(shape, neuron.v_threshold)
        metadata = wrapped(cell=neuron.dynamics.name, model=neuron.model or None)
        return subgraph(neuron.dynamics, used, threshold, dt_s, metadata)
    assert isinstance(neuron, LIF)
    kept, at, reset = (used.get("alpha"), used["beta"]), neuron.at_threshold, neuron.settings.reset
    return spiking(dt_s, *kept, ones, THRESHOLD * ones, reset, at_threshold=at)


LEAVES = {
    "SpikingLayer": spiking_layer,
    "Readout": family_layer,
    **{kind.__name__: family_layer for kind in LAYERS.values()},
    **dict.fromkeys(("PLIF", "LIFNode", "PLIFNode", "CubaLIFNode"), parametric),
    "AnySpike": gating(SPIKE),
    "BothSpike": gating(BOTH),
    "Scores": scores,
    "CountsOnHost": products,
    **dict.fromkeys(
        ("LIF", "ChipLIF", "CubaLIF", "DynamicsNeurons", "Adaptive", "Resonator", "LeakyReadout"), population
    ),
}
