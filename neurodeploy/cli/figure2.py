"""`neurodeploy figure 2`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from neurodeploy.cli.options import Json
from neurodeploy.cli.show import emit, table


def figure2(
    out: Annotated[Path, typer.Option(metavar="F", help="Picture to write: .png, .svg or .pdf; F.json beside it.")],
    checkpoints: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the published networks; found by itself by default.")
    ] = None,
    layer: Annotated[int, typer.Option(metavar="N", help="Hidden layer to draw, 0 or 1.")] = 0,
    as_json: Json = False,
) -> int:
    """Draw the poles of the published networks, by the paper's formula and as they are."""
    from neurodeploy.papers.silif.figure2 import figure2 as call

    result = call(out=out, checkpoints=checkpoints, layer=layer)
    emit(result, _lines(result), as_json=as_json)
    return 0


def _lines(result: dict[str, Any]) -> list[str]:
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
