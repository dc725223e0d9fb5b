"""A trained network of the SiLIF family from a file of plain arrays, in the place of a run's training."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch

from neurodeploy.errors import NetworkError, RecipeError, RunError
from neurodeploy.networks.families.silif import SilifSettings
from neurodeploy.networks.published import load_published
from neurodeploy.phrases import Phrase
from neurodeploy.pipeline.folder import RunFolder
from neurodeploy.pipeline.training import STAGE, n_classes, part
from neurodeploy.progress import Progress
from neurodeploy.recipes import Recipe
from neurodeploy.training.checkpoint import save_weights
from neurodeploy.training.fit import evaluate


def checkpoint_stage(folder: RunFolder, path: str | Path, progress: Progress) -> dict[str, Any]:
    """Take the trained network in a file into the run, and return the stage's record.

    Raises:
        RecipeError: the recipe's network is not one of the family.
        NetworkError: the file does not hold the recipe's network.
        RunError: the folder holds a network that comes from elsewhere.
    """
    recipe = folder.recipe()
    progress("checkpoint", 0, 1)
    network = load_published(path, family_settings(recipe)).network
    sha256 = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    done = folder.metrics().get(STAGE)
    if done is not None:
        if done.get("checkpoint", {}).get("sha256") != sha256:
            raise RunError(
                f"holds a network that is not {path}'s",
                Phrase("choose another {out}, or {mode:overwrite}"),
                where=folder.path,
            )
        return done
    test = part(recipe, "test")
    wanted = (test.n_inputs, n_classes(recipe))
    if (network.n_inputs, network.n_classes) != wanted:
        raise NetworkError(
            f"{path}: takes {network.n_inputs} channels and knows {network.n_classes} classes, {recipe.data.dataset} "
            f"has {wanted[0]} and {wanted[1]}; choose the data it was trained for"
        )
    save_weights(folder.checkpoint, network)
    # A random initial state is drawn from torch's own generator.
    torch.manual_seed(recipe.training.seed)
    record = {
        "epochs": [],
        "best_epoch": -1,
        "best_validation": evaluate(network, part(recipe, "validation")),
        "test_accuracy": evaluate(network, test),
        "checkpoint": {"file": Path(path).name, "sha256": sha256},
    }
    folder.record(STAGE, record)
    progress("checkpoint", 1, 1)
    return record


def family_settings(recipe: Recipe) -> SilifSettings:
    """Return the network's settings, of the only networks that checkpoints of plain arrays are read for.

    Raises:
        RecipeError: the recipe's network is another one.
    """
    if not isinstance(recipe.network, SilifSettings):
        raise RecipeError(
            f"is for networks of the SiLIF family, {recipe.name} has another",
            "choose a recipe of one, e.g. ssc_silif",
            option="checkpoint",
        )
    return recipe.network
