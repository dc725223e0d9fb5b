"""`neurodeploy data`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from neurodeploy.cli.data_encode import encode
from neurodeploy.cli.options import Json
from neurodeploy.cli.show import bars, emit, table

app = typer.Typer(help="Datasets: where they are, and under which licence.", no_args_is_help=True)
app.command("encode")(encode)


@app.command("list")
def list_datasets(as_json: Json = False) -> int:
    """List the datasets known by name."""
    from neurodeploy.verbs.listing import list_datasets as call

    found = call()
    rows = [[one["name"], "yes" if one["ready"] else "no", one["licence"], one["what"]] for one in found]
    lines = table(["dataset", "ready", "licence", "what"], rows)
    lines += [_advice(one) for one in found if not one["ready"]]
    emit({"datasets": found}, lines, as_json=as_json)
    return 0


@app.command("fetch")
def fetch(name: Annotated[str, typer.Argument(help="A dataset of data list.")], as_json: Json = False) -> int:
    """Download a dataset, where its owner offers it; what is here already stays."""
    from neurodeploy.verbs.listing import fetch_dataset as call

    with bars() as progress:
        found = call(name, progress)
    emit(found, [f"{name}: {path}" for path in found["paths"]] or [f"{name}: needs no file"], as_json=as_json)
    return 0


def _advice(one: dict[str, Any]) -> str:
    others = ", ".join(file.rpartition("/")[2] for file in one["files"][1:])
    put = f"{one['name']}: put it at {one['searched'][0]}" + (f" with {others} beside it" if others else "")
    return f"{put}, or neurodeploy data fetch {one['name']}" if one["fetch"] else put
