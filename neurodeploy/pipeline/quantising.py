"""The quantisation stage of a run folder: the network on the chip's grid, fine-tuned where the recipe says so."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from neurodeploy.files import make_folder
from neurodeploy.pipeline.conversion import deployable, empty_quantised, put_on_grid
from neurodeploy.pipeline.folder import RunFolder
from neurodeploy.pipeline.training import part, trained_network
from neurodeploy.program.plan import Plan
from neurodeploy.progress import Progress
from neurodeploy.training.checkpoint import load_weights, save_weights
from neurodeploy.training.fit import evaluate, fit

STAGE = "quantisation"


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
