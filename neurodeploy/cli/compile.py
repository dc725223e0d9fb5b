"""`neurodeploy compile`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from neurodeploy.cli.options import GRAPH
from neurodeploy.cli.show import noted, table
from neurodeploy.cli.verb import verb


def _lines(result: dict[str, Any]) -> list[str]:
    from neurodeploy.report.words import exponents

    layers = [
        [la["name"], str(la["neurons"]), _one(la["du"]), _one(la["dv"]), _one(la["vth"]), la["reset"]]
        for la in result["layers"]
    ]
    cells = [
        [la["name"], str(la["neurons"]), la["kind"], str(la["fraction_bits"]), f"{la['unit']:.0f}"]
        for la in result["cells"]
    ]
    connections = [
        [co["name"], f"{co['source']} -> {co['target']}", str(co["weight_bits"]), exponents(co["weight_exp"])]
        for co in result["connections"]
    ]
    return [
        f"precision: {result['precision']}",
        *table(["layer", "neurons", "du", "dv", "vth", "reset"], layers),
        *(table(["layer", "neurons", "kind", "coefficient bits", "a state of 1"], cells) if cells else []),
        *table(["connection", "from -> to", "bits", "exponent"], connections),
        *noted(result["notes"]),
        f"program: {result['path']}",
    ]


def _one(value: Any) -> str:
    return "per neuron" if isinstance(value, list) else str(value)


@verb(_lines, graph=GRAPH)
def compile(
    file: Annotated[Path, typer.Argument(help="A .nir graph, or a run folder.")],
    out: Annotated[Path, typer.Option(metavar="P", help="Program file to write (.npz).")],
) -> None:
    """NIR to an integer Program."""
