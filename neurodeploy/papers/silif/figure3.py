"""`figure 3`: accuracy of the SiLIF family against operations, energy and weight bits, measured here."""

import functools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neurodeploy.accounting.conventions import CONVENTION
from neurodeploy.data.load import source_of
from neurodeploy.errors import RecipeError, nearest
from neurodeploy.files import check_target, write_json
from neurodeploy.networks.families.silif import PUBLISHED
from neurodeploy.papers.silif.cases import published_cases, recipes_for, spiking_recipes, trained_cases
from neurodeploy.papers.silif.clips import SSC_LIKE, Clips, digest_of
from neurodeploy.papers.silif.draw_figure3 import draw_figure3
from neurodeploy.papers.silif.measure import CHIP, FLOAT_BATCH, REFUSED
from neurodeploy.papers.silif.measurements import Kept
from neurodeploy.papers.silif.points import measured_points, refused, refused_note
from neurodeploy.papers.silif.points_cited import Point, literature_points
from neurodeploy.papers.silif.survey import Case, Run, survey
from neurodeploy.phrases import Phrase, plural
from neurodeploy.pipeline.folder import Mode
from neurodeploy.pipeline.tasks import Workers, check_ray, done_in_turn
from neurodeploy.progress import Progress, silent
from neurodeploy.quantize.grid import MAX_WEIGHT_BITS, MIN_WEIGHT_BITS
from neurodeploy.report.printed import check_picture, save_picture

SEEDS = (13, 42, 73, 128, 268)
"""Of random initial states, as in the script behind the paper's Figure 3."""
TRAINING_SEEDS = (13, 42, 73)
BITS = tuple(range(MIN_WEIGHT_BITS, MAX_WEIGHT_BITS + 1))
PAPER_CONVENTION = (
    "non-zero entries that a layer is fed times the layer's outputs, zero weights included, recurrent weights not; "
    "mean per sample"
)


def figure3(
    *,
    out: str | Path,
    networks: Sequence[str] | None = None,
    data: str | None = None,
    partition: str | None = None,
    calibrate: str | None = None,
    checkpoints: str | Path | None = None,
    seeds: Sequence[int] | None = None,
    bits: Sequence[int] = BITS,
    limit: int | None = None,
    train: bool = False,
    recipes: Sequence[str] | None = None,
    settings: Sequence[str] = (),
    ray: str | None = None,
    processes: int = 1,
    mode: Mode = "new",
    progress: Progress = silent,
) -> dict[str, Any]:
    """Draw Figure 3 of the SiLIF paper from measurements, beside the paper's own points, and two panels of ours.

    Each network is measured in float, from random initial states of each seed, as the paper does, and from zero; and
    as an integer Program at each width of the weights, whose precision is chosen on training clips. A network that
    cannot become a Program keeps its float points. Measurements are kept beside `out` as they come.

    Args:
        out: Picture to write: .png, .svg or .pdf. The data are written beside it as .json.
        networks: Of cadlif, csilif, silif and rf, all by default; with `train`, of the models that have recipes.
        data: A dataset (its test part), or a file in SHD layout; by default ssc where it is on this machine, else
            speech_commands_spikes. With `train`, the dataset whose recipes are taken.
        partition: Who makes the dataset's parts, e.g. "ssc" for SSC's own in speech_commands_spikes.
        calibrate: Dataset (its training part) or file to choose the precision on; the training part of the data.
        checkpoints: Folder of the published networks; found by itself by default.
        seeds: Of random initial states; with `train`, of the training.
        bits: Widths of the weights, 2 to 8; the largest is drawn against operations and energy.
        limit: First test clips only.
        train: Train the networks from scratch, each in a run folder below F.runs that is kept and resumed.
        recipes: With `train`: shipped recipes or .toml files, instead of one for each network.
        settings: With `train`: "key=value" pairs over the recipes'.
        ray: Train and measure through Ray: "local", "auto", or a cluster's address.
        processes: Worker processes. More than 1 needs a main module that can be imported.
        mode: "resume" an interrupted figure or add to a finished one, or "overwrite" what is there.
        progress: Hears how far the work is.

    Returns:
        `points`: measured ones, float and integer, and those of the literature; `refused`: [{network, trained_seed,
        bits, why}], where a network cannot become a Program; `title`, `data` (what was measured on), `calibration`,
        `conventions`, `path` and `json` (where picture and data lie), `seconds`.

    Raises:
        RunError: the picture cannot be written, or an interrupted figure's measurements are in the way.
        DataError: the data or the checkpoints are absent, or do not fit each other.
        NetworkError: a checkpoint is damaged, or another network.
        RecipeError: a network, seed, width, or recipe is none.
    """
    started = time.perf_counter()
    picture, beside = check_picture(out, mode), check_target(Path(out).with_suffix(".json"), mode)
    work = Path(out).with_suffix(".work.json")
    all_bits = _widths(bits)
    check_ray(ray)
    cases: Sequence[Case]
    if train:
        odd = {"checkpoints": checkpoints, "calibrate": calibrate, "partition": partition}
        _none_of(Phrase("{train} trains networks of its own"), odd)
        names = tuple(recipes or recipes_for(data, None if networks is None else _models(networks)))
        starts = _seeds(TRAINING_SEEDS if seeds is None else seeds)
        spiking_recipes(names, settings)  # those that cannot be are told before anything is written
        kept = Kept(work, beside, mode)
        how: Mode = "overwrite" if mode == "overwrite" else "resume"
        runs = Path(out).with_suffix(".runs")
        cases = trained_cases(names, starts, settings, runs, mode=how, ray=ray, limit=limit, progress=progress)
    else:
        _none_of(Phrase("is for {train}"), {"recipes": recipes, "settings": settings or None})
        starts = _seeds(SEEDS if seeds is None else seeds)
        cases = published_cases(_published(networks), checkpoints, data, partition, calibrate, starts, limit)
        kept = Kept(work, beside, mode)
    with Workers(processes) as workers:
        through: Run = workers.run if ray is None else functools.partial(done_in_turn, ray=ray)
        found, measurements = survey(cases, all_bits, kept, through, progress)
    points, refusals = measured_points(cases, found), refused(cases, found)
    test = cases[0].test
    # Beside those on SSC only results can stand that are on data like it.
    literature = literature_points() if test.settings is None or test.where in SSC_LIKE else []
    title = _title(cases, points)
    over_bits = [one for one in points if one.world == "integer"]
    floats: dict[str, Point] = {}
    for one in points:
        if one.world == "float":  # from random initial states, which come first, where the network starts there
            floats.setdefault(one.network, one)
    picked = [*floats.values(), *(one for one in over_bits if one.bits == all_bits[-1])]
    unpriced = [one["unpriced"] for each in found for one in each.integers.values() if REFUSED not in one]
    calibration, of = None, cases[0].calibration
    if of is not None:
        calibration = {"name": of.where, "split": of.split, "partition": of.partition, "samples": len(of.open())}
    result = {
        "figure": 3,
        "title": title,
        "data": _data(test),
        "calibration": calibration,
        "trained": train,
        "networks": [_network(case) for case in cases],
        "conventions": {"synops_exact": CONVENTION, "synops_paper": PAPER_CONVENTION},
        "float_batch": FLOAT_BATCH,
        "energy": {"chip": CHIP, "unpriced": unpriced[0] if unpriced else []},
        "points": [one.to_dict() for one in (*points, *literature)],
        "refused": refusals,
    }
    save_picture(draw_figure3([*picked, *literature], over_bits, title, refused_note(refusals)), picture)
    write_json(beside, result | {"measurements": measurements})
    kept.done()
    return result | {"path": str(picture), "json": str(beside), "seconds": time.perf_counter() - started}


