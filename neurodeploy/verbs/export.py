"""`export`: the quantised network of a run as a .nir file that comes back as the identical Program."""

import hashlib
from pathlib import Path
from typing import Any

from neurodeploy import __version__
from neurodeploy.backends import reference
from neurodeploy.backends.trace import one_after_another
from neurodeploy.data.load import source_of
from neurodeploy.files import check_target, write_json
from neurodeploy.pipeline.conversion import fed, part
from neurodeploy.pipeline.folder import RunFolder
from neurodeploy.pipeline.stages import export_stage
from neurodeploy.progress import Progress, silent


def export_run(
    run: str | Path, *, out: str | Path | None = None, overwrite: bool = False, progress: Progress = silent
) -> dict[str, Any]:
    """Write the quantised network of a run folder as NIR, read it back and compare.

    Args:
        run: Run folder with a quantised network.
        out: The .nir file; `model.nir` in the run folder when None. Beside a file outside the run
            folder goes a `manifest.json` with checksum, versions and accuracies.
        overwrite: Replace those files where there is any.
        progress: Hears how far the work is.

    Returns:
        `accuracy` {"reference": of the file as read back, in float64, on the test part}, `path`,
        `program` (digest), `sha256`.

    Raises:
        GraphError: the file read back does not give the identical Program.
    """
    folder = RunFolder(Path(run))
    path = folder.graph_file if out is None else Path(out)
    if out is not None:
        read = (folder.recipe_file, folder.checkpoint, folder.quantised_checkpoint, folder.metrics_file)
        for one in (path, path.with_name("manifest.json")):  # before long work
            check_target(one, overwrite, read)
    network, made = export_stage(folder, path, progress)
    test = fed(network, part(folder.recipe(), "test"))
    runs = [reference.run(network, one.spikes_BTI) for one in test.batches(reference.BATCH)]
    accuracy = one_after_another(runs).accuracy(test.labels_B)
    result = {
        "accuracy": {"reference": accuracy},
        "path": str(path),
        "program": made.program.digest,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    if out is not None:
        recipe, metrics = folder.recipe(), folder.metrics()
        reached = {"float": metrics["training"], "quantised": metrics["quantisation"]}
        manifest = {
            "recipe": recipe.name,
            "seed": recipe.training.seed,
            "neurodeploy": __version__,
            "sha256": result["sha256"],
            "program": result["program"],
            "accuracy": {key: one["test_accuracy"] for key, one in reached.items()} | {"reference": accuracy},
            "weight_bits": recipe.quantize.weight_bits,
            "dataset": recipe.data.dataset,
            "dataset_licence": source_of(recipe.data).licence,
            "command": f"neurodeploy run {recipe.name} --out RUN && neurodeploy export RUN --out model.nir",
        }
        write_json(path.with_name("manifest.json"), manifest)
    return result
