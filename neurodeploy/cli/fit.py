"""`neurodeploy fit`."""

from __future__ import annotations

from operator import itemgetter
from pathlib import Path
from typing import Annotated, Any

import typer

from neurodeploy.cli.options import GRAPH
from neurodeploy.cli.show import noted, percent, table
from neurodeploy.cli.verb import verb


def _lines(result: dict[str, Any]) -> list[str]:
    said = []
    if result["fits"]:
        chips = "1 chip" if result["chips"] == 1 else f"{result['chips']} chips"
        said += [f"fits {result['chip']}: {result['cores']} cores on {chips}"]
        said += [f"binding limit  {result['binding_limit']['message']}", ""]
        rows = [
            [
                one["name"],
                str(one["neurons"]),
                str(one["cores"]),
                one["binding"].removesuffix("_per_core").replace("_", " "),
                percent(one["utilisation"][one["binding"]]),
                ", ".join(f"{name}: {how}, {one['weight_bits'][name]} bits" for name, how in one["encoding"].items()),
            ]
            for one in result["layers"]
        ]
        said += table(["layer", "neurons", "cores", "binding", "fullest", "stored"], rows)
    else:
        said += [f"does not fit {result['chip']}: {problem}" for problem in result["problems"]]
    if result["advice"]:
        said += ["", "what would take less (tried and placed; only exact changes keep what the network does):"]
        said += [f"  {one['effect']}{'  (exact)' if one['exact'] else ''}" for one in result["advice"]]
    said += noted(result["notes"])
    return said + ([f"map: {result['path']}"] if result["path"] else [])


@verb(_lines, passed=itemgetter("fits"), graph=GRAPH, quiet=True)
def fit(
    file: Annotated[Path, typer.Argument(help="A Program, a .nir graph or a run folder.")],
    out: Annotated[
        Path | None, typer.Option(metavar="PICTURE", help="Map of the cores to write: .svg, .png or .pdf.")
    ] = None,
) -> None:
    """Does it fit a chip, on how many cores, and what would take fewer; exit status 1 when it does not fit."""
