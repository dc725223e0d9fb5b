"""`neurodeploy characterize`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from neurodeploy.cli.options import Json
from neurodeploy.cli.show import emit, noted, percent, table
from neurodeploy.files import check_target


def characterize(
    runs: Annotated[Path, typer.Argument(help="CSV: name, energy_j, synops, neuron_updates, ... of measured runs.")],
    chip: Annotated[str, typer.Option(help="A chip, or a chip file: whose limits the new file has.")] = "loihi2",
    out: Annotated[Path | None, typer.Option(metavar="C.toml", help="Chip file to write.")] = None,
    as_json: Json = False,
) -> int:
    """Fit a chip's energy per operation to measured runs."""
    from neurodeploy.verbs.characterize import characterize as call

    if out is not None:
        check_target(out)
    result = call(runs, chip=chip, out=out)
    terms = [
        [one["term"], one["written"], f"{one['low']:.3g}", f"{one['high']:.3g}", one["unit"]] for one in result["terms"]
    ]
    rows = [
        [one["name"], f"{one['energy_j']:.3g}", f"{one['fitted_j']:.3g}", _signed(one["left_out_error"]), _base(one)]
        for one in result["runs"]
    ]
    left = result["leave_one_out"]
    lines = [
        *table(["price", "fitted", "low", "high", "unit"], terms),
        *table(["run", "measured, J", "fitted, J", "left out", f"{result['base']}'s band"], rows),
        f"error of the fit     {_errors(result['fit_error'])}",
        f"leave-one-out error  {_errors(left) if left else 'none'}",
        *noted(result["notes"]),
        *([f"chip: {result['path']}"] if result["path"] else []),
    ]
    emit(result, lines, as_json=as_json)
    return 0


def _errors(found: dict[str, float]) -> str:
    return f"{percent(found['mean'])} in the mean, {percent(found['max'])} at most"


def _signed(error: float | None) -> str:
    return "-" if error is None else f"{100 * error:+.2g} %"


def _base(run: dict[str, Any]) -> str:
    if run["base"] is None:
        return "-"
    return "holds it" if run["base"]["holds"] else f"{run['base']['low']:.3g} to {run['base']['high']:.3g}"
