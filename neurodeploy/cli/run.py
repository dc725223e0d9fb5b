"""`neurodeploy run`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from neurodeploy.cli.options import Json, Settings
from neurodeploy.cli.show import bars, emit, percent, table
from neurodeploy.report.amounts import amount, band

Out = Annotated[Path, typer.Option(metavar="DIR", help="Run folder.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the run in the folder.")]


def run(
    recipe: Annotated[str, typer.Argument(help="A shipped recipe (neurodeploy recipes), or a .toml file.")],
    out: Out,
    settings: Settings = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Trained network of the SiLIF family (.npz, .safetensors), instead of training."
        ),
    ] = None,
    as_json: Json = False,
) -> int:
    """The whole way: train, quantise, export to NIR, compile, simulate, certify, count, report."""
    from neurodeploy.verbs.run import run as call

    with bars() as progress:
        result = call(
            recipe,
            out=out,
            settings=tuple(settings or ()),
            checkpoint=checkpoint,
            mode=mode(resume, overwrite),
            progress=progress,
        )
    emit(
        result,
        [
            *verdict(result["certificate"]),
            f"synops per sample  {result['synops_per_sample']:,.0f}",
            f"energy per sample  {band(result['energy_j'], 'J')} (dynamic, estimated)",
            *placed(result),
            f"report             {result['report']}",
        ],
        as_json=as_json,
    )
    return 0 if result["certificate"]["passed"] else 1


def mode(resume: bool, overwrite: bool) -> Any:
    """Return what to do with a folder that already holds a run."""
    if resume and overwrite:
        raise typer.BadParameter("--resume and --overwrite exclude each other")
    return "resume" if resume else "overwrite" if overwrite else "new"


def placed(result: dict[str, Any]) -> list[str]:
    """Return cores and latency of a run, as far as they are known."""
    if result["cores"] is None:
        return ["fit                does not fit; the report says why"] if result["fits"] is False else []
    cores = f"fit                {result['cores']} core{'' if result['cores'] == 1 else 's'}"
    return [cores + (f", {amount(result['latency_s'], 's')} per sample" if result["latency_s"] is not None else "")]


def verdict(certificate: dict[str, Any]) -> list[str]:
    """Return a certificate as lines: a table of stages, what failed, and the verdict."""
    rows = [
        [
            stage["name"],
            str(stage["samples"]),
            percent(stage["accuracy"]),
            percent(stage["spike_agreement"]),
            _difference(stage),
        ]
        for stage in certificate["stages"]
    ]
    lines = table(["stage", "samples", "accuracy", "spike agreement", "first difference to the stage before"], rows)
    for pair, equal in certificate["bit_exact"].items():
        lines.append(f"bit-exact {pair}: {'yes' if equal else 'NO'} (every spike, current and potential)")
    lines += [f"failed: {line}" for line in certificate["failures"]]
    lines.append(f"certificate: {'passed' if certificate['passed'] else 'FAILED'}")
    return lines


def _difference(stage: dict[str, Any]) -> str:
    if stage["against"] is None:
        return "-"
    first = stage["first_difference"]
    if first is None:
        return "none"
    return f"{first['what']} of {first['layer']}, step {first['step']}, sample {first['sample']}"
