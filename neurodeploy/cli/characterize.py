"""`neurodeploy characterize`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from neurodeploy.cli.show import noted, percent, table
from neurodeploy.cli.verb import verb


def _lines(result: dict[str, Any]) -> list[str]:
    terms = [
        [one["term"], one["written"], f"{one['low']:.3g}", f"{one['high']:.3g}", one["unit"]] for one in result["terms"]
    ]
    rows = [
        [one["name"], f"{one['energy_j']:.3g}", f"{one['fitted_j']:.3g}", _signed(one["left_out_error"]), _base(one)]
        for one in result["runs"]
    ]
    left = result["leave_one_out"]
    return [
        *table(["price", "fitted", "low", "high", "unit"], terms),
        *table(["run", "measured, J", "fitted, J", "left out", f"{result['base']}'s band"], rows),
        f"error of the fit     {_errors(result['fit_error'])}",
        f"leave-one-out error  {_errors(left) if left else 'none'}",
        *noted(result["notes"]),
        *([f"chip: {result['path']}"] if result["path"] else []),
    ]


def _errors(found: dict[str, float]) -> str:
    return f"{percent(found['mean'])} in the mean, {percent(found['max'])} at most"


def _signed(error: float | None) -> str:
    return "-" if error is None else f"{100 * error:+.2g} %"


def _base(run: dict[str, Any]) -> str:
    if run["base"] is None:
        return "-"
    return "holds it" if run["base"]["holds"] else f"{run['base']['low']:.3g} to {run['base']['high']:.3g}"


@verb(_lines)
def characterize(
    runs: Annotated[Path, typer.Argument(help="CSV: name, energy_j, synops, neuron_updates, ... of measured runs.")],
    chip: Annotated[str, typer.Option(help="A chip, or a chip file: whose limits the new file has.")] = "loihi2",
    out: Annotated[Path | None, typer.Option(metavar="C.toml", help="Chip file to write.")] = None,
) -> None:
    """Fit a chip's energy per operation to measured runs."""
