"""`neurodeploy compile`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from neurodeploy.cli.show import Bits, Calibrate, Dt, InputShape, Json, Readout, Reset, bars, emit, sizes, table
from neurodeploy.files import check_target


def register(app: typer.Typer) -> None:
    app.command("compile")(compile)


def compile(
    file: Annotated[Path, typer.Argument(help="A .nir graph.")],
    out: Annotated[Path, typer.Option(metavar="P", help="Program file to write (.npz).")],
    chip: Annotated[str, typer.Option(help="loihi2, loihi1, or a chip file (.toml).")] = "loihi2",
    dt: Dt = None,
    calibrate: Calibrate = None,
    weight_bits: Bits = None,
    reset: Reset = None,
    readout: Readout = None,
    input_shape: InputShape = None,
    as_json: Json = False,
) -> int:
    """NIR to an integer Program."""
    from neurodeploy.report.words import exponents
    from neurodeploy.verbs.compile import compile as call

    check_target(out)
    with bars() as progress:
        result = call(
            file,
            out,
            chip=chip,
            dt_s=dt,
            calibrate=calibrate,
            weight_bits=weight_bits,
            reset=reset,
            readout=readout,
            input_shape=sizes(input_shape),
            progress=progress,
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
        *[f"note: {note}" for note in result["notes"]],
        f"program: {result['path']}",
    ]
    emit(result, lines, as_json=as_json)
    return 0


def _one(value: Any) -> str:
    return "per neuron" if isinstance(value, list) else str(value)
