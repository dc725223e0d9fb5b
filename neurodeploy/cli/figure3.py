"""`neurodeploy figure 3`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from neurodeploy.cli.options import Calibrate, Json, Limit, Settings, whole_numbers, words
from neurodeploy.cli.run import mode
from neurodeploy.cli.show import bars, emit, noted, percent, table, within


def figure3(
    out: Annotated[Path, typer.Option(metavar="F", help="Picture to write: .png, .svg or .pdf; F.json beside it.")],
    networks: Annotated[
        str | None, typer.Option(metavar="N,N", help="Of cadlif, csilif, silif and rf, with commas; all by default.")
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(metavar="D", help="Dataset (its test part) or data file; ssc, else speech_commands_spikes."),
    ] = None,
    partition: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who makes the dataset's parts (data list names them).")
    ] = None,
    calibrate: Calibrate = None,
    checkpoints: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the published networks; found by itself by default.")
    ] = None,
    seeds: Annotated[
        str | None, typer.Option(metavar="N,N", help="Of random initial states; with --train, of the training.")
    ] = None,
    bits: Annotated[str, typer.Option(metavar="N,N", help="Widths of the weights, of 2 to 8.")] = "2,3,4,5,6,7,8",
    limit: Limit = None,
    train: Annotated[
        bool, typer.Option("--train", help="Train the networks from scratch, in run folders below F.runs.")
    ] = False,
    recipes: Annotated[
        str | None, typer.Option(metavar="R,R", help="With --train: recipes instead of one for each network.")
    ] = None,
    settings: Settings = None,
    ray: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Through Ray: local, auto, or a cluster's host:port."),
    ] = None,
    processes: Annotated[
        int | None, typer.Option(metavar="N", callback=within(1), help="That measure side by side; one for each core.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted figure.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what an interrupted figure left.")] = False,
    as_json: Json = False,
) -> int:
    """Draw accuracy against operations, energy and weight bits, measured here, beside the paper's points."""
    from neurodeploy.papers.silif.figure3 import figure3 as call
    from neurodeploy.pipeline.processes import usual_processes

    with bars() as progress:
        result = call(
            out=out,
            networks=None if networks is None else words(networks),
            data=data,
            partition=partition,
            calibrate=calibrate,
            checkpoints=checkpoints,
            seeds=None if seeds is None else whole_numbers("--seeds", seeds, "13,42,73"),
            bits=whole_numbers("--bits", bits, "4,8"),
            limit=limit,
            train=train,
            recipes=None if recipes is None else words(recipes),
            settings=tuple(settings or ()),
            ray=ray,
            processes=processes or usual_processes(),
            mode=mode(resume, overwrite),
            progress=progress,
        )
    emit(result, _lines(result), as_json=as_json)
    return 0


def _lines(result: dict[str, Any]) -> list[str]:
    from neurodeploy.papers.silif.refused import refused_lines

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
