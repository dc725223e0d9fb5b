"""Networks of the SiLIF family and their baselines.

The spiking ones are folded first (`quantize.folded`), and the folded network is what is fine-tuned and exported.
"""

from __future__ import annotations

import math
from typing import Any

import nir
import numpy as np
import torch
from torch import nn

from neurodeploy.backends.calibration import spread_over
from neurodeploy.backends.search import Calibrated
from neurodeploy.errors import NetworkError
from neurodeploy.graph.export_family import attach_plan, family_to_nir, recurrent_name, weights_name
from neurodeploy.graph.network import Network
from neurodeploy.mapping.discretize_dynamics import pole_errors
from neurodeploy.networks.family import FamilyNetwork
from neurodeploy.networks.family_settings import FamilySettings
from neurodeploy.networks.sequence import SequenceNetwork
from neurodeploy.networks.zoo import build_family
from neurodeploy.program.plan import Plan
from neurodeploy.quantize.folded import FoldedNetwork, fold


class Family:
    """The SiLIF family; tables of it name a `model`."""

    foreign = False

    def versions(self, settings: FamilySettings) -> dict[str, str]:
        return {}

    def build(
        self, settings: FamilySettings, input_shape: tuple[int, ...], n_classes: int, dt_s: float
    ) -> SequenceNetwork:
        return build_family(settings, math.prod(input_shape), n_classes)

    def deployable(self, network: nn.Module, settings: FamilySettings, name: str) -> FoldedNetwork:
        if not isinstance(network, FamilyNetwork):
            raise NetworkError(
                f"{name}: a {settings.model} sends no spikes, so no chip of this kind runs it; train it only"
            )
        return fold(network).float()

    def graph(self, network: FoldedNetwork, dt_s: float, **entries: Any) -> nir.NIRGraph:
        return family_to_nir(network, dt_s, **entries)

    def samples(self, n_samples: int) -> np.ndarray:
        # Speech comes sorted by word: the first samples would be one word only.
        return spread_over(n_samples)

    def certified(self, network: Any) -> Any:
        return network

    def attach(self, network: FoldedNetwork, plan: Plan) -> None:
        attach_plan(network, plan)

    def put(self, network: FoldedNetwork, before: Network, found: Calibrated) -> dict[str, dict[str, Any]]:
        attach_plan(network, found.plan)
        return pole_errors(before.populations, found.plan)

    def matrices(self, network: FoldedNetwork) -> dict[str, torch.Tensor]:
        found = {}
        for index, layer in enumerate(network.hidden, start=1):
            used = layer.values()
            found[weights_name(index)] = used.weight_NI
            if used.recurrent_NN is not None:
                found[recurrent_name(index)] = used.recurrent_NN
        found[weights_name(len(network.hidden) + 1)] = network.readout.values().weight_NI
        return found
