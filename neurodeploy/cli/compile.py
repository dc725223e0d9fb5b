"""`neurodeploy compile`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from neurodeploy.cli.options import Graph, Json, graph_options
from neurodeploy.cli.show import bars, emit, noted, table
from neurodeploy.files import check_target


@graph_options()
def compile(
    file: Annotated[Path, typer.Argument(help="A .nir graph, or a run folder.")],
    out: Annotated[Path, typer.Option(metavar="P", help="Program file to write (.npz).")],
    graph: Graph = None,
    as_json: Json = False,
) -> int:
    """NIR to an integer Program."""
    from neurodeploy.report.words import exponents
    from neurodeploy.verbs.compile import compile as call

    check_target(out)
    with bars() as progress:
        result = call(
            file,
            out=out,
            progress=progress,
            **graph or {},
        )
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
    lines = [
        f"precision: {result['precision']}",
        *table(["layer", "neurons", "du", "dv", "vth", "reset"], layers),
        *(table(["layer", "neurons", "kind", "coefficient bits", "a state of 1"], cells) if cells else []),
        *table(["connection", "from -> to", "bits", "exponent"], connections),
        *noted(result["notes"]),
        f"program: {result['path']}",
    ]
    emit(result, lines, as_json=as_json)
    return 0


def _one(value: Any) -> str:
    return "per neuron" if isinstance(value, list) else str(value)
