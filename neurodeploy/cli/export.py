"""`neurodeploy export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurodeploy.cli.options import Json
from neurodeploy.cli.show import bars, emit, percent
from neurodeploy.files import check_target


def export(
    run: Annotated[Path, typer.Argument(help="Run folder with a quantised network.")],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The .nir file; model.nir in the run folder by default.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Write a run's quantised network as NIR; read back, it gives the identical Program."""
    from neurodeploy.verbs.export import export_run as call

    if out is not None:
        check_target(out)
    with bars() as progress:
        result = call(run, out=out, progress=progress)
    lines = [
        f"accuracy  {percent(result['accuracy']['reference'])} of the file as read back, test part",
        f"program   {result['program'][:16]}… identical after the round trip",
        f"graph     {result['path']}",
    ]
    emit(result, lines, as_json=as_json)
    return 0
