"""`neurodeploy figure nir-paper`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurodeploy.cli.options import Json, Limit, words
from neurodeploy.cli.run import mode
from neurodeploy.cli.show import bars, emit, within


def figure_nir_paper(
    out: Annotated[
        Path, typer.Option(metavar="F", help="Picture to write: .png, .svg or .pdf; F.md and F.json beside it.")
    ] = Path("nir_paper.png"),
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the paper's files; found by itself by default.")
    ] = None,
    tasks: Annotated[str, typer.Option(metavar="T,T", help="Of lif, cnn and rnn, with commas.")] = "lif,cnn,rnn",
    backends: Annotated[
        str | None,
        typer.Option(metavar="B,B", help="Of reference, fixed, lava, snntorch, norse, spikingjelly; all by default."),
    ] = None,
    limit: Limit = None,
    lava_samples: Annotated[
        int | None,
        typer.Option(metavar="N", callback=within(1), help="Samples of each graph on Lava; by default 72 of N-MNIST."),
    ] = None,
    framework_samples: Annotated[
        int | None,
        typer.Option(metavar="N", callback=within(1), help="Likewise on snnTorch, Norse and SpikingJelly."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what an interrupted run left.")] = False,
    as_json: Json = False,
) -> int:
    """Run the NIR paper's three tasks on every backend, and write its table beside the paper's own numbers."""
    from neurodeploy.papers.nir.figure import nir_paper
    from neurodeploy.papers.nir.targets import BACKENDS

    with bars() as progress:
        result = nir_paper(
            out=out,
            data=data,
            tasks=words(tasks),
            backends=BACKENDS if backends is None else words(backends),
            limit=limit,
            lava_samples=lava_samples,
            framework_samples=framework_samples,
            mode=mode(resume, overwrite),
            progress=progress,
        )
    lines = Path(result["table"]).read_text(encoding="utf-8").splitlines()
    lines += ["", f"figure  {result['path']}", f"table   {result['table']}", f"data    {result['json']}"]
    emit(result, [*lines, f"took    {result['seconds']:.0f} s"], as_json=as_json)
    return 0
