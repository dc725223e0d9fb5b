"""`certify`: the conversion certificate of a .nir file, backend by backend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from typing_extensions import Unpack

from neurodeploy.backends.table import FIXED, REFERENCE, ready_backends
from neurodeploy.certificate.fields import FieldDifference, different_fields
from neurodeploy.errors import GraphError, MappingError
from neurodeploy.mapping.compile import Compiled
from neurodeploy.phrases import Phrase
from neurodeploy.pipeline.graph_options import GraphKeywords, GraphOptions, takes_graph_options
from neurodeploy.pipeline.inputs import GraphSource, as_deployed, compiled, is_program, read_network
from neurodeploy.pipeline.samples import Data, default_calibration, default_data, given, labels_of
from neurodeploy.pipeline.stage_runs import certified
from neurodeploy.program.file import read_program
from neurodeploy.program.plan import Plan
from neurodeploy.program.program import Program
from neurodeploy.progress import Progress, silent

OWN_CLASSES = "the classes of the first backend itself: accuracy is how many of them stay the same"


@takes_graph_options(GraphKeywords)
def certify(
    file: GraphSource,
    data: Data | None = None,
    *,
    backends: Sequence[str] = (REFERENCE, FIXED),
    limit: int | None = None,
    labels: Any = None,
    program: str | Path | Program | None = None,
    max_accuracy_drop: float | None = None,
    progress: Progress = silent,
    **graph: Unpack[GraphKeywords],
) -> dict[str, Any]:
    """Certify the conversion of a NIR graph to the chip's integers.

    Args:
        file: A .nir graph, or a run folder, whose graph is taken.
        data: What to run, see `pipeline.samples.given`: a dataset's name (its test part), a file, spikes, `Events`, a
            torch Dataset or DataLoader. The recipe's dataset where None, of a run folder.
        backends: Names of backends, of "reference", "fixed", "lava", in the order to compare them.
        limit: First samples only, on every backend.
        labels: Classes (B,) of spikes of your own; where None, the first backend's own classes stand for them.
        program: A Program or its file to certify against the graph, instead of the one compiled from it; that of the
            folder where `deploy` saved it.
        max_accuracy_drop: Allowed loss against the first stage, 0..1; 0.015 when None.
        progress: Hears how far the work is.
        graph: What the graph leaves open, see `GraphOptions`.

    Returns:
        The certificate (`certificate.certify.certificate`): `passed`, `failures`, `stages`,
        `bit_exact`; with `precision`, `calibration` (`backends.search.Choice`; null without), `notes`,
        `synops_per_sample` and `file`.

    Raises:
        GraphError: the file is a Program: it has no graph to be held against.
        DataError: the data are absent or do not fit, or labels are not one class of the network for each sample.
    """
    if isinstance(file, Program) or is_program(file):
        name = file.name if isinstance(file, Program) else file
        raise GraphError(
            "is an integer Program", Phrase("name its .nir graph, and the Program with {program}"), where=name
        )
    ready_backends(backends)
    options, deployed = as_deployed(file, GraphOptions(**graph))
    program = deployed if program is None else program
    network = read_network(file, options)
    data = default_data(file, network, "certify") if data is None else data
    if options.calibrate is None:
        options = replace(options, calibrate=default_calibration(data))
    found = given(data, network, limit=limit)
    labels = found.labels_B if labels is None else labels_of(labels[:limit], len(found.samples), network)
    made, precision, calibration = compiled(network, options, progress)
    differing: list[FieldDifference] = []
    if program is not None:
        which = program.name if isinstance(program, Program) else program
        program = program if isinstance(program, Program) else read_program(program)
        differing = _checked(program, made)
        made, precision = Compiled(program, made.quantised, made.plan, on_grid=True), f"the Program in {which}"
    result = certified(backends, made, network, found.samples, labels, max_accuracy_drop, progress, differing)
    own = [] if labels is not None else [f"no labels were given, so they are {OWN_CLASSES}"]
    return result | {
        "file": str(file),
        "data": found.name,
        "dt_s": network.dt_s,
        "precision": precision,
        "calibration": calibration,
        "notes": [*found.samples.notes, *own, *made.program.notes],
    }


def _checked(program: Program, made: Compiled) -> list[FieldDifference]:
    """Return every field in which a Program is not what its graph compiles to; refuse one of another graph."""
    wanted = [(layer.name, layer.n_neurons) for layer in made.program.layers]
    found = [(layer.name, layer.n_neurons) for layer in program.layers]
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
    return different_fields(program, made.program)
