"""A run folder: which file is which, and whose run it holds."""

import os
import shutil
from pathlib import Path
from typing import Any, Literal

from neurodeploy import toml
from neurodeploy.data.load import open_parts
from neurodeploy.errors import PrecisionError, ProgramError, RecipeError, RunError
from neurodeploy.files import make_folder, read_json, write_json, write_text
from neurodeploy.hardware.chips import chip_named
from neurodeploy.mapping.placement.encoding import narrow_states, wide_weights
from neurodeploy.networks.families.table import versions
from neurodeploy.phrases import Phrase
from neurodeploy.pipeline.run_results import recipe_values
from neurodeploy.program.plan import Plan
from neurodeploy.recipes import Recipe, validated
from neurodeploy.training.logs import check_tracker

Mode = Literal["new", "resume", "overwrite"]
RECORDED: dict[str, dict[str, Any]] = {
    "training": {"epochs": list, "best_validation": (int, float), "test_accuracy": (int, float)},
    "quantisation": {"plan": dict, "ptq_test_accuracy": (int, float), "test_accuracy": (int, float)},
}
"""What later stages read of a stage's record."""
WORDS = ("name", "description")
"""Of a recipe: no settings. A run that goes on keeps those that it was started with."""
EMPTY_PLAN: dict[str, Any] = {"vth_mant": {}, "connections": {}}


class RunFolder:
    """Paths inside a run folder.

    Attributes:
        state: Folder of what an interrupted stage needs to go on; removed when the stage is done.
        logs: Folder of what a tracker writes, where the recipe names one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.recipe_file = path / "recipe.toml"
        self.checkpoint = path / "checkpoint.safetensors"
        self.quantised_checkpoint = path / "quantised.safetensors"
        self.metrics_file = path / "metrics.json"
        self.graph_file = path / "model.nir"
        self.program_file = path / "program.npz"
        self.certificate_file = path / "certificate.json"
        self.counts_file = path / "counts.json"
        self.report_file = path / "report.json"
        self.state, self.logs = path / "state", path / "logs"

    def recipe(self) -> Recipe:
        """Return the recipe that the run was made with.

        Raises:
            RunError: the folder holds no run.
        """
        return validated(recipe_values(self.path), str(self.recipe_file))

    def metrics(self) -> dict[str, Any]:
        """Return what the finished stages recorded; empty before the first.

        Raises:
            RunError: the file is damaged.
        """
        if not os.path.exists(self.metrics_file):
            return {}
        found = read_json(self.metrics_file)
        lacking = _lacking(found)
        if lacking:
            raise RunError(
                f"is damaged, {lacking}", Phrase("make the run again with {mode:overwrite}"), where=self.metrics_file
            )
        return found

    def record(self, stage: str, value: dict[str, Any]) -> None:
        """Add a finished stage's record; its presence is what marks the stage as done."""
        write_json(self.metrics_file, self.metrics() | {stage: value})
        shutil.rmtree(self.state, ignore_errors=True)

    def need(self, stage: str, verb: str) -> dict[str, Any]:
        """Return the record of a stage that must be done.

        Raises:
            RunError: it is not; the verb that does it is named.
        """
        found = self.metrics().get(stage)
        if found is None:
            raise RunError(f"{self.path}: has no {stage} yet; run neurodeploy {verb} first")
        return found


