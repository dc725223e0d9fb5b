"""`fit`: does a network fit a chip, on how many cores, what decides that, and what would take fewer."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from typing_extensions import Unpack

from neurodeploy.errors import RunError
from neurodeploy.hardware.chips import chip_named
from neurodeploy.mapping.placement.advice import fit_of
from neurodeploy.mapping.placement.placement import described
from neurodeploy.pipeline.graph_options import GraphKeywords, GraphOptions, takes_graph_options
from neurodeploy.pipeline.inputs import GraphSource, path_of, program_of, read_target
from neurodeploy.program.program import Program
from neurodeploy.progress import Progress, silent


@takes_graph_options(GraphKeywords)
def fit(
    file: GraphSource,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    advise: bool = True,
    progress: Progress = silent,
    **graph: Unpack[GraphKeywords],
) -> dict[str, Any]:
    """Place a network on a chip.

    Args:
        file: A Program, its file, a .nir graph, which is compiled first, or a run folder, whose Program is taken.
        out: Picture of the cores to write: .svg, .png or .pdf. A network that does not fit has none.
        overwrite: Replace the picture where there is one.
        advise: Also look for what would take fewer cores: some ten more placements.
        progress: Hears how far the work is.
        graph: What the graph leaves open, see `GraphOptions`.

    Returns:
        What `mapping.placement.placement.described` returns, and `path` (the picture, or None).

    Raises:
        ChipError: the chip is unknown, or its file lacks a limit.
        GraphError, ProgramError: the file is unreadable.
        RunError: the folder holds no Program, or the picture cannot be written.
    """
    options = GraphOptions(**graph)
    found = chip_named(options.chip, program=True)
    if out is not None:
        from neurodeploy.report.printed import check_picture

        check_picture(out, overwrite)
    if not isinstance(file, Program) and os.path.isdir(path_of(file)):
        path = Path(file) / "program.npz"
        if not path.exists():
            raise RunError(f"{file}: has no program.npz; name a finished run, a Program or a .nir file")
        file = path  # its chip's integers already
    options = replace(options, chip=found)
    program = program_of(read_target(file, options), options, progress)
    placed = fit_of(program, found, advise=advise)
    result = described(placed) | {"path": None}
    if out is not None and placed.fits:
        from neurodeploy.report.printed import save_picture
        from neurodeploy.report.utilisation import draw_utilisation

        save_picture(draw_utilisation(result), out)
        result["path"] = str(out)
    return result
