"""SpikingJelly: states are passed from step to step; its importer takes a time step."""

from __future__ import annotations

import nir

from neurodeploy.frameworks.run.loaded import Loaded, with_importer
from neurodeploy.installed import imported

NAME = "spikingjelly"


def load(graph: nir.NIRGraph, dt_s: float | None, reset: str) -> Loaded:
    """Return what `spikingjelly.activation_based.nir_exchange.import_from_nir` makes of a graph, step by step."""
    importer = imported(NAME, "spikingjelly.activation_based.nir_exchange").import_from_nir
    said = {} if dt_s is None else {"dt": dt_s}
    return Loaded(NAME, with_importer(NAME, graph, lambda one: importer(one, **said)))
