"""`neurodeploy frameworks`."""

from operator import itemgetter
from typing import Any

import typer

from neurodeploy.cli.verb import verb

app = typer.Typer(help="The frameworks that networks are read from and written for.", no_args_is_help=True)


def _lines(result: dict[str, Any]) -> list[str]:
    tested = result["tested"]
    lines = [f"{name:13}{version}" for name, version in result["versions"].items()]
    for name, version in result["versions"].items():
        if version != tested[name]:
            lines.append(f"note         {name} {version} is not the version tested with, {tested[name]}")
    lines += [f"{name:13}not installed; run: neurodeploy frameworks setup" for name in result["missing"]]
    return lines + [f"{name:13}{reason}" for name, reason in result["absent"].items()]


@app.command("setup")
@verb(_lines, call="frameworks_setup", passed=itemgetter("ready"))
def setup() -> None:
    """Install those that are missing, without the CUDA builds that their metadata asks for."""


@app.command("status")
@verb(_lines, call="frameworks_status")
def status() -> None:
    """Show which are installed, and which versions conversions were tested with."""
