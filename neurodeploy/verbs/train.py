"""`train`: a recipe to a trained float network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neurodeploy.data.load import notes_of
from neurodeploy.pipeline.folder import Mode, open_run
from neurodeploy.pipeline.training import train_stage
from neurodeploy.progress import Progress, silent
from neurodeploy.recipes import load_recipe
from neurodeploy.training.logs import check_tensorboard


def train(
    recipe: str,
    *,
    out: str | Path,
    settings: tuple[str, ...] = (),
    mode: Mode = "new",
    tensorboard: bool = False,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Train a recipe's float network into a run folder.

    Args:
        recipe: Name of a shipped recipe, or a .toml file.
        out: Run folder.
        settings: "key=value" pairs over the recipe's.
        mode: "new", "resume" an interrupted run, or "overwrite" one.
        tensorboard: Write losses and accuracies into the folder's logs, as the recipe's setting does.
        progress: Hears how far the work is.

    Returns:
        `accuracy` {"float": on the test part, "validation"}, `path` of the checkpoint, `seconds`-free
        history under `training`, `data_notes` on how the parts were made.
    """
    loaded = load_recipe(recipe, settings)
    if tensorboard or loaded.training.tensorboard:
        check_tensorboard()
    folder = open_run(out, loaded, mode)
    record = train_stage(folder, progress, tensorboard=tensorboard)
    accuracy = {"float": record["test_accuracy"], "validation": record["best_validation"]}
    return {
        "accuracy": accuracy,
        "path": str(folder.checkpoint),
        "training": record,
        "data_notes": notes_of(folder.recipe().data),
    }
