"""`neurodeploy convert`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from neurodeploy.cli.options import GRAPH
from neurodeploy.cli.show import noted, within
from neurodeploy.cli.verb import verb


def _lines(result: dict[str, Any]) -> list[str]:
    return [
        f"{result['from']} -> {result['to']}",
        *noted(result["warnings"]),
        f"file: {result['path']}",
        *(f"check: {path}: {one['line']}" for path, one in (result["check"] or {}).items()),
    ]


def _equal(result: dict[str, Any]) -> bool:
    return all(one["equal"] for one in (result["check"] or {}).values())


@verb(_lines, passed=_equal, graph=GRAPH)
def convert(
    file: Annotated[Path, typer.Argument(help="A .nir graph, a lava-dl .net network, or a Program (.npz).")],
    out: Annotated[Path, typer.Argument(help="File to write: .nir, .net or .npz.")],
    reset_interval: Annotated[
        int | None,
        typer.Option(metavar="N", callback=within(1), help="Of a .net: clear the states every N steps, as in netx."),
    ] = None,
    reset_offset: Annotated[int, typer.Option(metavar="N", help="Of a .net: steps until the first clearing.")] = 0,
    check: Annotated[
        bool, typer.Option("--check", help="Run the .net in lava-dl's netx too; exit status 1 where a spike differs.")
    ] = False,
) -> None:
    """A network from one file format to another: NIR, lava-dl, Program."""
