"""`neurodeploy certify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurodeploy.cli.options import Data, Graph, Json, Limit, graph_options, words
from neurodeploy.cli.run import verdict
from neurodeploy.cli.show import bars, emit, noted, within


@graph_options()
def certify(
    file: Annotated[Path, typer.Argument(help="A .nir graph, or a run folder.")],
    data: Data = None,
    backends: Annotated[str, typer.Option(help="Of reference, fixed and lava, with commas.")] = "reference,fixed",
    limit: Limit = None,
    program: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Certify this Program against the graph.")
    ] = None,
    max_accuracy_drop: Annotated[
        float | None, typer.Option(callback=within(0, 1), help="Allowed loss against the first stage, 0 to 1 (0.015).")
    ] = None,
    graph: Graph = None,
    as_json: Json = False,
) -> int:
    """The conversion certificate, stage by stage; exit status 1 when it does not pass."""
    from neurodeploy.verbs.certify import certify as call

    with bars() as progress:
        result = call(
            file,
            data,
            backends=words(backends),
            limit=limit,
            program=program,
            max_accuracy_drop=max_accuracy_drop,
            progress=progress,
            **graph or {},
        )
    lines = [f"precision: {result['precision']}", *noted(result["notes"]), *verdict(result)]
    emit(result, lines, as_json=as_json)
    return 0 if result["passed"] else 1
