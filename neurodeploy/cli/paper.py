"""`neurodeploy paper`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurodeploy.cli.options import Json, Limit
from neurodeploy.cli.run import mode
from neurodeploy.cli.show import bars, emit


def paper(
    name: Annotated[str, typer.Argument(metavar="NAME", help="silif or nir.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for its figures and tables.")],
    limit: Limit = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what an interrupted run left.")] = False,
    as_json: Json = False,
) -> int:
    """Make a published system's figures and tables, its numbers beside those measured here."""
    from neurodeploy.papers.paper import paper as call

    with bars() as progress:
        result = call(name, out=out, limit=limit, mode=mode(resume, overwrite), progress=progress)
    page = (out / "paper.md").read_text(encoding="utf-8").splitlines()
    emit(result, [*page, "", f"folder  {result['path']}"], as_json=as_json)
    return 0
