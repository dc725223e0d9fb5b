"""`quantize`: a trained float network to one on the chip's grid, with or without fine-tuning."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from neurodeploy.errors import RunError
from neurodeploy.files import make_folder, write_text
from neurodeploy.pipeline.conversion import deployable, empty_quantised, put_on_grid
from neurodeploy.pipeline.folder import RunFolder
from neurodeploy.pipeline.train import STAGE as TRAINED
from neurodeploy.pipeline.train import part, trained_network
from neurodeploy.progress import Progress, silent
from neurodeploy.quantize.plan import Plan
from neurodeploy.recipes import validated
from neurodeploy.training.checkpoint import load_weights, save_weights
from neurodeploy.training.fit import evaluate, fit

STAGE = "quantisation"


def quantize_run(
    run: str | Path,
    *,
    method: str | None = None,
    weight_bits: int | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Quantise the trained network of a run folder.

    Args:
        run: Run folder with a trained network.
        method, weight_bits: Instead of the recipe's; the folder's recipe is changed to say so.

    Returns:
        `accuracy` {"ptq", "quantised"} on the test part, `path` of the checkpoint, and the record.
    """
    folder = RunFolder(Path(run))
    recipe = folder.recipe()
    changed = {"method": method, "weight_bits": weight_bits}
    changed = {key: value for key, value in changed.items() if value is not None}
    if changed:
        folder.need(TRAINED, "train")
        table = recipe.model_dump(mode="json", exclude_none=True)
        settings = validated(table | {"quantize": table["quantize"] | changed}, "quantize").quantize
        if settings != recipe.quantize and STAGE in folder.metrics():
            raise RunError(
                f"{run}: is already quantised with other settings; train into another folder, or leave the options out"
            )
        if settings != recipe.quantize:  # what an interrupted stage left belongs to the settings before
            shutil.rmtree(folder.state, ignore_errors=True)
        write_text(folder.recipe_file, recipe.model_copy(update={"quantize": settings}).to_toml())
    record = quantize_stage(folder, progress)
    accuracy = {"ptq": record["ptq_test_accuracy"], "quantised": record["test_accuracy"]}
    return {"accuracy": accuracy, "path": str(folder.quantised_checkpoint), "quantisation": record}


def quantize_stage(folder: RunFolder, progress: Progress) -> dict[str, Any]:
    """Quantise unless the folder's metrics say it is done, and return the stage's record."""
    done = folder.metrics().get(STAGE)
    if done is not None:
        return done
    recipe = folder.recipe()
    found = put_on_grid(trained_network(folder), recipe, progress)
    network = found.network
    test = part(recipe, "test")
    record: dict[str, Any] = {
        "method": recipe.quantize.method,
        "weight_bits": recipe.quantize.weight_bits,
        "plan": found.plan.to_dict(),
        "calibration_distance": found.distance,
        "poles": found.poles,
        "ptq_test_accuracy": evaluate(network, test),
        "fine_tuning": None,
    }
    if recipe.quantize.method == "qat":
        settings = recipe.training.model_copy(
            update={"epochs": recipe.quantize.epochs, "learning_rate": recipe.quantize.learning_rate}
        )
        history = fit(
            network,
            part(recipe, "train"),
            part(recipe, "validation"),
            settings,
            state_file=make_folder(folder.state) / "fine_tuning.ckpt",
            keep_initial=True,
            teacher=deployable(trained_network(folder), recipe),
            progress=lambda done, total, epoch: progress(
                "fine-tune", done, total, f"validation {100 * epoch['validation_accuracy']:.1f} %"
            ),
        )
        record["fine_tuning"] = asdict(history)
    save_weights(folder.quantised_checkpoint, network)
    record["test_accuracy"] = evaluate(network, test)
    folder.record(STAGE, record)
    return record


def quantised_network(folder: RunFolder) -> Any:
    """Return the quantised network of a run."""
    record = folder.need(STAGE, "quantize")
    network = empty_quantised(folder.recipe(), Plan.from_dict(record["plan"]))
    load_weights(folder.quantised_checkpoint, network)
    return network
