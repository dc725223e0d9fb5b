"""Recorded runs of the reference implementation of the SiLIF family."""

from __future__ import annotations

import numpy as np
import torch

from neurodeploy.neurons.engine import ScanEngine
from neurodeploy.neurons.ssm.adlif import LIF, RLIF, AdLIF, CAdLIF, RadLIF, SiLIF
from neurodeploy.neurons.ssm.layer import InitialState, LayerSettings, StateSpaceLayer
from neurodeploy.neurons.ssm.resonators import RF, CSiLIF
from tests.needs import golden_file

LAYERS: dict[str, type[StateSpaceLayer]] = {
    "lif": LIF,
    "rlif": RLIF,
    "adlif": AdLIF,
    "radlif": RadLIF,
    "cadlif": CAdLIF,
    "silif": SiLIF,
    "csilif": CSiLIF,
    "rf": RF,
}


def golden(name: str) -> dict[str, torch.Tensor]:
    """Return the arrays of one recorded file, or skip the test where they are absent."""
    path = golden_file("silif", f"{name}.npz")
    with np.load(path, allow_pickle=False) as stored:
        return {key: torch.from_numpy(stored[key]) for key in stored.files}


def recorded_layer(
    name: str, arrays: dict[str, torch.Tensor], engine: ScanEngine, initial_state: InitialState = "zero"
) -> StateSpaceLayer:
    """Return the layer whose run was recorded."""
    layer = LAYERS[name](12, 8, LayerSettings(initial_state=initial_state, scan_engine=engine))
    layer.load_state_dict(below(arrays, "param."))
    return layer


def below(arrays: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """Return the arrays whose names start with `prefix`, without it."""
    return {key.removeprefix(prefix): value for key, value in arrays.items() if key.startswith(prefix)}
