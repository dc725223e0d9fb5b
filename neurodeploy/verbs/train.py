"""`train`: a recipe to a trained float network, or one from each of several seeds and how far they spread."""

import os
import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neurodeploy.data.event_arrays import events_inside
from neurodeploy.data.load import notes_of
from neurodeploy.data.npz import write_npz
from neurodeploy.data.torch_dataset import from_torch
from neurodeploy.errors import DataError, NeurodeployError, RecipeError, RunError
from neurodeploy.files import check_target, make_folder, read_json, write_json
from neurodeploy.networks.families.table import versions
from neurodeploy.phrases import Phrase
from neurodeploy.pipeline.folder import Mode, RunFolder, open_run
from neurodeploy.pipeline.stages import TRAINING, train_stage
from neurodeploy.pipeline.tasks import check_ray, done_in_turn
from neurodeploy.progress import Progress, silent
from neurodeploy.recipes import Recipe, load_recipe
from neurodeploy.training.logs import check_tracker

SUMMARY = "seeds.json"


BATCH = 64
"""Samples of a Dataset that are written together."""


def train(
    recipe: str,
    *,
    out: str | Path,
    settings: tuple[str, ...] = (),
    data: Any = None,
    mode: Mode = "new",
    progress: Progress = silent,
) -> dict[str, Any]:
    """Train a recipe's float network into a run folder.

    Args:
        recipe: Name of a shipped recipe, or a .toml file.
        out: Run folder.
        settings: "key=value" pairs over the recipe's.
        data: A torch Dataset, or a DataLoader of one, of (spikes (steps, ...), label) in place of the recipe's data.
            Its samples are written beside the folder, to OUT.npz, which is the recipe's `data.dataset` from then on.
        mode: "new", "resume" an interrupted run, or "overwrite" one.
        progress: Hears how far the work is.

    Returns:
        `accuracy` {"float": on the test part, "validation"}, `path` of the checkpoint, `seconds`-free
        history under `training`, `data_notes` on how the parts were made.
    """
    with _beside(data, out, mode) as more:
        folder = open_run(out, load_recipe(recipe, (*settings, *more)), mode)
    record = train_stage(folder, progress)
    accuracy = {"float": record["test_accuracy"], "validation": record["best_validation"]}
    return {
        "accuracy": accuracy,
        "path": str(folder.checkpoint),
        "training": record,
        "data_notes": notes_of(folder.recipe().data),
    }


@contextmanager
def _beside(data: Any, out: str | Path, mode: Mode) -> Iterator[tuple[str, ...]]:
    """Give the setting by which a run finds a Dataset's samples, written to a file that stays if the block succeeds."""
    path = Path(f"{os.path.abspath(out)}.npz")
    written = data is not None and not (mode == "resume" and path.is_file())
    if written:
        check_target(path, mode)
        if events_inside(data) is not None:
            raise DataError("data: holds timed events; give data.dataset = MODULE:FUNCTION that returns them")
        samples = from_torch(data, kind="counts")
        shape = (len(samples), samples.n_steps, *samples.shape)
        spikes = (one.spikes_BTI.astype(np.int32).reshape(-1, *shape[1:]) for one in samples.batches(BATCH))
        write_npz(path, "spikes", shape, spikes, {"labels": samples.labels_B})
    try:
        yield () if data is None else (f"data.dataset={path}",)
    except NeurodeployError:
        if written:
            path.unlink()
        raise


@dataclass(frozen=True)
class SeedTask:
    """One seed's training."""

    recipe: str
    seed: int
    path: Path
    settings: tuple[str, ...]
    mode: Mode
    progress: Progress = silent


