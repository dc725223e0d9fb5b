"""`neurodeploy simulate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from neurodeploy.cli.options import GRAPH, Data, Engine, Limit, Threads
from neurodeploy.cli.show import noted, percent
from neurodeploy.cli.verb import verb


def _lines(result: dict[str, Any]) -> list[str]:
    return [
        f"backend            {result['backend']}",
        f"accuracy           {percent(result['accuracy'])} of {result['samples']} samples, {result['steps']} steps",
        f"synops per sample  {result['synops_per_sample']:,.0f}",
        f"speed              {result['samples_per_second']:.4g} samples/s",
        *([f"note: the engine is {result['engine']}"] if "because" in (result["engine"] or "") else []),
        *noted(result["data_notes"]),
        *([f"traces             {result['traces']}"] if result["traces"] else []),
    ]


@verb(_lines, graph=GRAPH)
def simulate(
    file: Annotated[Path, typer.Argument(help="A .nir graph, a Program, or a run folder.")],
    data: Data = None,
    backend: Annotated[str, typer.Option(help="reference, fixed or lava.")] = "fixed",
    limit: Limit = None,
    traces: Annotated[Path | None, typer.Option(metavar="OUT", help="Write every state to this .npz.")] = None,
    probes: Annotated[
        list[str] | None,
        typer.Option("--probe", metavar="LAYER", help="Write the states of this layer only; may be repeated."),
    ] = None,
    threads: Threads = None,
    engine: Engine = None,
) -> None:
    """Run a graph or a Program on data."""
