"""`convert`: networks from one file format to another, NIR, lava-dl and our Programs."""

import os
from pathlib import Path
from typing import Any

import nir
from typing_extensions import Unpack

from neurodeploy.backends.lava.environment import check_ready
from neurodeploy.errors import GraphError, nearest
from neurodeploy.files import check_target
from neurodeploy.formats.lava_dl.hdf5 import is_net
from neurodeploy.formats.lava_dl.read import read_net
from neurodeploy.formats.lava_dl.write import net_plan, write_net
from neurodeploy.formats.nir_to_program import carried_program
from neurodeploy.formats.program_to_nir import losses, program_graph
from neurodeploy.graph.files import read_graph, write_graph
from neurodeploy.graph.network import discretised
from neurodeploy.graph.normal import normalised
from neurodeploy.mapping.compile import compile_network
from neurodeploy.pipeline.graph_options import GraphKeywords, GraphOptions, takes_graph_options
from neurodeploy.pipeline.inputs import GraphSource, compiled, is_program, nir_file
from neurodeploy.pipeline.netx import check_net
from neurodeploy.program.file import read_program, write_program
from neurodeploy.program.program import Program
from neurodeploy.progress import Progress, silent

NIR, NET, PROGRAM = ".nir", ".net", ".npz"
FORMATS = (NIR, NET, PROGRAM)
NAMES = {NIR: "NIR graph", NET: "lava-dl network", PROGRAM: "integer Program"}


@takes_graph_options(GraphKeywords)
def convert(
    file: GraphSource,
    *,
    out: str | Path,
    overwrite: bool = False,
    reset_interval: int | None = None,
    reset_offset: int = 0,
    check: bool = False,
    progress: Progress = silent,
    **graph: Unpack[GraphKeywords],
) -> dict[str, Any]:
    """Convert a network from one file format to another.

    A NIR graph is written again with the time step, reset rules and readout in its metadata; one that is to
    become a `.net` or `.npz` is compiled first. A `.net` and a Program keep every integer: in NIR they are
    standard nodes with the chip's numbers in the metadata, which come back as the same Program.

    Args:
        file: A .nir graph, a lava-dl .net network, a Program or its file (.npz), or a run folder, whose graph is taken.
        out: The .nir, .net or .npz file to write.
        overwrite: Replace it where there is one.
        reset_interval, reset_offset: Of a .net file, as lava-dl's netx takes them: states are cleared every
            so many steps.
        check: Run the .net files in lava-dl's own netx, in Lava's environment, and the Program in our simulator.
        progress: Hears how far the work is.
        graph: What the graph leaves open, see `GraphOptions`; of a .net file its time step, 1 ms when None, and input
            shape: channels, rows and columns.

    Returns:
        `path`, `from` and `to` (formats), `program` (digest, None where a graph stays one), `warnings` (what is
        to be known of the result, one sentence each), `check` (None, or for each .net file what
        `pipeline.netx.check_net` found).

    Raises:
        GraphError: the file is damaged, or of no such format.
        ProgramError: the format of `out` cannot say what the Program does.
        LavaError: there is no environment to check in, or netx refuses the file.
    """
    target = Path(out).suffix
    if target not in FORMATS:
        raise GraphError(f"{out}: is to become {target or 'no suffix'!r}; {nearest(target, FORMATS)}")
    check_target(out, overwrite, (file, *graph.values()))
    source, options = NIR, GraphOptions(**graph)
    if isinstance(file, Program) or is_program(file):
        source = PROGRAM
    elif not os.path.isdir(file) and is_net(file):
        source = NET
    if check:
        if NET not in (source, target):
            reason = "runs .net files in lava-dl's netx, and neither file is one"
            raise GraphError(reason, "leave it out", option="check")
        check_ready()
    clears = None if reset_interval is None and not reset_offset else True
    taken = {NIR: tuple(graph), NET: ("dt_s", "input_shape", "reset_interval"), PROGRAM: ()}[source]
    for key, value in {**graph, "reset_interval": clears}.items():
        if value is not None and key not in taken:  # it would do nothing
            raise GraphError(f"does nothing for {NAMES[source]}s, which carry their own", "leave it out", option=key)
    warnings: list[str] = []
    made: Program | nir.NIRGraph
    if source == PROGRAM:
        made = file if isinstance(file, Program) else read_program(file)
    elif source == NET:
        assert not isinstance(file, Program)
        shape = options.input_shape
        if shape is not None and len(shape) != 3:
            raise GraphError(f"found {shape}", "give channels, rows and columns", option="input_shape")
        entering = None if shape is None else (shape[0], shape[1], shape[2])
        made = read_net(
            file, dt_s=options.dt_s, reset_interval=reset_interval, reset_offset=reset_offset, input_shape=entering
        )
    else:
        made, warnings = _of_graph(file, target, options.check(), progress)
    if isinstance(made, Program):
        warnings += [*made.notes, *_write(out, target, made)]
    else:
        write_graph(out, made)
    nets = [str(path) for path, kind in ((file, source), (out, target)) if check and kind == NET]
    return {
        "path": str(out),
        "from": NAMES[source],
        "to": NAMES[target],
        "program": made.digest if isinstance(made, Program) else None,
        "warnings": warnings,
        "check": {path: check_net(path, made, progress=progress) for path in nets} if check else None,
    }


def _of_graph(
    file: GraphSource, target: str, options: GraphOptions, progress: Progress
) -> tuple[Program | nir.NIRGraph, list[str]]:
    """Return what is to be written of a graph, and what was assumed on the way."""
    graph = read_graph(nir_file(file), input_shape=options.input_shape)
    carried = carried_program(graph)
    if carried is not None:
        return carried, []
    network = discretised(graph, dt_s=options.dt_s, reset=options.reset, readout=options.readout)
    if target == NIR:
        return normalised(graph, network), list(network.notes)
    if target == NET and not network.quantised and options.weight_bits is None and options.calibrate is None:
        return compile_network(network, plan=net_plan(network)).program, [
            "compiled without exponents, which a .net file does not have: 8-bit weights by their size alone"
        ]
    made, precision, _ = compiled(network, options, progress)
    return made.program, [f"compiled with {precision}"]


def _write(out: str | Path, target: str, program: Program) -> list[str]:
    if target == NET:
        return write_net(out, program)
    if target == NIR:
        write_graph(out, program_graph(program))
        return losses(program)
    write_program(out, program)
    return []
