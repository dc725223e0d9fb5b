"""NIRTorch alone: its default map has weights, convolutions and pools, and no neurons."""

from __future__ import annotations

import nir

from neurodeploy.frameworks.run.loaded import Loaded, with_importer
from neurodeploy.installed import imported

NAME = "nirtorch"


def load(graph: nir.NIRGraph, dt_s: float | None, reset: str) -> Loaded:
    """Return what `nirtorch.nir_to_torch` makes of a graph without a map of one's own."""
    importer = imported(NAME, "nirtorch").nir_to_torch
    return Loaded(NAME, with_importer(NAME, graph, lambda one: importer(one, {})))
