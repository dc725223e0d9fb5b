"""`paper lmuformer`: accuracy by frames, published and streamed, the delay of every layer, and what a chip can run."""

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neurodeploy import toml
from neurodeploy.data.load import step_s
from neurodeploy.errors import RunError
from neurodeploy.files import write_json, write_text
from neurodeploy.networks.families.lmuformer import LmuFormerSettings
from neurodeploy.networks.spike_driven.signals import told
from neurodeploy.networks.spike_driven.table import parts_of
from neurodeploy.papers.lmuformer.drawing import draw
from neurodeploy.papers.lmuformer.measure import INTEGERS, WHOLE, delays, enough, measured
from neurodeploy.papers.lmuformer.tables import page
from neurodeploy.papers.paper import Asked, Made, PaperRow
from neurodeploy.pipeline.folder import Mode, RunFolder
from neurodeploy.pipeline.stages import TRAINING, trained_network
from neurodeploy.progress import Progress
from neurodeploy.report.printed import save_picture
from neurodeploy.verbs.train import train

PUBLISHED = Path(__file__).parent / "published.toml"
RECIPES = ("fsdd_lmuformer", "fsdd_spiking_lmuformer")
"""What is trained where no run is given."""
SAMPLES = 1000
"""First test samples, where no limit is given."""
FILES = ("lmuformer.png", "lmuformer.md", "lmuformer.json")


def make(asked: Asked) -> Made:
    """Write tables and a picture into a folder, and return the rows of accuracies.

    Finished runs are told as integers too, seeds of one recipe as one; without runs `RECIPES` are trained.

    Raises:
        RunError: an interrupted call's files are in the way.
        DataError: the data of a run are absent.
    """
    folder, limit, mode, progress, runs, settings = asked
    published = toml.read(PUBLISHED, RunError)[0]
    groups: dict[str, list[RunFolder]] = {}
    for one in runs or [_trained(folder / "runs" / name, name, settings, mode, progress) for name in RECIPES]:
        groups.setdefault(_called(one), []).append(one)
    networks = [_network(what, some, limit or SAMPLES, progress) for what, some in groups.items()]
    result = {"published": published, "networks": networks}
    save_picture(draw(result), folder / FILES[0])
    write_text(folder / FILES[1], page(result))
    write_json(folder / FILES[2], result)
    source = published["source"]
    cited = [PaperRow(f"Speech Commands v2: {what}", share, note=source) for what, share in published["rows"].items()]
    return Made([*(_row(one, published) for one in networks), *cited], FILES)


def _trained(path: Path, name: str, settings: Sequence[str], mode: Mode, progress: Progress) -> RunFolder:
    train(name, out=path, settings=tuple(settings), mode=mode, progress=progress)
    return RunFolder(path)


def _settings(run: RunFolder) -> LmuFormerSettings:
    found = run.recipe().network
    assert isinstance(found, LmuFormerSettings), found
    return found


def _called(run: RunFolder) -> str:
    recipe, network = run.recipe(), _settings(run)
    what = f"{recipe.data.dataset}: recipe {recipe.name}, {network.model}, {network.width} channels"
    return f"{what}, {recipe.training.epochs} epochs"


def _network(what: str, some: Sequence[RunFolder], limit: int, progress: Progress) -> dict[str, Any]:
    """Return what is measured of the seeds of a recipe, means over them, and what its network is."""
    found, first, network = [measured(one, limit, progress) for one in some], some[0], trained_network(some[0])
    every = [way for way in found[0]["ways"] if all(way in one["ways"] for one in found)]
    ways = {way: _mean([one["ways"][way] for one in found]) for way in every}
    for one in ways.values():
        one["enough"] = enough(one["curve"], ways[WHOLE]["accuracy"])
    return {
        "what": what,
        "model": _settings(first).model,
        "dataset": first.recipe().data.dataset,
        "test_accuracy": statistics.fmean(one.metrics()[TRAINING]["test_accuracy"] for one in some),
        "step_s": step_s(first.recipe().data),
        "seeds": len(some),
        "samples": found[0]["samples"],
        "sound": found[0]["sound"],
        "ways": ways,
        "delays": delays(network),
        "chip": told(parts_of(network, len(ways[WHOLE]["curve"]))),
    }


def _mean(seeds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    curves = zip(*(one["curve"] for one in seeds), strict=True)
    return {
        "curve": [None if some[0] is None else statistics.fmean(some) for some in curves],
        "accuracy": statistics.fmean(one["accuracy"] for one in seeds),
        "late": seeds[0]["late"],
        "off": max(one["off"] for one in seeds),
        "same": statistics.fmean(one["same"] for one in seeds),
    }


def _row(one: dict[str, Any], published: dict[str, Any]) -> PaperRow:
    theirs = published["models"].get(one["model"]) if one["dataset"] == published["dataset"] else None
    note = f"{one['what']}: of all test samples in float32 {100 * one['test_accuracy']:.2f} %"
    accuracy, fixed = (one["ways"].get(way, {}).get("accuracy") for way in (WHOLE, INTEGERS))
    return PaperRow(one["what"], theirs, accuracy, fixed, one["samples"], one["seeds"], ran=True, note=note)
