"""What a chip runs of the modules of a network: of a torch module, or a run's by its recipe; no weights are needed.

Torch is loaded only where there is something to tell: reading a graph does not need it.
"""

import os
from pathlib import Path
from typing import Any

from neurodeploy.errors import DataError
from neurodeploy.pipeline.run_results import recipe_values

FAMILIES = ("lmuformer", "transformer")
"""Whose modules are all known."""


def of_modules(file: object) -> dict[str, Any]:
    """Return what `networks.spike_driven.signals.told` says of modules; nothing where they are not known.

    Args:
        file: A torch module; or a path, of which some run folders have modules that are known.

    Raises:
        NetworkError: nothing is known of a part of the module.
        RunError: the run's recipe is damaged.
        DataError: the run's data, which say what a step is, are absent, and there is no graph to be told of instead.
    """
    if hasattr(file, "named_modules"):
        from neurodeploy.networks.spike_driven.signals import told
        from neurodeploy.networks.spike_driven.table import parts_of

        return told(parts_of(file, 1))
    if not isinstance(file, str | os.PathLike) or not os.path.exists(Path(file, "recipe.toml")):
        return {}
    if recipe_values(Path(file)).get("network", {}).get("family") not in FAMILIES:
        return {}
    try:
        return _of_run(Path(file))
    except DataError:
        if os.path.exists(Path(file, "model.nir")):
            return {}
        raise


def _of_run(path: Path) -> dict[str, Any]:
    import torch

    from neurodeploy.data.load import source_of, step_s, wanted_of
    from neurodeploy.networks.families.table import build_network
    from neurodeploy.networks.spike_driven.signals import told
    from neurodeploy.networks.spike_driven.table import parts_of
    from neurodeploy.pipeline.conversion import part
    from neurodeploy.pipeline.folder import RunFolder

    recipe = RunFolder(path).recipe()
    shape, n_classes = part(recipe, "test").shape, source_of(recipe.data).n_classes
    with torch.device("meta"):
        network = build_network(recipe.network, shape, n_classes, step_s(recipe.data))
    return told(parts_of(network, wanted_of(recipe.data).n_steps))
