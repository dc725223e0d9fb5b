"""`paper transformers`: the benchmark's accuracies, and the energy of spiking transformers under each convention."""

import math
import statistics
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from neurodeploy import toml
from neurodeploy.errors import RunError
from neurodeploy.files import write_json, write_text
from neurodeploy.networks.families.table import build_network
from neurodeploy.networks.untrained import normed_by
from neurodeploy.papers.paper import Asked, Made, PaperRow
from neurodeploy.papers.transformers.counting import COUNTED, EMBEDDING, PARTS, counted
from neurodeploy.papers.transformers.drawing import draw
from neurodeploy.papers.transformers.energy import energies
from neurodeploy.papers.transformers.integers import integers_of
from neurodeploy.papers.transformers.tables import layers_csv, page
from neurodeploy.phrases import Phrase
from neurodeploy.pipeline.conversion import n_classes, part
from neurodeploy.pipeline.folder import RunFolder
from neurodeploy.pipeline.run_results import read_finished
from neurodeploy.pipeline.stages import TRAINING, trained_network
from neurodeploy.recipes import load_recipe
from neurodeploy.report.printed import save_picture

PUBLISHED = Path(__file__).parent / "published.toml"
FULL_SIZE = {"cifar10_spikformer": "Spikformer 4-384", "cifar10_sdt": "SDT 2-512", "cifar10_qkformer": "QKFormer 4-384"}
"""Recipes whose networks are counted with random weights, as the papers call them."""
FULL_PICTURES, SAMPLES = 2, 64
"""Test pictures that are counted where no limit is given: of full-size networks, and of runs."""
FILES = ("transformers.png", "transformers.md", "transformers_layers.csv", "transformers.json")


def make(asked: Asked) -> Made:
    """Write tables and a picture into a folder, and return the rows of accuracies.

    Networks of the papers' sizes are counted with random weights, those of runs with trained ones; nothing is trained.

    Raises:
        RunError: settings are given, or an interrupted call's files are in the way.
        DataError: the pictures, or the data of a run, are absent.
    """
    if asked.settings:
        raise RunError("paper 'transformers' trains no networks", Phrase("leave {settings} out"))
    published = toml.read(PUBLISHED, RunError)[0]
    groups: dict[str, list[RunFolder]] = {}
    for one in asked.runs:
        groups.setdefault(f"{one.recipe().data.dataset}: recipe {one.recipe().name}", []).append(one)
    n_networks = len(FULL_SIZE) + len(groups)
    networks = list[dict[str, Any]]()
    for name, title in FULL_SIZE.items():
        asked.progress("count", len(networks), n_networks, title)
        networks.append(_full_size(name, title, asked.limit or FULL_PICTURES))
    for what, some in groups.items():
        asked.progress("count", len(networks), n_networks, what)
        networks.append(_of_run(what, some, asked.limit or SAMPLES))
    result = {"published": published, "networks": networks}
    save_picture(draw(result), asked.folder / FILES[0])
    write_text(asked.folder / FILES[1], page(result))
    write_text(asked.folder / FILES[2], layers_csv(result))
    write_json(asked.folder / FILES[3], result)
    rows = [_row(one) for one in networks if one["seeds"]]
    for one in published["rows"]:
        rows += [
            PaperRow(f"{one['data']}: {one['model']}, {who}", one[key], note=published["source"])
            for key, who in (("paper", "its paper"), ("seed", published["seed"]), ("step", published["step"]))
            if key in one
        ]
    return Made(rows, FILES)


def _full_size(name: str, title: str, limit: int) -> dict[str, Any]:
    recipe = load_recipe(name)
    samples = part(recipe, "test").first(limit)
    torch.manual_seed(recipe.training.seed)
    network = build_network(recipe.network, samples.shape, n_classes(recipe), 1e-3)
    x_BTI = _inputs(samples)
    return _told(title, normed_by(network, x_BTI), x_BTI, recipe.data.dataset) | {"seeds": 0}


def _of_run(what: str, some: list[RunFolder], limit: int) -> dict[str, Any]:
    """Return what the first seed's network does, and the accuracies of all, which are means."""
    recipe, seeds = some[0].recipe(), list[dict[str, float | None]]()
    for one in some:
        report = read_finished(one.path) if one.report_file.exists() else None
        fixed = report.share("accuracy", "fixed") if report else None
        seeds.append({"float": one.metrics()[TRAINING]["test_accuracy"], "fixed": fixed})
    whole: Any = {key: [one[key] for one in seeds] for key in ("float", "fixed")}
    accuracy = {key: None if None in found else statistics.fmean(found) for key, found in whole.items()}
    test = part(recipe, "test")
    told = _told(what, trained_network(some[0]), _inputs(test.first(limit)), recipe.data.dataset)
    integers = integers_of(some[0], test.first(limit))
    return told | {
        "seeds": len(some),
        "accuracy": accuracy,
        "each": whole["float"],
        "test_samples": len(test),
        "integers": integers,
    }


def _inputs(samples: Any) -> torch.Tensor:
    return torch.tensor(np.concatenate([some.spikes_BTI for some in samples.batches(len(samples))])).float()


def _told(what: str, network: Any, x_BTI: torch.Tensor, data: str) -> dict[str, Any]:
    found = counted(network, x_BTI)
    prices = energies(found)
    parts = {one: {key: found.total(key, one) for key in (*COUNTED, "stored_bits")} for one in PARTS}
    sums = {name: math.fsum(one.values()) for name, one in prices.items()}
    shares = {
        name: one[EMBEDDING] / sums[name] if sums[name] else None for name, one in prices.items() if EMBEDDING in one
    }
    return {
        "what": what,
        "data": data,
        "samples": len(x_BTI),
        "steps": found.steps,
        "parameters": sum(one.numel() for one in network.parameters()),
        "neurons": found.updates / found.steps,
        "spikes_per_neuron_step": found.spikes / found.updates,
        "macs_per_step": found.total("macs") / found.steps,
        "parts": parts,
        "energy_j": prices,
        "total_j": sums,
        "embedding_share": shares,
        "layers": [asdict(row) for row in found.rows],
    }


def _row(one: dict[str, Any]) -> PaperRow:
    note = f"{one['what']}: " + ", ".join(f"{100 * share:.2f} %" for share in one["each"]) + ", a seed each"
    return PaperRow(
        one["what"],
        None,
        one["accuracy"]["float"],
        one["accuracy"]["fixed"],
        one["test_samples"],
        one["seeds"],
        True,
        note,
    )
