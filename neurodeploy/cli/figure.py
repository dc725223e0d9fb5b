"""`neurodeploy figure` and `paper`: published figures and tables, made again."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option

from neurodeploy.cli.options import (
    PACKAGE,
    Calibrate,
    Limit,
    Replace,
    Resume,
    Settings,
    among,
    counted,
    whole_numbers,
    words,
)
from neurodeploy.cli.show import noted, percent, table
from neurodeploy.cli.verb import verb

app = typer.Typer(help="The paper's figures, with their data beside them.", no_args_is_help=True)
PAPERS = sorted(path.parent.name for path in (PACKAGE / "papers").glob("*/make.py"))
Picture = Annotated[Path, Option(metavar="F", help="Picture to write: .png, .svg or .pdf; F.json beside it.")]
Checkpoints = Annotated[Path | None, Option(metavar="DIR", help="Folder of the published networks; else it is found.")]


def _poles(result: dict[str, Any]) -> list[str]:
    head = ["network", "formula", "layer", "min", "max", "mean", "median", "mean Re", "max Im", "complex", "outside"]
    numbers = ("abs_min", "abs_max", "abs_mean", "abs_median", "re_mean", "im_abs_max")
    rows = [
        [point["network"], point["formula"], str(point["layer"])]
        + [f"{point['summary'][key]:.6f}" for key in numbers]
        + [str(point["summary"][key]) for key in ("complex_neurons", "outside_neurons")]
        for point in result["points"]
    ]
    formulas = [f"{name}: poles {words}" for name, words in result["formulas"].items()]
    return [*table(head, rows), "", *formulas, f"figure  {result['path']}", f"data    {result['data']}"]


@app.command("2")
@verb(_poles)
def figure2(
    out: Picture,
    checkpoints: Checkpoints = None,
    layer: Annotated[int, Option(metavar="N", help="Hidden layer to draw, 0 or 1.")] = 0,
    overwrite: Replace = False,
) -> None:
    """Draw the poles of the published networks, by the paper's formula and as they are."""


def _points(result: dict[str, Any]) -> list[str]:
    from neurodeploy.papers.silif.points import refused_lines

    head = ["network", "what", "initial state", "bits", "accuracy", "sd", "synops, exact", "paper's", "energy, uJ"]
    rows = [
        [
            point["network"],
            point["world"],
            point.get("initial_state", "-"),
            str(point["bits"] or "-"),
            percent(point["accuracy"]),
            f"{100 * point['accuracy_sd']:.1f}" if point["accuracy_sd"] else "-",
            _count(point["synops_exact"]),
            _count(point["synops_paper"]),
            _energy(point["energy_j"]),
        ]
        for point in result["points"]
    ]
    lines = [result["title"], "", *table(head, rows), ""]
    lines += noted(result["data"]["notes"])
    lines += [f"cannot become a Program: {line}" for line in refused_lines(result["refused"])]
    return [*lines, f"figure  {result['path']}", f"data    {result['json']}", f"took    {result['seconds']:.0f} s"]


