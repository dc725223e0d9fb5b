"""`neurodeploy lava`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from neurodeploy.cli.options import Json
from neurodeploy.cli.show import bars, emit

app = typer.Typer(help="Lava's environment: Python 3.10 beside this one.", no_args_is_help=True)


@app.command("setup")
def setup(
    python: Annotated[str | None, typer.Option(metavar="PATH", help="A Python 3.10; looked for by default.")] = None,
    as_json: Json = False,
) -> int:
    """Make the environment that runs Lava 0.10.0; a ready one is left as it is."""
    from neurodeploy.verbs.lava import lava_setup

    with bars() as progress:
        result = lava_setup(python, progress=progress)
    emit(result, _lines(result), as_json=as_json)
    return 0 if result["ready"] else 1


@app.command("status")
def status(as_json: Json = False) -> int:
    """Show whether Lava can run, and with which versions."""
    from neurodeploy.verbs.lava import lava_status

    result = lava_status()
    emit(result, _lines(result), as_json=as_json)
    return 0


def _lines(result: dict[str, Any]) -> list[str]:
    if not result["ready"]:
        return [f"not ready: {result['reason']}"]
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    return [f"ready ({result['how']})", f"python    {result['python']}", f"versions  {versions}"]
