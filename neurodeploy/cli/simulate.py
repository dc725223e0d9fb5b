"""`neurodeploy simulate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurodeploy.cli.options import Data, Engine, Graph, Json, Limit, Threads, graph_options
from neurodeploy.cli.show import bars, emit, noted, percent
from neurodeploy.files import check_target


@graph_options()
def simulate(
    file: Annotated[Path, typer.Argument(help="A .nir graph, a Program, or a run folder.")],
    data: Data = None,
    backend: Annotated[str, typer.Option(help="reference, fixed or lava.")] = "fixed",
    limit: Limit = None,
    traces: Annotated[Path | None, typer.Option(metavar="OUT", help="Write every state to this .npz.")] = None,
    probe: Annotated[
        list[str] | None, typer.Option(metavar="LAYER", help="Write the states of this layer only; may be repeated.")
    ] = None,
    threads: Threads = None,
    engine: Engine = None,
    graph: Graph = None,
    as_json: Json = False,
) -> int:
    """Run a graph or a Program on data."""
    from neurodeploy.verbs.simulate import simulate as call

    if traces is not None:
        check_target(traces)
    with bars() as progress:
        result = call(
            file,
            data,
            backend=backend,
            limit=limit,
            traces=traces,
            probes=probe or (),
            threads=threads,
            engine=engine,
            progress=progress,
            **graph or {},
        )
    lines = [
        f"backend            {result['backend']}",
        f"accuracy           {percent(result['accuracy'])} of {result['samples']} samples, {result['steps']} steps",
        f"synops per sample  {result['synops_per_sample']:,.0f}",
        f"speed              {result['samples_per_second']:.4g} samples/s",
    ]
    lines += [f"note: the engine is {result['engine']}"] if "because" in (result["engine"] or "") else []
    lines += noted(result["data_notes"])
    emit(result, lines + ([f"traces             {traces}"] if traces else []), as_json=as_json)
    return 0
