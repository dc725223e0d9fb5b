"""`simulate`: one file or Program, one dataset or array, one backend.

Axes: B sample, T step, I channel.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from typing_extensions import Unpack

from neurodeploy.backends.table import FIXED, RunOptions, backend_named, run_backend
from neurodeploy.backends.trace import Trace
from neurodeploy.data.event_arrays import events_inside
from neurodeploy.data.events import Events
from neurodeploy.data.stream import check_limit
from neurodeploy.errors import DataError
from neurodeploy.files import check_target
from neurodeploy.phrases import Phrase
from neurodeploy.pipeline import batches
from neurodeploy.pipeline.costs import counts_of
from neurodeploy.pipeline.graph_options import GraphKeywords, GraphOptions, takes_graph_options
from neurodeploy.pipeline.inputs import GraphSource, program_of, read_target
from neurodeploy.pipeline.samples import (
    Data,
    array_of,
    default_calibration,
    default_data,
    given,
    holds_pairs,
    on_host,
    pairs_of,
    samples_for,
)
from neurodeploy.pipeline.traces import write_traces
from neurodeploy.program.program import Program
from neurodeploy.progress import Progress, silent

if TYPE_CHECKING:
    from torch import Tensor
    from torch.utils.data import DataLoader, Dataset


@overload
def simulate(file: GraphSource, data: str | Path | None = ..., **options: Any) -> dict[str, Any]: ...


@overload
def simulate(
    file: GraphSource, data: np.ndarray | Tensor | Events | Dataset[Any] | DataLoader[Any], **options: Any
) -> Trace: ...


@takes_graph_options(GraphKeywords)  # type: ignore[misc]  # the overloads leave the options to this signature
def simulate(
    file: GraphSource,
    data: Data | None = None,
    *,
    backend: str = FIXED,
    limit: int | None = None,
    traces: str | Path | None = None,
    overwrite: bool = False,
    record: bool = False,
    probes: Sequence[str] = (),
    threads: int | None = None,
    engine: str | None = None,
    progress: Progress = silent,
    **graph: Unpack[GraphKeywords],
) -> dict[str, Any] | Trace:
    """Run a .nir file or a Program on data, or on spikes of your own.

    Data are read and run batch by batch, so they may be larger than the memory.

    Args:
        file: A .nir graph, a Program or its file, or a run folder, whose graph is taken.
        data: Dataset name or folder (its test part), or data file; or spikes of your own: an array or a torch tensor of
            any device, (samples, steps, channels) of 0 and 1, `Events`, tonic's arrays of events, or a torch Dataset
            or DataLoader of such samples. The recipe's dataset where None, of a run folder.
        backend: "reference" (float64), "fixed" (our integer simulator), "lava", or another of `backends.table`.
        limit: First samples only.
        traces: .npz file for every spike, current and potential on data.
        overwrite: Replace that file where there is one.
        record: Keep every spike, current and potential in the Trace, on spikes of your own.
        probes: Layers whose states are kept; all when empty. On spikes of your own they need no `record`.
        threads: CPU threads of "fixed"; all cores when None. Never changes the result.
        engine: Of "fixed": "auto", "native", "plain" or "torch". Never changes the result.
        progress: Hears how far the work is.
        graph: What the graph leaves open, see `GraphOptions`.

    Returns:
        On data: `backend`, `engine` (of our simulator, with the reason for a slower one), `accuracy`, `samples`,
        `steps`, `synops_per_sample`, `seconds` (of the simulation alone), `samples_per_second`, `traces`, with traces
        the `overflows` of their layers, and `data_notes`, what is to be said of the data, or of a silent output.
        On spikes of your own: the `Trace`, whose arrays are numpy's: `predictions_B`, `counts` of spikes by
        layer, `layers` with the recorded states.

    Raises:
        DataError: the spikes do not fit: another number of channels, values other than 0 and 1, an event
            before the start or outside the channels.
    """
    running = backend_named(backend)
    run_options = RunOptions((), threads, engine)
    running.check_options(run_options)
    running.check()
    if traces is not None:
        check_target(traces, overwrite, (file, data, *graph.values()))  # before long work
    options = GraphOptions(**graph)
    target = read_target(file, options, integer=running.integer)
    data = default_data(file, target, "simulate") if data is None else data
    named = str(data) if isinstance(data, str | Path) else None
    if named is not None and record:
        raise DataError("record: keeps the states on spikes of your own; on data give traces=, a file for them")
    if named is None and traces is not None:
        raise DataError("traces: are for data; on spikes of your own record=True keeps the states")
    if named is not None and probes and traces is None:
        raise DataError(Phrase("needs {traces:OUT}"), option="probes")
    if options.calibrate is None:
        options = replace(options, calibrate=default_calibration(data))
    read: Iterable[np.ndarray]
    if named is None:
        timed = isinstance(data, Events) or events_inside(data) is not None
        events = given(data, target, limit=limit).samples if timed else None
        target = program_of(target, options, progress) if running.integer else target
        run_options = replace(run_options, record=batches.recorded(target, record or bool(probes), probes))
        if events is None:
            check_limit(limit)
            spikes = pairs_of(data, limit)[0] if holds_pairs(data) else array_of(data)[:limit]
            running.load(target, run_options, progress)
            return run_backend(running, target, on_host(target, spikes), run_options, progress)
        read = (one.spikes_BTI for one in events.batches(batches.batch_size(events.n_steps, events.n_inputs)))
        runs = batches.run_batches(running, target, read, len(events), run_options, progress)
        return batches.together(runs, len(events))
    samples = samples_for(named, target, limit=limit)
    target = program_of(target, options, progress) if running.integer else target
    kept = batches.recorded(target, traces is not None, probes)
    run_options = replace(run_options, record=kept)
    batches.check_memory(target, kept, len(samples), samples.n_steps)
    read = (one.spikes_BTI for one in samples.batches(batches.batch_size(samples.n_steps, samples.n_inputs)))
    whole = traces is not None and not probes
    inputs: list[np.ndarray] = []
    counter = batches.counter_of(target)
    read = _noted(read, inputs) if whole else read
    runs = batches.run_batches(running, target, read, len(samples), run_options, progress)
    found = batches.summary(runs, len(samples), counter)
    if traces is not None:
        program = target if isinstance(target, Program) else None
        write_traces(traces, found.layers, program=program, spikes_BTI=np.concatenate(inputs) if whole else None)
    counts = counts_of(target, found.tally, counter)
    notes = list(samples.notes)
    if target.readout == "spikes" and not found.tally.spikes[target.output].any():
        notes.append(
            f"{target.output}: never spikes, so no class was found; check the time step, the weights and the data"
        )
    return {
        "backend": backend,
        "engine": found.engine or None,
        "accuracy": float((found.predictions_B == samples.labels_B).mean()),
        "samples": len(samples),
        "steps": counts.steps,
        "synops_per_sample": counts.synops_per_sample,
        "seconds": found.seconds,
        "samples_per_second": len(samples) / found.seconds,
        "traces": None if traces is None else str(traces),
        "overflows": found.overflows,
        "data_notes": notes,
    }


def _noted(read: Iterable[np.ndarray], into: list[np.ndarray]) -> Iterator[np.ndarray]:
    for spikes in read:
        into.append(spikes)
        yield spikes
