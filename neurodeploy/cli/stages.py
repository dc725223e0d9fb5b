"""`neurodeploy train`, `quantize`, `export` and `report`: stages of a run, one by one."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option

from neurodeploy.cli.options import Bits, Json, Out, Overwrite, Recipe, Replace, Resume, Settings, chosen, whole_numbers
from neurodeploy.cli.show import noted, percent, table
from neurodeploy.cli.verb import carried_out, verb
from neurodeploy.pipeline.run_results import recipe_values


def train(
    recipe: Recipe,
    out: Out,
    settings: Settings = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    seeds: Annotated[str | None, Option(metavar="N,N", help="Train from each of these seeds, into DIR/seed_N.")] = None,
    ray: Annotated[
        str | None,
        Option(metavar="ADDRESS", help="Seeds side by side through Ray: local, auto, or a cluster's host:port."),
    ] = None,
    as_json: Json = False,
) -> int:
    """Train a recipe's float network into a run folder, or one for each of several seeds."""
    given = {"recipe": recipe, "out": out, "settings": settings, "resume": resume, "overwrite": overwrite}
    if seeds is not None:
        given |= {"seeds": whole_numbers("--seeds", seeds, "13,42,73"), "ray": ray}
        return carried_out("train_seeds", given, _seeds, as_json=as_json)
    if ray is not None:
        raise typer.BadParameter("--ray runs seeds side by side; name them with --seeds")
    return carried_out("train", given, _trained, as_json=as_json)


def _trained(result: dict[str, Any]) -> list[str]:
    accuracy = result["accuracy"]
    return [
        f"accuracy    {percent(accuracy['float'])} test, {percent(accuracy['validation'])} validation",
        *noted(result["data_notes"]),
        f"checkpoint  {result['path']}",
    ]


def _seeds(result: dict[str, Any]) -> list[str]:
    rows = [
        [
            str(one["seed"]),
            percent(one["accuracy"]["float"]),
            percent(one["accuracy"]["validation"]),
            str(one["best_epoch"] + 1),
            f"{one['seconds'] / 60:.1f}",
        ]
        for one in result["seeds"]
    ]
    lines = table(["seed", "test", "validation", "best epoch", "minutes"], rows)
    for kind, word in (("float", "test"), ("validation", "validation")):
        found = result["accuracy"][kind]
        sd = "" if found["sd"] is None else f" +- {100 * found['sd']:.1f}"
        lines.append(f"{word:<10}  {100 * found['mean']:.1f}{sd} % (mean and standard deviation, n = {found['n']})")
    return [*lines, *noted(result["data_notes"]), f"summary     {result['path']}/seeds.json"]


def _quantised(result: dict[str, Any]) -> list[str]:
    accuracy = result["accuracy"]
    return [
        f"accuracy    {percent(accuracy['ptq'])} after calibration, {percent(accuracy['quantised'])} in the end (test)",
        f"checkpoint  {result['path']}",
    ]


@verb(_quantised, call="quantize_run")
def quantize(
    run: Annotated[Path, Argument(help="Run folder with a trained network.")],
    method: Annotated[str | None, chosen("ptq", "qat", help="Instead of the recipe's.")] = None,
    weight_bits: Bits = None,
) -> None:
    """Put a run's trained network on the chip's grid, with or without fine-tuning."""
    if method not in (None, "ptq", "qat"):
        raise typer.BadParameter(f"--method: found {method!r}, ptq or qat is allowed")
    recipe_values(run)  # a slip is told before what takes seconds is loaded


def _exported(result: dict[str, Any]) -> list[str]:
    return [
        f"accuracy  {percent(result['accuracy']['reference'])} of the file as read back, test part",
        f"program   {result['program'][:16]}… identical after the round trip",
        f"graph     {result['path']}",
    ]


@verb(_exported, call="export_run")
def export(
    run: Annotated[Path, Argument(help="Run folder with a quantised network.")],
    out: Annotated[Path | None, Option(metavar="FILE", help="The .nir file; else model.nir in the folder.")] = None,
    overwrite: Replace = False,
) -> None:
    """Write a run's quantised network as NIR; read back, it gives the identical Program."""
    recipe_values(run)


@verb(lambda result: [f"report  {result['path']}"], call="write_report")
def report(run: Annotated[Path, Argument(help="Run folder of a finished run.")]) -> None:
    """Write report.html of a run again, from its report.json."""
