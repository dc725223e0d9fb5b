"""`neurodeploy convert`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurodeploy.cli.options import Graph, Json, graph_options
from neurodeploy.cli.show import bars, emit, noted, within


@graph_options()
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
    graph: Graph = None,
    as_json: Json = False,
) -> int:
    """A network from one file format to another: NIR, lava-dl, Program."""
    from neurodeploy.verbs.convert import convert as call

    with bars() as progress:
        result = call(
            file,
            out=out,
            reset_interval=reset_interval,
            reset_offset=reset_offset,
            check=check,
            progress=progress,
            **graph or {},
        )
    lines = [
        f"{result['from']} -> {result['to']}",
        *noted(result["warnings"]),
        f"file: {result['path']}",
    ]
    checked = result["check"] or {}
    lines += [f"check: {path}: {one['line']}" for path, one in checked.items()]
    emit(result, lines, as_json=as_json)
    return 0 if all(one["equal"] for one in checked.values()) else 1
