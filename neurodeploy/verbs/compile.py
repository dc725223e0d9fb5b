"""`compile`: a .nir file to an integer Program."""

from pathlib import Path
from typing import Any

from typing_extensions import Unpack

from neurodeploy.files import check_target
from neurodeploy.pipeline.graph_options import GraphKeywords, GraphOptions, takes_graph_options
from neurodeploy.pipeline.inputs import GraphSource, as_deployed, compiled, read_network
from neurodeploy.program.dynamics import DynamicsLayer
from neurodeploy.program.file import write_program
from neurodeploy.program.layer import Layer
from neurodeploy.program.plan import LOW_HALF
from neurodeploy.program.program import Program
from neurodeploy.progress import Progress, silent
from neurodeploy.quantize.grid import MAX_WEIGHT_BITS


@takes_graph_options(GraphKeywords)
def compile(
    file: GraphSource,
    *,
    out: str | Path,
    overwrite: bool = False,
    progress: Progress = silent,
    **graph: Unpack[GraphKeywords],
) -> dict[str, Any]:
    """Compile a NIR graph to an integer Program.

    Args:
        file: The .nir file, or a run folder, whose graph is taken.
        out: The Program file (.npz) to write.
        overwrite: Replace it where there is one.
        progress: Hears how far the work is.
        graph: What the graph leaves open, see `GraphOptions`.

    Returns:
        `layers`, `cells` (layers of neurons that are equations), `connections`, `path`, `program` (digest), `dt_s`,
        `precision`, `calibration` (see `backends.search.Choice`; null without), `notes`.
    """
    check_target(out, overwrite, (file, *graph.values()))  # before long work
    options = as_deployed(file, GraphOptions(**graph))[0]
    network = read_network(file, options)
    made, precision, calibration = compiled(network, options, progress)
    write_program(out, made.program)
    return described(made.program) | {"path": str(out), "precision": precision, "calibration": calibration}


def described(program: Program) -> dict[str, Any]:
    """Return what a Program holds, as plain values for JSON."""
    bits = program.plan["connections"]
    return {
        "program": program.digest,
        "chip": program.chip,
        "dt_s": program.dt_s,
        "inputs": program.n_inputs,
        "layers": [
            {
                "name": layer.name,
                "neurons": layer.n_neurons,
                "du": _shared(layer.du),
                "dv": _shared(layer.dv),
                "vth": _shared(layer.vth),
                "bias_exp": layer.bias_exp,
                "reset": layer.reset,
                "start": layer.start,
            }
            for layer in program.layers
            if isinstance(layer, Layer)
        ],
        "cells": [
            {
                "name": layer.name,
                "neurons": layer.n_neurons,
                "kind": layer.kind,
                "fraction_bits": layer.fraction_bits,
                "unit": float(layer.v_per_unit[0]),
                "start": layer.start,
            }
            for layer in program.layers
            if isinstance(layer, DynamicsLayer)
        ],
        "connections": [
            {
                "name": one.name,
                "source": one.source,
                "target": one.target,
                "shape": list(one.weight.shape),
                "weight_bits": min(bits[one.name.removesuffix(LOW_HALF)]["weight_bits"], MAX_WEIGHT_BITS),
                "weight_exp": one.weight_exp.tolist(),
            }
            for one in program.connections
        ],
        "notes": list(program.notes),
    }


def _shared(values: Any) -> int | list[int]:
    return int(values[0]) if (values == values[0]).all() else values.tolist()
