"""`neurodeploy data`."""

from __future__ import annotations

import typer

from neurodeploy.cli.show import Json, emit, table

app = typer.Typer(help="Datasets: where they are, and under which licence.", no_args_is_help=True)


@app.command("list")
def list_datasets(as_json: Json = False) -> int:
    """List the datasets known by name."""
    from neurodeploy.pipeline.listing import list_datasets as call

    found = call()
    rows = [[one["name"], "yes" if one["ready"] else "no", one["licence"], one["what"]] for one in found]
    lines = table(["dataset", "ready", "licence", "what"], rows)
    lines += [f"{one['name']}: put it at {one['searched'][0]}" for one in found if not one["ready"]]
    emit({"datasets": found}, lines, as_json=as_json)
    return 0