def _published(networks: Sequence[str] | None) -> list[str]:
    """Return the published models that are meant, all where none is named."""
    names = list(PUBLISHED) if networks is None else _models(networks)
    unknown = next((name for name in names if name not in PUBLISHED), None)
    if unknown is not None:
        raise RecipeError(f"{unknown!r} is not published", nearest(unknown, PUBLISHED), option="networks")
    return names


def _models(networks: Sequence[str]) -> list[str]:
    """Return the models that are meant, as recipes call them: C-SiLIF is csilif."""
    names = list(dict.fromkeys(name.strip().lower().replace("-", "") for name in networks))
    if not any(names):
        raise RecipeError(Phrase("found none, name at least one, e.g. {networks:silif,csilif}"), option="networks")
    return names


def _widths(bits: Sequence[int]) -> list[int]:
    wrong = next((one for one in bits if one not in BITS), None)
    if wrong is not None or not bits:
        found = f"found {'none' if wrong is None else wrong}, {BITS[0]} to {BITS[-1]} are allowed"
        raise RecipeError(found, Phrase("e.g. {bits:4,8}"), option="bits")
    return sorted(set(bits))


def _seeds(seeds: Sequence[int]) -> tuple[int, ...]:
    wrong = next((one for one in seeds if not 0 <= one < 1 << 32), None)
    if wrong is not None or not seeds:
        found = f"found {'none' if wrong is None else wrong}"
        raise RecipeError(found, option="seeds", allowed="whole numbers from 0 are needed")
    twice = next((one for one in seeds if seeds.count(one) > 1), None)
    if twice is not None:
        raise RecipeError(f"{twice} is there twice", "name each seed once", option="seeds")
    return tuple(seeds)


def _none_of(why: str, given: dict[str, Any]) -> None:
    """Refuse options that mean nothing here."""
    odd = next((name for name, value in given.items() if value is not None), None)
    if odd is not None:
        raise RecipeError(why, "leave it out", option=odd)


def _title(cases: Sequence[Case], points: Sequence[Point]) -> str:
    called = cases[0].test.called(points[0].n_samples or 0)
    if cases[0].test.settings is not None:
        called = f"{called[:1].upper()}{called[1:]}"
    random = any(case.seeds for case in cases)
    start = "random initial states" if random else "initial states of zero"
    with_programs = any(one.world == "integer" for one in points)
    integer = "; integer: initial states of zero" if with_programs else ""
    if cases[0].trained_seed is not None:
        n_seeds = len({case.trained_seed for case in cases})
        spread = f"trained here from {plural(n_seeds, 'seed')}"
        shown = ", mean and standard deviation" if n_seeds > 1 else ""
        return f"{called}; {spread}{shown}; float: {start}{integer}"
    n_seeds = len(cases[0].seeds)
    shown = f"mean and standard deviation over {n_seeds} seeds" if n_seeds > 1 else f"seed {cases[0].seeds[0]}"
    return f"{called}; float: {start}, {shown}{integer}"


def _data(clips: Clips) -> dict[str, Any]:
    source = clips.open()
    return {
        "name": clips.where if clips.settings is not None else Path(clips.where).name,
        "licence": "" if clips.settings is None else source_of(clips.settings).licence,
        "partition": clips.partition,
        "samples": len(source),
        "classes_present": len(set(source.labels_B.tolist())),
        "steps": source.n_steps,
        "channels": source.n_inputs,
        "dt_s": clips.dt_s,
        "sha256": digest_of(source),
        "notes": list(source.notes),
    }


def _network(case: Case) -> dict[str, Any]:
    subject = case.subject
    return {
        "network": subject.network,
        "file": subject.file.name,
        "sha256": subject.sha256,
        "trained_seed": case.trained_seed,
        "initial_state_seeds": list(case.seeds),
    }
