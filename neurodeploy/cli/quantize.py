"""`neurodeploy quantize`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurodeploy.cli.options import Bits, Json
from neurodeploy.cli.show import bars, emit, percent


def quantize(
    run: Annotated[Path, typer.Argument(help="Run folder with a trained network.")],
    method: Annotated[str | None, typer.Option(help="ptq or qat, instead of the recipe's.")] = None,
    weight_bits: Bits = None,
    as_json: Json = False,
) -> int:
    """Put a run's trained network on the chip's grid, with or without fine-tuning."""
    if method not in (None, "ptq", "qat"):
        raise typer.BadParameter(f"--method: found {method!r}, ptq or qat is allowed")
    from neurodeploy.verbs.quantize import quantize_run as call

    with bars() as progress:
        result = call(run, method=method, weight_bits=weight_bits, progress=progress)
    accuracy = result["accuracy"]
    lines = [
        f"accuracy    {percent(accuracy['ptq'])} after calibration, {percent(accuracy['quantised'])} in the end (test)",
        f"checkpoint  {result['path']}",
    ]
    emit(result, lines, as_json=as_json)
    return 0
