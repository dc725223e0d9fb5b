"""Networks built of another framework's modules; their graph is what `reading` makes of them."""

from __future__ import annotations

import math
from typing import Any

import nir
import numpy as np
import torch

from neurodeploy.backends.calibration import SAMPLES
from neurodeploy.backends.search import Calibrated
from neurodeploy.frameworks.trained.graph import framework_to_nir
from neurodeploy.frameworks.trained.network import FrameworkNetwork, build_in_framework
from neurodeploy.frameworks.trained.on_grid import attach_grid, put_weights
from neurodeploy.frameworks.trained.settings import FrameworkSettings
from neurodeploy.graph.network import Network
from neurodeploy.installed import imported, version_of
from neurodeploy.mapping.compile import rounded_together
from neurodeploy.program.plan import Plan


class Framework:
    """Networks of snnTorch's and Norse's own neurons; tables of them name a `framework`."""

    foreign = True

    def versions(self, settings: FrameworkSettings) -> dict[str, str]:
        imported(settings.framework, settings.framework)
        return {settings.framework: version_of(settings.framework)}

    def build(
        self, settings: FrameworkSettings, input_shape: tuple[int, ...], n_classes: int, dt_s: float
    ) -> FrameworkNetwork:
        return build_in_framework(settings, math.prod(input_shape), n_classes, dt_s)

    def deployable(self, network: FrameworkNetwork, settings: FrameworkSettings, name: str) -> FrameworkNetwork:
        return network

    def graph(self, network: FrameworkNetwork, dt_s: float, **entries: Any) -> nir.NIRGraph:
        return framework_to_nir(network, dt_s, **entries)

    def samples(self, n_samples: int) -> np.ndarray:
        return np.arange(min(n_samples, SAMPLES))

    def certified(self, network: FrameworkNetwork) -> FrameworkNetwork:
        return FrameworkNetwork(network.module.settled(), network.n_inputs).double().eval()

    def attach(self, network: FrameworkNetwork, plan: Plan) -> None:
        attach_grid(network.module, plan)

    def put(self, network: FrameworkNetwork, before: Network, found: Calibrated) -> dict[str, dict[str, Any]]:
        gains = _gains(network)
        attach_grid(network.module, found.plan)
        after = rounded_together(before, found.plan, found.measured)
        put_weights(network.module, {one.name: one.weight for one in after.synapses}, gains)
        return {}

    def matrices(self, network: FrameworkNetwork) -> dict[str, torch.Tensor]:
        gains = _gains(network)
        return {one.weights_name: one.weights.weight.detach() * gains[one.weights_name] for one in network.module.parts}


def _gains(network: FrameworkNetwork) -> dict[str, float]:
    """Return how far an input of 1 moves the potential of each layer, by the name of its weights."""
    return {one.weights_name: network.module.cells.gain(one.neurons) for one in network.module.parts}
