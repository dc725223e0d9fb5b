"""The training stage of a run folder: the trained float network, its parts of data."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import torch
from torch import nn

from neurodeploy.data.load import Split, open_part, source_of, step_s
from neurodeploy.data.stream import SampleSource
from neurodeploy.files import make_folder
from neurodeploy.networks.families.table import build_network
from neurodeploy.pipeline.folder import RunFolder
from neurodeploy.progress import Progress
from neurodeploy.recipes import Recipe
from neurodeploy.training.checkpoint import load_weights, save_weights
from neurodeploy.training.fit import evaluate, fit

STAGE = "training"


def train_stage(folder: RunFolder, progress: Progress, *, tensorboard: bool = False) -> dict[str, Any]:
    """Train unless the folder's metrics say it is done, and return the stage's record."""
    done = folder.metrics().get(STAGE)
    if done is not None:
        return done
    recipe = folder.recipe()
    network = new_network(recipe)
    history = fit(
        network,
        part(recipe, "train"),
        part(recipe, "validation"),
        recipe.training,
        state_file=make_folder(folder.state) / "training.ckpt",
        logs=folder.logs if tensorboard or recipe.training.tensorboard else None,
        progress=lambda done, total, epoch: progress(
            "train", done, total, f"loss {epoch['loss']:.3f}, validation {100 * epoch['validation_accuracy']:.1f} %"
        ),
    )
    save_weights(folder.checkpoint, network)
    test_accuracy = evaluate(network, part(recipe, "test"), seed=recipe.training.seed)
    record = asdict(history) | {"test_accuracy": test_accuracy}
    folder.record(STAGE, record)
    return record


def part(recipe: Recipe, split: Split) -> SampleSource:
    """Return one part of the recipe's data; its samples are read when they are asked for."""
    return open_part(recipe.data, split)


def new_network(recipe: Recipe) -> nn.Module:
    """Return the recipe's network with the initial weights its seed gives."""
    shape = part(recipe, "test").shape
    torch.set_num_threads(recipe.training.threads)  # the order of float sums depends on it
    torch.manual_seed(recipe.training.seed)
    return build_network(recipe.network, shape, n_classes(recipe), step_s(recipe.data))


def n_classes(recipe: Recipe) -> int:
    """Return the number of classes in the recipe's data."""
    return source_of(recipe.data).n_classes


def trained_network(folder: RunFolder) -> nn.Module:
    """Return the trained float network of a run, in evaluation mode."""
    folder.need(STAGE, "train")
    network = new_network(folder.recipe())
    load_weights(folder.checkpoint, network)
    return network.eval()
