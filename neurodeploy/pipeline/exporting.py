"""The export stage of a run folder: the graph in a file, read back and compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neurodeploy import __version__
from neurodeploy.data.datasets import SOURCES
from neurodeploy.errors import GraphError
from neurodeploy.graph.files import GraphFile, read_graph, write_graph
from neurodeploy.graph.network import Network, discretised
from neurodeploy.mapping.compile import Compiled, compile_network
from neurodeploy.pipeline.conversion import graph_of
from neurodeploy.pipeline.folder import RunFolder
from neurodeploy.pipeline.quantising import quantised_network
from neurodeploy.pipeline.training import part
from neurodeploy.progress import Progress


def export_stage(folder: RunFolder, path: Path, progress: Progress) -> tuple[Network, Compiled]:
    """Write the .nir file, and return what reading it back gives."""
    recipe = folder.recipe()
    progress("export", 0, 2)
    test = part(recipe, "test")
    graph = graph_of(
        quantised_network(folder),
        recipe,
        name=recipe.name,
        chip=recipe.chip,
        dataset=recipe.data.dataset,
        n_steps=test.n_steps,
    )
    in_memory = discretised(GraphFile(path, path.stem, graph, stores_reset=True))
    wanted = compile_network(in_memory, chip=recipe.chip)
    write_graph(path, graph)
    progress("export", 1, 2)
    network = discretised(read_graph(path))
    found = compile_network(network, chip=recipe.chip)
    if found.program.digest != wanted.program.digest:
        raise GraphError(f"{path}: read back, it gives another Program; please report this as a bug")
    progress("export", 2, 2)
    return network, found


def manifest(folder: RunFolder, result: dict[str, Any]) -> dict[str, Any]:
    """Return what a small export says about itself: how it was made and what it reached."""
    recipe, metrics = folder.recipe(), folder.metrics()
    return {
        "recipe": recipe.name,
        "seed": recipe.training.seed,
        "neurodeploy": __version__,
        "sha256": result["sha256"],
        "program": result["program"],
        "accuracy": {
            "float": metrics["training"]["test_accuracy"],
            "quantised": metrics["quantisation"]["test_accuracy"],
            "reference": result["accuracy"]["reference"],
        },
        "weight_bits": recipe.quantize.weight_bits,
        "dataset": recipe.data.dataset,
        "dataset_licence": SOURCES[recipe.data.dataset].licence,
        "command": f"neurodeploy run {recipe.name} --out RUN && neurodeploy export RUN --out model.nir",
    }
