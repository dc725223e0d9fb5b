"""Our own layers, weights and neurons in one, and our neurons alone; both take (samples, steps, neurons)."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np
from torch import nn

from neurodeploy.errors import FrameworkError
from neurodeploy.graph.dynamics import subgraph
from neurodeploy.graph.metadata import wrapped
from neurodeploy.neurons.compiled_dynamics import LeakyReadout
from neurodeploy.neurons.dynamics import DynamicsNeurons
from neurodeploy.neurons.lif import LIF, CubaLIF
from neurodeploy.neurons.population import Population
from neurodeploy.neurons.scan import THRESHOLD
from neurodeploy.quantize.on_grid import BiasOnGrid, CoefficientsOnGrid, DecaysOnGrid, OnUnit
from neurodeploy.reading.leaves import Built, Call, ChipNeurons, Neurons, Shape, Source, full, numbers
from neurodeploy.reading.neurons import cuba, leaky, readout
from neurodeploy.reading.torch_layers import dense


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
    """Return a `networks.blocks.spiking_layer.SpikingLayer`."""

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


def population(module: Any) -> Neurons:
    """Return neurons of ours behind weights of torch's."""

    def build(shape: Shape, dt_s: float, potential_only: bool) -> Built:
        return Built({"": _node(module, shape, dt_s, potential_only)}, chip=OurNeurons(module))

    return _sequence(module, build)


def _sequence(neuron: Population, build: Any) -> Neurons:
    sends_potential = isinstance(neuron, LeakyReadout)

    def call(args: Any, kwargs: Any, output: Any) -> Call:
        current = args[0] if args else next(iter(kwargs.values()))
        return Call(current, [], None if sends_potential else output, output if sends_potential else None)

    return Neurons(call, build, sequence=True, samples_first=True)


def _node(neuron: Population, shape: Shape, dt_s: float, potential_only: bool) -> nir.NIRNode:
    used = {key: full(value, shape) for key, value in neuron.numbers().items()}
    ones = np.ones(shape)
    if isinstance(neuron, LeakyReadout):
        return readout(dt_s, None, used["beta"], ones)
    if potential_only:
        raise FrameworkError("its potential is read, and it spikes; read its spikes")
    if isinstance(neuron, DynamicsNeurons):
        threshold = np.full(shape, neuron.v_threshold)
        metadata = wrapped(cell=neuron.dynamics.name, model=neuron.model or None)
        return subgraph(neuron.dynamics, used, threshold, dt_s, metadata)
    assert isinstance(neuron, LIF)
    make = cuba if isinstance(neuron, CubaLIF) else leaky
    return make(dt_s, used.get("alpha"), used["beta"], ones, THRESHOLD * ones, neuron.settings.reset)


LEAVES = {
    "SpikingLayer": spiking_layer,
    **dict.fromkeys(("LIF", "CubaLIF", "DynamicsNeurons", "Adaptive", "Resonator", "LeakyReadout"), population),
}