def open_run(path: str | Path, recipe: Recipe, mode: Mode) -> RunFolder:
    """Return the folder of a run of `recipe`, made ready to be written.

    What the run needs is looked at first, so that a run that cannot start leaves no folder behind.

    Raises:
        RunError: the folder cannot be written, holds another run that `mode` does not allow for, or files of such
            names that no run wrote.
        DataError: the recipe's data are absent or damaged.
        RecipeError: the recipe asks for a device or a tracker that this machine does not have.
        FrameworkError: its network is of a framework that is not installed.
        NetworkError: its network cannot take the data.
    """
    folder = RunFolder(Path(path))
    if os.path.exists(folder.recipe_file):
        if mode == "new":
            raise RunError(
                "already holds a run",
                Phrase("continue it with {mode:resume}, replace it with {mode:overwrite}, or choose another {out}"),
                where=path,
            )
        if mode == "resume" and _other(folder, recipe):
            raise RunError(
                f"holds a run with other settings ({_other(folder, recipe)})",
                Phrase("resume it with the same recipe and {settings}, or choose another {out}"),
                where=path,
            )
    else:
        mode = "new" if mode == "resume" else mode  # there is nothing to go on with
        others = (folder.graph_file, folder.program_file, folder.report_file)
        for one in filter(os.path.exists, others):  # of deploy(...).save, or the user's own
            raise RunError(
                f"holds {one.name} but no recipe.toml, so no run wrote it", Phrase("choose another {out}"), where=path
            )
    _check_needs(recipe)
    make_folder(folder.path)
    if mode == "overwrite":
        _clear(folder)
    if mode != "resume":
        write_text(folder.recipe_file, recipe.to_toml())
    return folder


def _check_needs(recipe: Recipe) -> None:
    """Check that the chip holds what is asked for, the network's parts and the device exist, and no data are empty."""
    check_chip(recipe)
    versions(recipe.network)
    check_tracker(recipe.training.tracker)
    open_parts(recipe.data)
    from neurodeploy.pipeline.conversion import new_network  # torch takes a second to load

    new_network(recipe)
    device = recipe.training.accelerator
    if device in ("gpu", "cuda", "mps"):
        import torch

        found = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
        if not found.get(device, any(found.values())):
            raise RecipeError(
                f"training.accelerator: found {device!r}, this machine has none that torch can use; set cpu or auto"
            )
    from neurodeploy.training.processes import trainer_options

    trainer_options(recipe.training)


def check_chip(recipe: Recipe) -> None:
    """Check that a recipe's chip can hold weights of the width that it quantises to.

    Raises:
        ChipError: there is no such chip, or no Program can be made for it.
        PrecisionError: its weights or states are narrower.
    """
    chip = chip_named(recipe.chip, program=True)
    for line in (*narrow_states(chip), *wide_weights("quantize.weight_bits", recipe.quantize.weight_bits, chip)):
        raise PrecisionError(line)


def _lacking(metrics: Any) -> str:
    """Return in words what a stage's record lacks; empty when nothing does."""
    if not isinstance(metrics, dict):
        return "a table of stages was expected"
    for stage, needed in RECORDED.items():
        record = metrics.get(stage, {})
        for key, kinds in needed.items():
            if stage in metrics and not (isinstance(record, dict) and isinstance(record.get(key), kinds)):
                return f"{stage}.{key} is absent or of another kind"
    try:
        Plan.from_dict(metrics.get("quantisation", {"plan": EMPTY_PLAN})["plan"])
    except (KeyError, TypeError, ProgramError):
        return "quantisation.plan is no plan"
    return ""


def _clear(folder: RunFolder) -> None:
    """Remove the files a run makes, and nothing else that may lie there."""
    for path in (folder.state, folder.logs):
        shutil.rmtree(path, ignore_errors=True)
    made = (folder.checkpoint, folder.quantised_checkpoint, folder.metrics_file, folder.graph_file, folder.program_file)
    written = (folder.certificate_file, folder.counts_file, folder.report_file)
    others = (folder.path / name for name in ("report.html", "devices.json", "ann.safetensors"))
    for path in (*made, *written, *others):
        path.unlink(missing_ok=True)


def _other(folder: RunFolder, recipe: Recipe) -> str:
    """Return which settings of the run in the folder differ; empty when none do."""
    try:
        found = toml.flat(folder.recipe().model_dump(mode="json"))
    except (RunError, RecipeError):
        return "its recipe.toml is damaged"
    wanted = toml.flat(recipe.model_dump(mode="json"))
    odd = [key for key in wanted if key not in WORDS and wanted[key] != found.get(key)]
    return ", ".join(f"{key} is {found.get(key)!r}, not {wanted[key]!r}" for key in odd[:3])
