"""The stages of a run folder: training (or a trained network from a file), quantisation, export.

Each does its work unless the folder's metrics say that it is done, and returns its record.
"""

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from neurodeploy.errors import GraphError, NetworkError, RecipeError, RunError
from neurodeploy.files import make_folder
from neurodeploy.graph.files import GraphFile, read_graph, write_graph
from neurodeploy.graph.network import Network, discretised
from neurodeploy.mapping.compile import Compiled, compile_network
from neurodeploy.networks.families.silif import SilifSettings
from neurodeploy.networks.published import load_published
from neurodeploy.neurons.lmu_layers import LMUCell
from neurodeploy.phrases import Phrase
from neurodeploy.pipeline import conversion
from neurodeploy.pipeline.folder import RunFolder
from neurodeploy.program.host import Host
from neurodeploy.program.plan import Plan
from neurodeploy.progress import Progress
from neurodeploy.recipes import Recipe
from neurodeploy.training.checkpoint import load_weights, save_weights
from neurodeploy.training.fit import evaluate, fit, time_constants

TRAINING, QUANTISATION = "training", "quantisation"
"""Names of the stages in a folder's metrics."""


def train_stage(folder: RunFolder, progress: Progress) -> dict[str, Any]:
    """Train unless the folder's metrics say it is done, and return the stage's record."""
    done = folder.metrics().get(TRAINING)
    if done is not None:
        return done
    recipe = folder.recipe()
    network = conversion.new_network(recipe)
    history = fit(
        network,
        conversion.part(recipe, "train"),
        conversion.part(recipe, "validation"),
        recipe.training,
        state_file=make_folder(folder.state) / "training.ckpt",
        logs=folder.logs,
        progress=lambda done, total, epoch: progress(
            "train", done, total, f"loss {epoch['loss']:.3f}, validation {100 * epoch['validation_accuracy']:.1f} %"
        ),
    )
    save_weights(folder.checkpoint, network)
    for one in network.modules():
        if isinstance(one, LMUCell):
            one.check_stable()
    test_accuracy = evaluate(network, conversion.part(recipe, "test"), seed=recipe.training.seed)
    record = asdict(history) | {"test_accuracy": test_accuracy}
    if learned := time_constants(network):
        record["time_constants"] = learned
    folder.record(TRAINING, record)
    return record


def trained_network(folder: RunFolder) -> nn.Module:
    """Return the trained float network of a run, in evaluation mode."""
    folder.need(TRAINING, "train")
    network = conversion.new_network(folder.recipe())
    load_weights(folder.checkpoint, network)
    return network.eval()


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
    done = folder.metrics().get(TRAINING)
    if done is not None:
        if done.get("checkpoint", {}).get("sha256") != sha256:
            raise RunError(
                f"holds a network that is not {path}'s",
                Phrase("choose another {out}, or {mode:overwrite}"),
                where=folder.path,
            )
        return done
    test = conversion.part(recipe, "test")
    wanted = (test.n_inputs, conversion.n_classes(recipe))
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
        "best_validation": evaluate(network, conversion.part(recipe, "validation")),
        "test_accuracy": evaluate(network, test),
        "checkpoint": {"file": Path(path).name, "sha256": sha256},
    }
    folder.record(TRAINING, record)
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


def quantize_stage(folder: RunFolder, progress: Progress) -> dict[str, Any]:
    """Quantise unless the folder's metrics say it is done, and return the stage's record."""
    done = folder.metrics().get(QUANTISATION)
    if done is not None:
        return done
    recipe = folder.recipe()
    found = conversion.put_on_grid(trained_network(folder), recipe, progress)
    network = found.network
    test = conversion.fed(network, conversion.part(recipe, "test"))
    record: dict[str, Any] = {
        "method": recipe.quantize.method,
        "weight_bits": recipe.quantize.weight_bits,
        "plan": found.plan.to_dict(),
        "calibration": found.choice.to_dict(),
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
            conversion.fed(network, conversion.part(recipe, "train")),
            conversion.fed(network, conversion.part(recipe, "validation")),
            settings,
            state_file=make_folder(folder.state) / "fine_tuning.ckpt",
            keep_initial=True,
            teacher=conversion.deployable(trained_network(folder), recipe),
            progress=lambda done, total, epoch: progress(
                "fine-tune", done, total, f"validation {100 * epoch['validation_accuracy']:.1f} %"
            ),
        )
        record["fine_tuning"] = asdict(history)
    if (host := getattr(network, "host", None)) is not None:
        record["host"] = host.text
    save_weights(folder.quantised_checkpoint, network)
    record["test_accuracy"] = evaluate(network, test)
    folder.record(QUANTISATION, record)
    return record


def quantised_network(folder: RunFolder) -> Any:
    """Return the quantised network of a run."""
    record = folder.need(QUANTISATION, "quantize")
    network = conversion.empty_quantised(folder.recipe(), Plan.from_dict(record["plan"]))
    load_weights(folder.quantised_checkpoint, network)
    if "host" in record:
        network.host = Host.read(record["host"])
    return network


def export_stage(folder: RunFolder, path: Path, progress: Progress) -> tuple[Network, Compiled]:
    """Write the .nir file, and return what reading it back gives."""
    recipe = folder.recipe()
    progress("export", 0, 2)
    test = conversion.part(recipe, "test")
    graph = conversion.graph_of(
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
