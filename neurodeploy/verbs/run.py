"""`run`: the whole way from a recipe to a report, in one folder.

train -> quantise -> NIR -> integer Program -> fixed (and Lava) -> certificate -> counts -> report
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from neurodeploy.accounting.devices import read_devices
from neurodeploy.backends.lava.environment import status
from neurodeploy.backends.table import FIXED, LAVA, REFERENCE
from neurodeploy.certificate.certify import FLOAT, QUANTISED, READ, StageRun, certificate
from neurodeploy.data.load import notes_of, open_parts, step_s
from neurodeploy.data.stream import SampleSource
from neurodeploy.errors import LavaError
from neurodeploy.files import write_json
from neurodeploy.graph.network import Network
from neurodeploy.hardware.chips import chip_named
from neurodeploy.mapping.compile import Compiled
from neurodeploy.networks.families.table import family_of, versions
from neurodeploy.networks.published import load_published
from neurodeploy.pipeline import stages
from neurodeploy.pipeline.batches import counter_of
from neurodeploy.pipeline.conversion import certified, deployable, fed, float_network, matrices, part, refusal
from neurodeploy.pipeline.costs import costs, counts_of, recorded
from neurodeploy.pipeline.deployed import classes, made_by, plots
from neurodeploy.pipeline.folder import Mode, RunFolder, check_chip, open_run
from neurodeploy.pipeline.spike_driven import of_modules
from neurodeploy.pipeline.stage_runs import certified_run, torch_run
from neurodeploy.program.file import write_program
from neurodeploy.progress import Progress, silent
from neurodeploy.recipes import Recipe, load_recipe
from neurodeploy.verbs.report import write_report


def run(
    recipe: str,
    *,
    out: str | Path,
    settings: tuple[str, ...] = (),
    checkpoint: str | Path | None = None,
    mode: Mode = "new",
    progress: Progress = silent,
) -> dict[str, Any]:
    """Run a recipe's whole pipeline into a folder.

    Args:
        recipe: Name of a shipped recipe, or a .toml file.
        out: Run folder.
        settings: "key=value" pairs over the recipe's.
        checkpoint: Trained network of the SiLIF family, .npz or .safetensors of plain arrays; takes the place of
            training.
        mode: "new", "resume" an interrupted run, or "overwrite" one.
        progress: Hears how far the work is.

    Returns:
        `accuracy` {float, read where the network is another framework's or sends values, quantised, reference, fixed,
        lava where it ran}, `certificate`, `synops_per_sample`, `energy_j` {low, mid, high} (dynamic) and `static_j`
        (for being on), `fits`, `cores` and `latency_s` (None where the chip's are not known), `report` (path of
        report.html), `path`, `data_notes` on how the parts were made. Of a network without an integer form, which is
        trained only, the float accuracy, and a certificate that says why; the rest is None.
    """
    loaded = load_recipe(recipe, settings)
    check_chip(loaded)  # a slip in a chip file shows before the training
    if checkpoint is not None:
        load_published(checkpoint, stages.family_settings(loaded))  # before a folder is made
    with_lava, no_lava, lava_versions = _lava(loaded)
    no_integers = refusal(loaded)
    folder = open_run(out, loaded, mode)
    if checkpoint is None:
        training = stages.train_stage(folder, progress)
    else:
        training = stages.checkpoint_stage(folder, checkpoint, progress)
    if no_integers:
        nothing = ("synops_per_sample", "energy_j", "static_j", "latency_s", "fits", "cores", "report")
        return dict.fromkeys(nothing) | {
            "accuracy": {FLOAT: training["test_accuracy"]},
            "certificate": {"passed": False, "failures": [no_integers], "stages": []},
            "path": str(folder.path),
            "data_notes": notes_of(loaded.data),
        }
    quantisation = stages.quantize_stage(folder, progress)
    network, made = stages.export_stage(folder, folder.graph_file, progress)
    write_program(folder.program_file, made.program)
    test = part(folder.recipe(), "test")
    runs = _stage_runs(folder, network, made, test, progress, with_lava=with_lava)
    found = certificate(runs, made.program, test.labels_B, folder.recipe().certificate).to_dict()
    fixed_trace = next(one.trace for one in runs if one.trace.backend == FIXED)
    counter = counter_of(made.program)
    run_sums = counter.tally(fixed_trace)
    counts = counts_of(made.program, run_sums, counter)
    timed = recorded(made.program, fed(network, test))
    priced = costs(made.program, counts, run_sums, chip_named(folder.recipe().chip), timed)
    write_json(folder.certificate_file, found)
    write_json(folder.counts_file, counts.to_dict() | priced.to_dict())
    accuracy = {stage["name"]: stage["accuracy"] for stage in found["stages"]}
    initial_state = getattr(loaded.network, "initial_state", "zero")
    predictions = {one.trace.backend: one.trace.predictions_B for one in runs if one.trace.backend in (FLOAT, FIXED)}
    starts = f"the float network starts in random states (seed {loaded.training.seed})"
    starts += ", the quantised one and the chip start at zero"
    data_notes = notes_of(loaded.data)
    write_json(
        folder.report_file,
        made_by(**versions(loaded.network), **lava_versions)
        | {
            "data": {"name": test.name, "sha256": test.digest()},
            "lava": {"ran": with_lava, "reason": no_lava},
            "recipe": folder.recipe().model_dump(mode="json"),
            "accuracy": accuracy | {"ptq": quantisation["ptq_test_accuracy"]},
            "samples": {name: len(one) for name, one in open_parts(loaded.data).items()},
            "class_names": list(test.class_names),
            "classes": classes(test.labels_B, predictions, test.class_names),
            "certificate": found,
            "counts": counts.to_dict(),
            **priced.to_dict(),
            "devices": read_devices(folder.path),
            "synops_per_sample": counts.synops_per_sample,
            "energy_j": priced.energy_j,
            "training": training,
            "quantisation": quantisation,
            "initial_state": {"float": initial_state, "integer": "zero"},
            "modules": of_modules(folder.path),
            "notes": [*data_notes, *([starts] if initial_state != "zero" else []), *made.program.notes],
            "plots": plots(*_weights(folder), made.program, fixed_trace, fed(network, test)),
        },
    )
    progress("report", 0, 1)
    page = write_report(folder.path)["path"]
    progress("report", 1, 1)
    return {
        "accuracy": accuracy,
        "certificate": found,
        "synops_per_sample": counts.synops_per_sample,
        "energy_j": priced.energy_j,
        "static_j": priced.energy.static_j and priced.energy.static_j.to_dict(),
        "latency_s": priced.latency_s,
        "fits": None if priced.fit is None else priced.fit.fits,
        "cores": None if priced.fit is None else priced.fit.n_cores or None,
        "report": page,
        "path": str(folder.path),
        "data_notes": data_notes,
    }


def _weights(folder: RunFolder) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return a run's weights in thresholds, before and after quantisation."""
    recipe = folder.recipe()
    before, dt_s = deployable(stages.trained_network(folder), recipe), step_s(recipe.data)
    return matrices(before, dt_s), matrices(stages.quantised_network(folder), dt_s)


