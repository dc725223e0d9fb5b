"""`export`: the quantised network of a run as a .nir file that comes back as the identical Program."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from neurodeploy import __version__
from neurodeploy.backends import reference
from neurodeploy.data.sources import SOURCES
from neurodeploy.errors import GraphError
from neurodeploy.files import write_json
from neurodeploy.graph.files import GraphFile, read_graph, write_graph
from neurodeploy.graph.network import Network, discretised
from neurodeploy.mapping.compile import Compiled, compile_network
from neurodeploy.pipeline.conversion import graph_of
from neurodeploy.pipeline.folder import RunFolder
from neurodeploy.pipeline.quantize import quantised_network
from neurodeploy.pipeline.train import part
from neurodeploy.progress import Progress, silent


def export_run(run: str | Path, *, out: str | Path | None = None, progress: Progress = silent) -> dict[str, Any]:
    """Write the quantised network of a run folder as NIR, read it back and compare.

    Args:
        run: Run folder with a quantised network.
        out: The .nir file; `model.nir` in the run folder when None. Beside a file outside the run
            folder goes a `manifest.json` with checksum, versions and accuracies.

    Returns:
        `accuracy` {"reference": of the file as read back, in float64, on the test part}, `path`,
        `program` (digest), `sha256`.

    Raises:
        GraphError: the file read back does not give the identical Program.
    """
    folder = RunFolder(Path(run))
    path = folder.graph_file if out is None else Path(out)
    network, made = export_stage(folder, path, progress)
    test = part(folder.recipe(), "test")
    accuracy = reference.run(network, test.spikes_BTI).accuracy(test.labels_B)
    result = {
        "accuracy": {"reference": accuracy},
        "path": str(path),
        "program": made.program.digest,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    if out is not None:
        write_json(path.with_name("manifest.json"), manifest(folder, result))
    return result


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
