"""`neurodeploy train`."""

from __future__ import annotations

from typing import Annotated

import typer

from neurodeploy.cli.run import Out, Overwrite, Resume, mode
from neurodeploy.cli.show import Json, Settings, bars, emit, percent


def register(app: typer.Typer) -> None:
    app.command("train")(train)


def train(
    recipe: Annotated[str, typer.Argument(help="A shipped recipe (neurodeploy recipes), or a .toml file.")],
    out: Out,
    settings: Settings = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> int:
    """Train a recipe's float network into a run folder."""
    from neurodeploy.pipeline.train import train as call

    with bars() as progress:
        result = call(recipe, out, settings=tuple(settings or ()), mode=mode(resume, overwrite), progress=progress)
    accuracy = result["accuracy"]
    lines = [
        f"accuracy    {percent(accuracy['float'])} test, {percent(accuracy['validation'])} validation",
        f"checkpoint  {result['path']}",
    ]
    lines += [f"note: {note}" for note in result["data_notes"]]
    emit(result, lines, as_json=as_json)
    return 0
