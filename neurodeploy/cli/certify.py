"""`neurodeploy certify`."""

from __future__ import annotations

from operator import itemgetter
from pathlib import Path
from typing import Annotated, Any

import typer

from neurodeploy.cli.options import GRAPH, Data, Limit, words
from neurodeploy.cli.run import verdict
from neurodeploy.cli.show import noted, within
from neurodeploy.cli.verb import verb


def _lines(result: dict[str, Any]) -> list[str]:
    return [f"precision: {result['precision']}", *noted(result["notes"]), *verdict(result)]


@verb(_lines, passed=itemgetter("passed"), graph=GRAPH)
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
) -> dict[str, Any]:
    """The conversion certificate, stage by stage; exit status 1 when it does not pass."""
    return {"backends": words(backends)}
