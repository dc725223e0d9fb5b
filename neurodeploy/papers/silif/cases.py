"""Networks to be measured: the published ones, and some trained from scratch, each in a run folder that is resumed."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from neurodeploy.backends.calibration import SAMPLES
from neurodeploy.data.dataset import folders
from neurodeploy.data.datasets import SOURCES
from neurodeploy.errors import DataError, NetworkError, RecipeError, nearest
from neurodeploy.networks.families.silif import CALLED, LAYERS, SilifSettings
from neurodeploy.networks.published import load_published
from neurodeploy.papers.silif.clips import Clips, calibration_for, check_suits, clips_named
from neurodeploy.papers.silif.measure import Subject
from neurodeploy.papers.silif.survey import Case
from neurodeploy.phrases import Phrase
from neurodeploy.pipeline.folder import Mode, RunFolder
from neurodeploy.pipeline.tasks import done_in_turn
from neurodeploy.progress import Progress, silent
from neurodeploy.recipes import Recipe, load_recipe, shipped
from neurodeploy.verbs.train import SeedTask, gpus_of, trained

FOLDER = "silif_ssc_reference"


def published_files(checkpoints: str | Path | None, networks: Sequence[str]) -> dict[str, Path]:
    """Return the file of each network.

    Args:
        checkpoints: The folder that holds them; None looks for `FOLDER` where datasets are looked for.
        networks: Names of the files, without the ending .npz.

    Raises:
        DataError: there is no such folder, or it lacks some.
    """
    wanted = [f"{network}.npz" for network in networks]
    searched = [Path(checkpoints)] if checkpoints is not None else [one / FOLDER for one in folders()]
    folder = next((one for one in searched if one.is_dir()), None)
    if folder is None:
        other = "" if checkpoints is not None else ", or set NEURODEPLOY_DATA"
        advice = "name the folder of {wanted} with {checkpoints:DIR}{other}"
        said = Phrase(advice, wanted=", ".join(wanted), other=other)
        raise DataError("is no folder on this machine", said, where=" or ".join(map(str, searched)))
    missing = [name for name in wanted if not (folder / name).is_file()]
    if missing:
        raise DataError(f"{folder}: lacks {', '.join(missing)}, needed are {', '.join(wanted)}; copy them there")
    return {network: folder / f"{network}.npz" for network in networks}


def published_cases(
    names: Sequence[str],
    checkpoints: str | Path | None,
    data: str | None,
    partition: str | None,
    calibrate: str | None,
    seeds: tuple[int, ...],
    limit: int | None,
) -> list[Case]:
    """Return the published networks, and what they are measured on.

    Args:
        names, checkpoints: As in `published_files`.
        data, partition, limit: As in `clips_named`.
        calibrate: As in `calibration_for`.
        seeds: Of random initial states.

    Raises:
        DataError: networks or data are absent, or do not fit each other.
        NetworkError: a file is damaged, or holds another network.
    """
    subjects = []
    shapes = {}
    for name, path in published_files(checkpoints, names).items():
        network, settings = load_published(path)
        if settings.model != name:
            raise NetworkError(f"{path}: holds {settings.model}, needed is {name}; give the published {path.name}")
        subjects.append(Subject(CALLED[name], path, hashlib.sha256(path.read_bytes()).hexdigest()))
        shapes[path] = network.n_inputs, network.n_classes
    n_channels = next(iter(shapes.values()))[0]
    test = clips_named(data, partition, limit, n_channels)
    source = test.open()
    for path, (channels, classes) in shapes.items():
        check_suits(test, source, channels, classes, str(path))
    calibration = calibration_for(test, calibrate, n_channels)
    return [Case(subject, test, calibration, seeds) for subject in subjects]


DATASETS = ("fsdd_spikes", "shd", "ssc")
"""What is trained on unless it is named: the first that this machine has, the quickest before."""


def spiking_recipes(names: Sequence[str], settings: Sequence[str]) -> list[Recipe]:
    """Return shipped recipes, or .toml files, with settings applied.

    Raises:
        RecipeError: one is unknown, is of networks without spikes, or they are on different data.
    """
    found = [load_recipe(name, settings) for name in names]
    models = [one.network.model if isinstance(one.network, SilifSettings) else None for one in found]
    for one, model in zip(found, models, strict=True):
        if model not in LAYERS:
            raise RecipeError(f"{one.name}: has no spiking network of the SiLIF family; choose another recipe")
    if len({(one.data.dataset, one.data.partition) for one in found}) > 1:
        odd = " and ".join(sorted({one.data.dataset for one in found}))
        raise RecipeError(f"are on different data or parts of them ({odd})", "one figure shows one", option="recipes")
    twice = next((model for model in models if model and models.count(model) > 1), None)
    if twice is not None:
        raise RecipeError(f"two are of {CALLED[twice]}", "name one for each model", option="recipes")
    return found


def recipes_for(data: str | None, networks: Sequence[str] | None) -> tuple[str, ...]:
    """Return the shipped recipes of a dataset, one for each network.

    Args:
        data: None takes the first of `DATASETS` that is there.
        networks: Models; None takes all that have a recipe.

    Raises:
        DataError: no dataset is there, or the named one is unknown.
        RecipeError: a network has no recipe.
    """
    if data is None:
        data = next((name for name in DATASETS if SOURCES[name].ready), None)
    if data is None:
        raise DataError(
            f"none of {', '.join(DATASETS)} is on this machine",
            Phrase("set NEURODEPLOY_DATA, or name recipes of other data with {recipes}"),
            option="train",
        )
    if data not in SOURCES:
        raise DataError(f"{data[:80]!r} is no dataset that can be trained on", nearest(data, SOURCES), option="data")
    before = f"{data.removesuffix('_spikes')}_"
    known = {name.removeprefix(before): name for name in shipped() if name.startswith(before)}
    known = {model: known[model] for model in CALLED if model in known}
    if not known:
        raise RecipeError(
            f"no recipe of the SiLIF family is shipped for {data}", Phrase("name one with {recipes}"), option="train"
        )
    lacking = next((model for model in networks or () if model not in known), None)
    if lacking is not None:
        raise RecipeError(f"{lacking!r} has no recipe for {data}", nearest(lacking, known), option="networks")
    return tuple(known[model] for model in networks or known)


def trained_cases(
    names: Sequence[str],
    seeds: Sequence[int],
    settings: Sequence[str],
    runs: Path,
    *,
    mode: Mode,
    ray: str | None,
    limit: int | None,
    progress: Progress,
) -> list[Case]:
    """Train what is not trained yet, and return what is to be measured.

    Args:
        names, settings: As of `spiking_recipes`.
        seeds: Of each recipe.
        runs: Folder of the run folders, runs/RECIPE/seed_N.
        mode: "resume" or "overwrite".
        ray: Address, as in `pipeline.tasks`; None trains one after the other.
        limit: First test samples only.

    Raises:
        RunError: a run folder holds another run, or Ray is missing.
    """
    recipes = spiking_recipes(names, settings)
    tasks = {
        (index, seed): SeedTask(
            recipe=str(Path(name).resolve()) if name.endswith(".toml") else name,
            seed=seed,
            path=runs.resolve() / recipe.name / f"seed_{seed}",
            settings=(*settings, f"training.seed={seed}"),
            mode=mode,
            progress=_named(recipe.name, progress) if ray is None else silent,
        )
        for index, (name, recipe) in enumerate(zip(names, recipes, strict=True))
        for seed in seeds
    }
    threads = max(recipe.training.threads for recipe in recipes)
    gpus = max(gpus_of(recipe) for recipe in recipes)
    through = done_in_turn(trained, list(tasks.values()), ray=ray, n_cpus=threads, n_gpus=gpus)
    for done, (task, record) in enumerate(through, start=1):
        word = f"{task.path.parent.name}, seed {task.seed}: {100 * record['accuracy']['float']:.1f} % test"
        progress("networks", done, len(tasks), word)
    return [_case(recipes[index], seed, task.path, limit) for (index, seed), task in tasks.items()]


def _named(name: str, progress: Progress) -> Progress:
    def told(stage: str, done: int, total: int, detail: str = "") -> None:
        progress(f"{name} {stage}", done, total, detail)

    return told


def _case(recipe: Recipe, seed: int, path: Path, limit: int | None) -> Case:
    assert isinstance(recipe.network, SilifSettings)
    checkpoint = RunFolder(path).checkpoint
    sha256 = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    test = Clips(recipe.data.dataset, recipe.data, limit=limit)
    return Case(
        subject=Subject(CALLED[recipe.network.model], checkpoint, sha256, recipe.network),
        test=test,
        calibration=replace(test, split="train", limit=None, spread=SAMPLES),
        seeds=(seed,) if recipe.network.initial_state == "random" else (),
        trained_seed=seed,
    )