def _stage_runs(
    folder: RunFolder, network: Network, made: Compiled, test: SampleSource, progress: Progress, *, with_lava: bool
) -> list[StageRun]:
    """Run the test part through every stage: torch float and quantised, NIR, integers, Lava."""
    recipe = folder.recipe()
    torch.manual_seed(recipe.training.seed)  # where initial states are random
    runs = [torch_run(FLOAT, certified(stages.trained_network(folder), recipe), made, test)]
    test = fed(network, test)
    values = any(one.graded for one in network.populations)
    if values or family_of(recipe.network).package is not None:  # the graph that was read of it too, with its states
        graph = float_network(deployable(stages.trained_network(folder), recipe), recipe)
        read = certified_run(REFERENCE, made, graph, test, progress)
        runs.append(StageRun(replace(read.trace, backend=READ)))
    runs += [
        torch_run(QUANTISED, certified(stages.quantised_network(folder), recipe), made, test),
        certified_run(REFERENCE, made, network, test, progress),
        certified_run(FIXED, made, network, test, progress),
    ]
    if with_lava:
        few = test.first(recipe.certificate.lava_samples)
        runs.append(certified_run(LAVA, made, network, few, progress))
    return runs


def _lava(recipe: Recipe) -> tuple[bool, str, dict[str, str]]:
    """Return whether Lava runs in this pipeline, why not, and with which versions."""
    if recipe.certificate.lava == "never":
        return False, "the recipe says never", {}
    found = status()
    if recipe.certificate.lava == "always" and not found.ready:
        raise LavaError(found.reason)
    versions = {f"{key} (Lava)": value for key, value in found.versions.items() if key in ("python", "numpy")}
    return found.ready, found.reason, versions | ({"lava-nc": found.versions["lava-nc"]} if found.ready else {})
