"""`quantize`: a trained float network to one on the chip's grid, with or without fine-tuning."""

import shutil
from pathlib import Path
from typing import Any

from neurodeploy.errors import RunError
from neurodeploy.files import write_text
from neurodeploy.pipeline.folder import RunFolder, check_chip
from neurodeploy.pipeline.stages import QUANTISATION, TRAINING, quantize_stage
from neurodeploy.progress import Progress, silent
from neurodeploy.recipes import validated


def quantize_run(
    run: str | Path, *, method: str | None = None, weight_bits: int | None = None, progress: Progress = silent
) -> dict[str, Any]:
    """Quantise the trained network of a run folder.

    Args:
        run: Run folder with a trained network.
        method, weight_bits: Instead of the recipe's; the folder's recipe is changed to say so.
        progress: Hears how far the work is.

    Returns:
        `accuracy` {"ptq", "quantised"} on the test part, `path` of the checkpoint, and the record.
    """
    folder = RunFolder(Path(run))
    recipe = folder.recipe()
    changed = {"method": method, "weight_bits": weight_bits}
    changed = {key: value for key, value in changed.items() if value is not None}
    if changed:
        folder.need(TRAINING, "train")
        table = recipe.model_dump(mode="json", exclude_none=True)
        changed_recipe = validated(table | {"quantize": table["quantize"] | changed}, "quantize")
        check_chip(changed_recipe)
        settings = changed_recipe.quantize
        if settings != recipe.quantize and QUANTISATION in folder.metrics():
            raise RunError(
                f"{run}: is already quantised with other settings; train into another folder, or leave the options out"
            )
        if settings != recipe.quantize:  # what an interrupted stage left belongs to the settings before
            shutil.rmtree(folder.state, ignore_errors=True)
        write_text(folder.recipe_file, recipe.model_copy(update={"quantize": settings}).to_toml())
    record = quantize_stage(folder, progress)
    accuracy = {"ptq": record["ptq_test_accuracy"], "quantised": record["test_accuracy"]}
    return {"accuracy": accuracy, "path": str(folder.quantised_checkpoint), "quantisation": record}
