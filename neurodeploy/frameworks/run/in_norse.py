"""Norse: states are passed from step to step; its importer takes a time step, and a reset rule for CubaLIF."""

from __future__ import annotations

import nir

from neurodeploy.fixedpoint import rules
from neurodeploy.frameworks.run.loaded import Loaded, with_importer
from neurodeploy.installed import imported

NAME = "norse"


def load(graph: nir.NIRGraph, dt_s: float | None, reset: str) -> Loaded:
    """Return what `norse.torch.from_nir` makes of a graph."""
    importer = imported(NAME, "norse.torch.utils.import_nir").from_nir
    said = {} if dt_s is None else {"dt": dt_s}
    if reset == rules.RESET_SUBTRACT:
        said["reset_method"] = imported(NAME, "norse.torch.functional.reset").reset_subtract
    return Loaded(NAME, with_importer(NAME, graph, lambda one: importer(one, ignore_warnings=True, **said)))
