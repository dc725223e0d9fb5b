"""`certify`: the conversion certificate of a .nir file, backend by backend."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neurodeploy.backends.table import FIXED, REFERENCE, ready_backends
from neurodeploy.errors import GraphError, MappingError
from neurodeploy.mapping.compile import Compiled
from neurodeploy.phrases import Phrase
from neurodeploy.pipeline.inputs import (
    GraphOptions,
    compiled,
    default_calibration,
    is_program,
    read_network,
    samples_for,
)
from neurodeploy.pipeline.stage_runs import certified
from neurodeploy.program.file import read_program
from neurodeploy.program.plan import Plan
from neurodeploy.program.program import Program
from neurodeploy.progress import Progress, silent


def certify(
    file: str | Path,
    data: str,
    *,
    backends: Sequence[str] = (REFERENCE, FIXED),
    dt_s: float | None = None,
    limit: int | None = None,
    reset: str | None = None,
    weight_bits: int | None = None,
    calibrate: str | None = None,
    program: str | Path | None = None,
    readout: str | None = None,
    input_shape: tuple[int, ...] | None = None,
    max_accuracy_drop: float | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Certify the conversion of a NIR graph to the chip's integers.

    Args:
        file: The .nir graph.
        data: Dataset name (its test part) or data file.
        backends: Of "reference", "fixed", "lava", in the order to compare them.
        limit: First samples only, on every backend.
        calibrate: Where a float graph's precision is chosen; the dataset's training part when None.
        readout: "spikes", "v_last", "v_max" or "v_sum", where the file does not say what the class is read from.
        input_shape: Axes of one step's input, where a .nir file leaves them out.
        program: A Program file to certify against the graph, instead of the one compiled from it.
        max_accuracy_drop: Allowed loss against the first stage, 0..1; 0.015 when None.

    Returns:
        The certificate (`certificate.certify.certificate`): `passed`, `failures`, `stages`,
        `bit_exact`; with `precision`, `notes`, `synops_per_sample` and `file`.
    """
    if is_program(file):
        raise GraphError(
            "is an integer Program", Phrase("name its .nir graph, and the Program with {program}"), where=file
        )
    ready_backends(backends)
    options = GraphOptions(
        dt_s, reset, weight_bits, calibrate or default_calibration(data), readout=readout, input_shape=input_shape
    )
    network = read_network(file, options)
    samples = samples_for(data, network, limit=limit)
    made, precision = compiled(network, options, progress)
    if program is not None:
        made, precision = _instead(made, read_program(program)), f"the Program in {program}"
    result = certified(backends, made, network, samples, samples.labels_B, max_accuracy_drop, progress)
    return result | {
        "file": str(file),
        "data": samples.name,
        "dt_s": network.dt_s,
        "precision": precision,
        "notes": [*samples.notes, *made.program.notes],
    }


def _instead(made: Compiled, program: Program) -> Compiled:
    """Return `made` with another Program of the same shape, to be held against the same graph."""
    wanted = [(layer.name, layer.n_neurons, layer.start) for layer in made.program.layers]
    found = [(layer.name, layer.n_neurons, layer.start) for layer in program.layers]
    if wanted != found or program.n_inputs != made.program.n_inputs:
        raise MappingError(
            f"was not compiled from this graph: its layers are {found}, the graph's {wanted}", option="program"
        )
    if not program.plan or Plan.from_dict(program.plan) != made.plan:
        raise MappingError(
            "was compiled with another precision than this graph gives now",
            "use the same calibration data and weight bits for both",
            option="program",
        )
    return Compiled(program, made.quantised, made.plan, on_grid=True)
