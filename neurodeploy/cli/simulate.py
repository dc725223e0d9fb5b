"""`neurodeploy simulate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurodeploy.cli.show import (
    Bits,
    Calibrate,
    Dt,
    InputShape,
    Json,
    Limit,
    Readout,
    Reset,
    bars,
    emit,
    percent,
    sizes,
    within,
)
from neurodeploy.files import check_target


def register(app: typer.Typer) -> None:
    app.command("simulate")(simulate)


def simulate(
    file: Annotated[Path, typer.Argument(help="A .nir graph, or a Program.")],
    data: Annotated[str, typer.Option(help="Dataset (its test part), or a data file.")],
    backend: Annotated[str, typer.Option(help="reference, fixed or lava.")] = "fixed",
    dt: Dt = None,
    limit: Limit = None,
    traces: Annotated[Path | None, typer.Option(metavar="OUT", help="Write every state to this .npz.")] = None,
    probe: Annotated[
        list[str] | None, typer.Option(metavar="LAYER", help="Write the states of this layer only; may be repeated.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(metavar="N", callback=within(1), help="Threads of fixed; all cores by default.")
    ] = None,
    engine: Annotated[
        str | None, typer.Option(help="Of fixed: auto, native, plain or torch; all give the same.")
    ] = None,
    weight_bits: Bits = None,
    calibrate: Calibrate = None,
    reset: Reset = None,
    readout: Readout = None,
    input_shape: InputShape = None,
    as_json: Json = False,
) -> int:
    """Run a graph or a Program on data."""
    from neurodeploy.verbs.simulate import simulate as call

    if traces is not None:
        check_target(traces)
    with bars() as progress:
        result = call(
            file,
            data,
            backend=backend,
            dt_s=dt,
            limit=limit,
            traces=traces,
            probes=probe or (),
            threads=threads,
            engine=engine,
            weight_bits=weight_bits,
            calibrate=calibrate,
            reset=reset,
            readout=readout,
            input_shape=sizes(input_shape),
            progress=progress,
        )
    lines = [
        f"backend            {result['backend']}",
        f"accuracy           {percent(result['accuracy'])} of {result['samples']} samples, {result['steps']} steps",
        f"synops per sample  {result['synops_per_sample']:,.0f}",
        f"speed              {result['samples_per_second']:.4g} samples/s",
    ]
    lines += [f"note: the engine is {result['engine']}"] if "because" in (result["engine"] or "") else []
    lines += [f"note: {note}" for note in result["data_notes"]]
    emit(result, lines + ([f"traces             {traces}"] if traces else []), as_json=as_json)
    return 0
