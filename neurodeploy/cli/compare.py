"""`neurodeploy compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from neurodeploy.cli.options import Replace
from neurodeploy.cli.show import noted, table
from neurodeploy.cli.verb import verb


def _lines(result: dict[str, Any]) -> list[str]:
    names = [run["name"] for run in result["runs"]]
    lines = table(["", *names], [[row["title"], *map(_cell, row["cells"])] for row in result["rows"]])
    lines += ["", f"* best of its row, where accuracies differ by more than chance; changes are against {names[0]}"]
    if result["settings"]:
        lines += ["", *table(["setting", *names], [[row["key"], *row["cells"]] for row in result["settings"]])]
    else:
        lines += ["", "settings: all equal"]
    lines += noted(result["notes"])
    return lines + ([f"page  {result['path']}"] if result["path"] else [])


def _cell(cell: dict[str, Any]) -> str:
    change = f" ({cell['change']})" if cell["change"] else ""
    return f"{cell['text']}{change}{' *' if cell['best'] else ''}"


@verb(_lines, call="compare_runs")
def compare(
    runs: Annotated[list[Path], typer.Argument(help="Run folders of finished runs; changes are against the first.")],
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the comparison as an HTML page.")] = None,
    overwrite: Replace = False,
) -> None:
    """Finished runs side by side: accuracy, costs, and the settings that differ."""
