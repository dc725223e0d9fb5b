"""`neurodeploy lava`."""

from operator import itemgetter
from typing import Annotated, Any

import typer
from typer import Option

from neurodeploy.cli.verb import verb

app = typer.Typer(help="Lava's environment: Python 3.10 beside this one.", no_args_is_help=True)


def _lines(result: dict[str, Any]) -> list[str]:
    if not result["ready"]:
        return [f"not ready: {result['reason']}"]
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    return [f"ready ({result['how']})", f"python    {result['python']}", f"versions  {versions}"]


@app.command("setup")
@verb(_lines, call="lava_setup", passed=itemgetter("ready"))
def setup(
    python: Annotated[str | None, Option(metavar="PATH", help="A Python 3.10; looked for by default.")] = None,
) -> None:
    """Make the environment that runs Lava 0.10.0; a ready one is left as it is."""


@app.command("status")
@verb(_lines, call="lava_status")
def status() -> None:
    """Show whether Lava can run, and with which versions."""