def _count(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _energy(band: dict[str, float] | None) -> str:
    return "-" if band is None else f"{1e6 * band['low']:.3g} to {1e6 * band['high']:.3g}"


@app.command("3")
@verb(_points)
def figure3(
    out: Picture,
    networks: Annotated[
        str | None, Option(metavar="N,N", help="Some of cadlif, csilif, silif, rf; all by default.")
    ] = None,
    data: Annotated[
        str | None,
        Option(metavar="D", help="Dataset (its test part) or data file; ssc, else speech_commands_spikes."),
    ] = None,
    partition: Annotated[
        str | None, Option(metavar="NAME", help="How the dataset is split (data list names the ways).")
    ] = None,
    calibrate: Calibrate = None,
    checkpoints: Checkpoints = None,
    seeds: Annotated[
        str | None, Option(metavar="N,N", help="Seeds of initial states; with --train, of the training.")
    ] = None,
    bits: Annotated[str, Option(metavar="N,N", help="Weight bits, each from 2 to 8.")] = "2,3,4,5,6,7,8",
    limit: Limit = None,
    train: Annotated[bool, Option("--train", help="Train the networks, in run folders below F.runs.")] = False,
    recipes: Annotated[
        str | None, Option(metavar="R,R", help="With --train: recipes instead of the networks'.")
    ] = None,
    settings: Settings = None,
    ray: Annotated[str | None, Option(metavar="ADDRESS", help="Ray: local, auto, or a cluster's host:port.")] = None,
    processes: Annotated[int | None, counted("Worker processes (default: one per core).")] = None,
    resume: Annotated[bool, Option("--resume", help="Go on with an interrupted figure.")] = False,
    overwrite: Replace = False,
) -> dict[str, Any]:
    """Draw accuracy against operations, energy and weight bits, measured here, beside the paper's points."""
    from neurodeploy.pipeline.tasks import usual_processes

    return {
        "networks": None if networks is None else words(networks),
        "seeds": None if seeds is None else whole_numbers("--seeds", seeds, "13,42,73"),
        "bits": whole_numbers("--bits", bits, "4,8"),
        "recipes": None if recipes is None else words(recipes),
        "processes": processes or usual_processes(),
    }


def _written(result: dict[str, Any]) -> list[str]:
    lines = Path(result["table"]).read_text(encoding="utf-8").splitlines()
    lines += ["", f"figure  {result['path']}", f"table   {result['table']}", f"data    {result['json']}"]
    return [*lines, f"took    {result['seconds']:.0f} s"]


@app.command("nir-paper")
@verb(_written, call="nir_paper")
def figure_nir_paper(
    out: Annotated[
        Path, Option(metavar="F", help="Picture to write: .png, .svg or .pdf; F.md and F.json beside it.")
    ] = Path("nir_paper.png"),
    data: Annotated[
        Path | None, Option(metavar="DIR", help="Folder of the paper's files; found by itself by default.")
    ] = None,
    tasks: Annotated[str, Option(metavar="T,T", help="Some of lif, cnn, rnn.")] = "lif,cnn,rnn",
    backends: Annotated[
        str | None,
        Option(metavar="B,B", help="reference, fixed, lava, snntorch, norse, spikingjelly; all by default."),
    ] = None,
    limit: Limit = None,
    lava_samples: Annotated[int | None, counted("Samples of each graph on Lava; by default 72 of N-MNIST.")] = None,
    framework_samples: Annotated[int | None, counted("Samples on snnTorch, Norse and SpikingJelly.")] = None,
    resume: Resume = False,
    overwrite: Replace = False,
) -> dict[str, Any]:
    """Run the NIR paper's three tasks on every backend, and write its table beside the paper's own numbers."""
    return {"tasks": words(tasks), "backends": None if backends is None else words(backends)}


def _page(result: dict[str, Any]) -> list[str]:
    page = Path(result["path"], "paper.md").read_text(encoding="utf-8").splitlines()
    return [*page, "", f"folder  {result['path']}"]


@verb(_page)
def paper(
    name: Annotated[str, Argument(metavar="|".join(PAPERS), help="Which.", autocompletion=among(PAPERS))],
    out: Annotated[Path, Option(metavar="DIR", help="Folder for its figures and tables.")],
    runs: Annotated[
        list[Path] | None,
        Option(
            "--run",
            metavar="DIR",
            help="Of plif a finished run, of all others that take any a trained one; repeatable.",
        ),
    ] = None,
    settings: Settings = None,
    limit: Limit = None,
    resume: Resume = False,
    overwrite: Replace = False,
) -> dict[str, Any]:
    """Make a published system's figures and tables, its numbers beside those measured here."""
    return {"runs": runs or (), "settings": tuple(settings or ())}
