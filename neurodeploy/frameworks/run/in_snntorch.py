"""snnTorch: its neurons keep their states themselves, and its importer takes no time step."""

from __future__ import annotations

import nir
import torch

from neurodeploy.frameworks.run.loaded import Loaded, with_importer
from neurodeploy.installed import imported

NAME = "snntorch"
STATES = ("mem", "syn", "spk")


def load(graph: nir.NIRGraph, dt_s: float | None, reset: str) -> Loaded:
    """Return what `snntorch.import_from_nir` makes of a graph; it always takes 1e-4 s and resets to zero."""
    importer = imported(NAME, "snntorch.import_nir").import_from_nir
    return Loaded(NAME, with_importer(NAME, graph, importer), forget)


def forget(module: torch.nn.Module) -> None:
    """Empty the states of every neuron; they take the shape of the next input."""
    for one in module.modules():
        for key in STATES:
            state = getattr(one, key, None)
            if isinstance(state, torch.Tensor) and type(one).__module__.startswith("snntorch."):
                setattr(one, key, torch.zeros(0))
