"""Networks of `networks.spiking`: they carry their quantisers themselves."""

from __future__ import annotations

import math
from typing import Any

import nir
import numpy as np
import torch

from neurodeploy.backends.calibration import SAMPLES
from neurodeploy.backends.search import Calibrated
from neurodeploy.graph.export import names, to_nir
from neurodeploy.graph.network import Network
from neurodeploy.mapping.compile import rounded_together
from neurodeploy.networks.spiking import NetworkSettings, SpikingLayer, SpikingNetwork, build
from neurodeploy.program.plan import Plan
from neurodeploy.quantize.fake import FakeQuantiser


class Plain:
    """Feed-forward and recurrent LIF and CUBA-LIF networks of our own."""

    foreign = False

    def versions(self, settings: NetworkSettings) -> dict[str, str]:
        return {}

    def build(
        self, settings: NetworkSettings, input_shape: tuple[int, ...], n_classes: int, dt_s: float
    ) -> SpikingNetwork:
        return build(settings, math.prod(input_shape), n_classes)

    def deployable(self, network: SpikingNetwork, settings: NetworkSettings, name: str) -> SpikingNetwork:
        return network

    def graph(self, network: SpikingNetwork, dt_s: float, **entries: Any) -> nir.NIRGraph:
        return to_nir(network, _layers(network)[0].weight.shape[1], dt_s, **entries)

    def samples(self, n_samples: int) -> np.ndarray:
        return np.arange(min(n_samples, SAMPLES))

    def certified(self, network: SpikingNetwork) -> SpikingNetwork:
        return network

    def attach(self, network: SpikingNetwork, plan: Plan) -> None:
        for index, layer in enumerate(_layers(network), start=1):
            forward, recurrent, neurons = names(index)
            layer.quantiser = FakeQuantiser(
                plan.vth_mant[neurons], plan.connections[forward], plan.connections.get(recurrent)
            )

    def put(self, network: SpikingNetwork, before: Network, found: Calibrated) -> dict[str, dict[str, Any]]:
        self.attach(network, found.plan)
        after = rounded_together(before, found.plan, found.measured)
        weights = {synapses.name: torch.as_tensor(synapses.weight) for synapses in after.synapses}
        with torch.no_grad():
            for index, layer in enumerate(_layers(network), start=1):
                forward, recurrent, _ = names(index)
                layer.weight.copy_(weights[forward])
                if layer.recurrent is not None:
                    layer.recurrent.copy_(weights[recurrent])
        return {}

    def matrices(self, network: SpikingNetwork) -> dict[str, torch.Tensor]:
        found = {}
        for index, layer in enumerate(_layers(network), start=1):
            forward, recurrent, _ = names(index)
            used = layer.weights()
            found[forward] = used.weight_OI
            if used.recurrent_OO is not None:
                found[recurrent] = used.recurrent_OO
        return found


def _layers(network: SpikingNetwork) -> list[SpikingLayer]:
    return list(network.layers)  # type: ignore[arg-type]