def train_seeds(
    recipe: str,
    seeds: Sequence[int],
    *,
    out: str | Path,
    settings: tuple[str, ...] = (),
    mode: Mode = "new",
    ray: str | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Train a recipe from each seed into a run folder of its own, `out`/seed_N.

    Args:
        recipe: Name of a shipped recipe, or a .toml file.
        out: Folder of the run folders, and of the summary, seeds.json.
        seeds: Instead of the recipe's seed, each once.
        settings, mode: As in `train`, for every seed. "resume" takes finished seeds as they are.
        ray: Run the seeds side by side through Ray: "local", "auto", or a cluster's address. None: one by one.
        progress: Hears how far the work is.

    Returns:
        `recipe`, `path`; under `seeds`, for each: `seed`, `path`, `accuracy` {"float": on the test part,
        "validation"}, `best_epoch` and `seconds` of the training that ended it; under `accuracy`, for both kinds,
        `mean`, `sd` (of a sample: n - 1; null for one seed), `n`; `data_notes` on how the parts were made.

    Raises:
        RecipeError: seeds that are no seeds, or twice the same.
        RunError: the folder holds runs that `mode` does not allow for, or Ray is missing.
        FrameworkError: the network is of a framework that is not installed.
    """
    check_ray(ray)
    folder = Path(out)
    if not seeds:
        raise RecipeError(Phrase("found none, name at least one, e.g. {seeds:13,42,73}"), option="seeds")
    twice = sorted({seed for seed in seeds if list(seeds).count(seed) > 1})
    if twice:
        raise RecipeError(f"{', '.join(map(str, twice))} is there twice", "name each seed once", option="seeds")
    tasks = []
    for seed in seeds:
        own = (*settings, f"training.seed={seed}")
        loaded = load_recipe(recipe, own)  # a seed out of range is told before the first training
        where = str(Path(recipe).resolve()) if recipe.endswith(".toml") else recipe
        path, heard = folder.resolve() / f"seed_{seed}", silent if ray else progress
        tasks.append(SeedTask(where, seed, path, own, mode, heard))
    check_tracker(loaded.training.tracker)
    versions(loaded.network)
    if mode == "new":
        taken = [task.path.name for task in tasks if os.path.exists(RunFolder(task.path).recipe_file)]
        if taken:
            advice = Phrase("continue with {mode:resume}, replace with {mode:overwrite}, or choose another {out}")
            raise RunError(f"already holds {', '.join(taken)}", advice, where=folder.resolve())
    earlier = _earlier(folder) if mode == "resume" else {}
    make_folder(folder)
    found: dict[int, dict[str, Any]] = {}
    summary: dict[str, Any] = {}
    for task, record in done_in_turn(trained, tasks, ray=ray, n_cpus=loaded.training.threads, n_gpus=gpus_of(loaded)):
        if record["was_done"] and task.seed in earlier:
            record["seconds"] = earlier[task.seed]
        found[task.seed] = record
        records = [found[one.seed] for one in tasks if one.seed in found]
        rows = [{key: value for key, value in one.items() if key != "was_done"} for one in records]
        accuracy = {kind: spread(row["accuracy"][kind] for row in rows) for kind in ("float", "validation")}
        notes = notes_of(loaded.data)
        summary = {"recipe": loaded.name, "seeds": rows, "accuracy": accuracy, "data_notes": notes}
        write_json(folder / SUMMARY, summary)
        if ray:
            word = f"seed {task.seed}: {100 * record['accuracy']['float']:.1f} % test"
            progress("seeds", len(found), len(tasks), word)
    return summary | {"path": str(folder)}


def trained(task: SeedTask) -> dict[str, Any]:
    """Train one seed; a function of its own, so that another machine can do it."""

    def told(stage: str, done: int, total: int, detail: str = "") -> None:
        task.progress(f"seed {task.seed}", done, total, detail)

    was_done = task.mode == "resume" and TRAINING in RunFolder(task.path).metrics()
    start = time.perf_counter()
    given: dict[str, Any] = {"settings": task.settings, "mode": task.mode}
    result = train(task.recipe, out=task.path, progress=told, **given)
    return {
        "seed": task.seed,
        "path": str(task.path),
        "accuracy": result["accuracy"],
        "best_epoch": result["training"]["best_epoch"],
        "seconds": time.perf_counter() - start,
        "was_done": was_done,
    }


def spread(values: Iterable[float]) -> dict[str, float | int | None]:
    """Return mean, standard deviation of a sample, and number.

    >>> spread([0.9, 0.95, 1.0])
    {'mean': 0.95, 'sd': 0.05, 'n': 3}
    >>> spread([0.5])
    {'mean': 0.5, 'sd': None, 'n': 1}
    """
    found = list(values)
    sd = round(statistics.stdev(found), 12) if len(found) > 1 else None
    return {"mean": round(statistics.fmean(found), 12), "sd": sd, "n": len(found)}


def _earlier(folder: Path) -> dict[int, float]:
    """Return the seconds that finished seeds took, as the summary of the call before says."""
    try:
        return {int(one["seed"]): float(one["seconds"]) for one in read_json(folder / SUMMARY)["seeds"]}
    except (RunError, KeyError, TypeError, ValueError):
        return {}


def gpus_of(recipe: Recipe) -> int:
    """Return how many GPUs a training takes."""
    if recipe.training.accelerator in ("gpu", "cuda"):
        return recipe.training.devices
    if recipe.training.accelerator == "auto":
        import torch

        return recipe.training.devices * int(torch.cuda.is_available())
    return 0
