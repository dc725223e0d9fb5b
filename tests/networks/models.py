"""Settings of every network of the SiLIF paper by the name of its model, and a small PLIF network."""

from __future__ import annotations

from typing import Any

import torch

from neurodeploy.networks.families.ann import LAYERS as BASELINES
from neurodeploy.networks.families.plif import PlifNetwork, PlifSettings
from neurodeploy.networks.families.plif import build as build_plif
from neurodeploy.networks.families.settings import NetworkSettings
from neurodeploy.networks.families.table import FAMILIES


def settings_of(model: str, **values: Any) -> NetworkSettings:
    """Return the settings of a model, with those of the values that its family has."""
    family = "s4d" if model == "s4d" else "ann" if model in BASELINES else "silif"
    made = FAMILIES[family].settings
    return made(**{key: value for key, value in {"model": model, **values}.items() if key in made.model_fields})


def lively_plif(x_BTI: torch.Tensor, *, seed: int, n_channels: int, **settings: Any) -> PlifNetwork:
    """Return a small PLIF network for pictures of 12 by 12, whose norms have seen them and whose layers all fire."""
    torch.manual_seed(seed)
    network = build_plif(PlifSettings(channels=(4,), hidden=16, voters=3, **settings), (n_channels, 12, 12), 4, 1e-3)
    with torch.no_grad():
        for stage in network.stages:
            stage.weights.weight.mul_(3.0).add_(0.05)  # type: ignore[union-attr, operator]
            stage.neurons.w.add_(0.3)  # type: ignore[union-attr, operator]
            if stage.norm is not None:
                stage.norm.bias.fill_(0.5)
        network.train()
        for _ in range(20):
            network(x_BTI)
    return network.eval()
