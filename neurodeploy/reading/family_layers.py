"""Our own spiking layers, used in a module of plain torch: weights, neurons and recurrent weights in one."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np

from neurodeploy.errors import FrameworkError
from neurodeploy.neurons.scan import THRESHOLD
from neurodeploy.reading.leaves import Built, Call, Neurons, Shape, full, numbers
from neurodeploy.reading.neurons import cuba, leaky
from neurodeploy.reading.torch_layers import dense


def _call(args: Any, kwargs: Any, output: Any) -> Call:
    return Call(args[0] if args else kwargs["spikes_BTI"], [], output, None)


def spiking_layer(module: Any) -> Neurons:
    """Return a `networks.spiking.SpikingLayer`, which takes (samples, steps, channels)."""

    def build(shape: Shape, dt_s: float, potential_only: bool) -> Built:
        if module.quantiser is not None:
            raise FrameworkError("is quantised already; give the layer as it was trained, or export its run")
        if potential_only:
            raise FrameworkError("its potential is read, and it spikes; read its spikes")
        used = module.weights()
        alpha, beta = full(used.alpha, shape), full(used.beta, shape)
        make = cuba if module.neuron.nir_type == "CubaLIF" else leaky
        ones = np.ones(shape)
        bias = None if used.bias_O is None else numbers(used.bias_O)
        nodes = {
            "in": dense(numbers(used.weight_OI), bias),
            "": make(dt_s, alpha, beta, ones, THRESHOLD * ones, module.neuron.settings.reset),
        }
        edges: tuple[tuple[str, str], ...] = (("in", ""),)
        if used.recurrent_OO is not None:
            nodes["rec"] = nir.Linear(numbers(used.recurrent_OO))
            edges += (("", "rec"), ("rec", ""))
        return Built(nodes, edges, entry="in")

    return Neurons(_call, build, sequence=True, samples_first=True)


LEAVES = {"SpikingLayer": spiking_layer}
