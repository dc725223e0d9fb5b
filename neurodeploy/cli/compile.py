"""`neurodeploy compile` and `convert`: a network in another form."""

from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from neurodeploy.cli.options import GRAPH, Replace, counted
from neurodeploy.cli.show import noted, table
from neurodeploy.cli.verb import verb


def _compiled(result: dict[str, Any]) -> list[str]:
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


@verb(_compiled, graph=GRAPH)
def compile(
    file: Annotated[Path, Argument(help="A .nir graph, or a run folder.")],
    out: Annotated[Path, Option(metavar="P", help="Program file to write (.npz).")],
    overwrite: Replace = False,
) -> None:
    """NIR to an integer Program."""


def _converted(result: dict[str, Any]) -> list[str]:
    return [
        f"{result['from']} -> {result['to']}",
        *noted(result["warnings"]),
        f"file: {result['path']}",
        *(f"check: {path}: {one['line']}" for path, one in (result["check"] or {}).items()),
    ]


def _equal(result: dict[str, Any]) -> bool:
    return all(one["equal"] for one in (result["check"] or {}).values())


@verb(_converted, passed=_equal, graph=GRAPH)
def convert(
    file: Annotated[Path, Argument(help="A .nir graph, a lava-dl .net network, or a Program (.npz).")],
    out: Annotated[Path, Argument(help="File to write: .nir, .net or .npz.")],
    reset_interval: Annotated[int | None, counted(".net files: clear the states every N steps, as netx.")] = None,
    reset_offset: Annotated[int, Option(metavar="N", help=".net files: steps until the first clearing.")] = 0,
    check: Annotated[
        bool, Option("--check", help="Run the .net in lava-dl's netx too; exit status 1 where a spike differs.")
    ] = False,
    overwrite: Replace = False,
) -> None:
    """A network from one file format to another: NIR, lava-dl, Program."""
