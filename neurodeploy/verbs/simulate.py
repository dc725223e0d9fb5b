"""`simulate`: one file or Program, one dataset or array, one backend.

Axes: B sample, T step, I channel.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from neurodeploy.backends.table import FIXED, Backend, RunOptions, backend_named, run_backend
from neurodeploy.backends.trace import Trace
from neurodeploy.data.binning import Counts
from neurodeploy.data.binning import counts_of as counts_of_events
from neurodeploy.data.events import Binned, Events
from neurodeploy.data.settings import binning_of
from neurodeploy.errors import DataError, GraphError
from neurodeploy.graph.network import Network
from neurodeploy.phrases import Phrase
from neurodeploy.pipeline.batches import (
    batch_size,
    check_memory,
    counter_of,
    recorded,
    run_batches,
    summary,
    together,
)
from neurodeploy.pipeline.counts import counts_of
from neurodeploy.pipeline.inputs import (
    GraphOptions,
    check_shape_unasked,
    compiled,
    default_calibration,
    is_program,
    read_network,
    samples_for,
)
from neurodeploy.pipeline.traces import write_traces
from neurodeploy.program.file import read_program
from neurodeploy.program.program import Program
from neurodeploy.progress import Progress, silent

if TYPE_CHECKING:
    from torch import Tensor


@overload
def simulate(
    file: str | Path | Program,
    data: str | Path,
    *,
    backend: str = ...,
    dt_s: float | None = ...,
    limit: int | None = ...,
    traces: str | Path | None = ...,
    probes: Sequence[str] = ...,
    threads: int | None = ...,
    engine: str | None = ...,
    weight_bits: int | None = ...,
    calibrate: str | None = ...,
    reset: str | None = ...,
    readout: str | None = ...,
    input_shape: tuple[int, ...] | None = ...,
    progress: Progress = ...,
) -> dict[str, Any]: ...


@overload
def simulate(
    file: str | Path | Program,
    data: np.ndarray | Tensor | Events,
    *,
    backend: str = ...,
    dt_s: float | None = ...,
    record: bool = ...,
    probes: Sequence[str] = ...,
    threads: int | None = ...,
    engine: str | None = ...,
    weight_bits: int | None = ...,
    calibrate: str | None = ...,
    reset: str | None = ...,
    readout: str | None = ...,
    input_shape: tuple[int, ...] | None = ...,
    progress: Progress = ...,
) -> Trace: ...


def simulate(
    file: str | Path | Program,
    data: str | Path | np.ndarray | Tensor | Events,
    *,
    backend: str = FIXED,
    dt_s: float | None = None,
    limit: int | None = None,
    traces: str | Path | None = None,
    record: bool = False,
    probes: Sequence[str] = (),
    threads: int | None = None,
    engine: str | None = None,
    weight_bits: int | None = None,
    calibrate: str | None = None,
    reset: str | None = None,
    readout: str | None = None,
    input_shape: tuple[int, ...] | None = None,
    progress: Progress = silent,
) -> dict[str, Any] | Trace:
    """Run a .nir file or a Program on data, or on spikes of your own.

    Data are read and run batch by batch, so they may be larger than the memory.

    Args:
        file: A .nir graph, a Program that `compile` wrote, or a `Program`.
        data: Dataset name (its test part) or data file; or spikes: an array or a torch tensor of any device,
            (samples, steps, channels) of 0 and 1, or `Events`.
        backend: "reference" (float64), "fixed" (our integer simulator) or "lava".
        dt_s: Time step of a .nir file that carries none, seconds.
        limit: First samples of data only.
        traces: .npz file for every spike, current and potential on data.
        record: Keep every spike, current and potential in the Trace, on spikes of your own.
        probes: Layers whose states are kept; all when empty. On spikes of your own they need no `record`.
        threads: Of "fixed"; all cores when None. Never changes the result.
        engine: Of "fixed": "auto", "native", "plain" or "torch". Never changes the result.
        calibrate: Where a float graph's precision is chosen; the dataset's training part when None.
        readout: What the class is read from, where the file does not say: "spikes", "v_last", "v_max" or "v_sum".
        input_shape: Axes of one step's input, where a .nir file leaves them out.

    Returns:
        On data: `backend`, `engine` (of our simulator, with the reason for a slower one), `accuracy`, `samples`,
        `steps`, `synops_per_sample`, `seconds` (of the simulation alone), `samples_per_second`, `traces`, with traces
        the `overflows` of their layers, and `data_notes`, what is to be said of the data beside the result.
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
    named = str(data) if isinstance(data, str | Path) else None
    if named is not None and record:
        raise DataError("record: keeps the states on spikes of your own; on data give traces=, a file for them")
    if named is None and (limit is not None or traces is not None):
        raise DataError("limit and traces: are for data; cut your own spikes, and record=True keeps the states")
    if named is not None and probes and traces is None:
        raise DataError(Phrase("needs {traces:OUT}"), option="probes")
    calibrate = calibrate or (default_calibration(named) if named else None)
    options = GraphOptions(dt_s, reset, weight_bits, calibrate, readout=readout, input_shape=input_shape)
    target = _target(file, running, options)
    if named is None:
        events = _events(target, data) if isinstance(data, Events) else None
        target = _ready(target, running, options, progress)
        run_options = replace(run_options, record=recorded(target, record or bool(probes), probes))
        return _on_spikes(target, running, data if events is None else events, run_options, progress)
    samples = samples_for(named, target, limit=limit)
    target = _ready(target, running, options, progress)
    kept = recorded(target, traces is not None, probes)
    run_options = replace(run_options, record=kept)
    check_memory(target, kept, len(samples), samples.n_steps)
    read = (one.spikes_BTI for one in samples.batches(batch_size(samples.n_steps, samples.n_inputs)))
    whole = traces is not None and not probes
    inputs: list[np.ndarray] = []
    batches = _noted(read, inputs) if whole else read
    counter = counter_of(target)
    found = summary(run_batches(running, target, batches, len(samples), run_options, progress), len(samples), counter)
    if traces is not None:
        program = target if isinstance(target, Program) else None
        write_traces(traces, found.layers, program=program, spikes_BTI=np.concatenate(inputs) if whole else None)
    counts = counts_of(target, found.tally, counter)
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
        "data_notes": list(samples.notes),
    }


def _noted(batches: Iterable[np.ndarray], into: list[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the batches, and keep each."""
    for spikes in batches:
        into.append(spikes)
        yield spikes


def _target(file: str | Path | Program, backend: Backend, options: GraphOptions) -> Network | Program:
    """Return the network in a .nir file, or the Program."""
    if not isinstance(file, Program) and not is_program(file):
        return read_network(file, options)
    name = file.name if isinstance(file, Program) else file
    if not backend.integer:
        raise GraphError(f"{name}: is an integer Program; the {backend.name} backend runs .nir files")
    if options.readout is not None:
        raise GraphError(
            "a Program carries its own readout", Phrase("leave {readout} out, or name the .nir file"), where=name
        )
    check_shape_unasked(name, options)
    return file if isinstance(file, Program) else read_program(file)


def _ready(target: Network | Program, backend: Backend, options: GraphOptions, progress: Progress) -> Network | Program:
    """Return what the backend runs."""
    if isinstance(target, Program) or not backend.integer:
        return target
    return compiled(target, options, progress)[0].program


def _events(target: Network | Program, events: Events) -> Binned | Counts:
    """Return events in the steps and channels that the network takes: by its own binning, where it carries one."""
    binning = binning_of(target.name, target.settings or {}) if isinstance(target, Network) else None
    if binning is not None and events.steps is None:
        return counts_of_events(events, binning, target.n_inputs)
    return events.binned(target.dt_s, target.n_inputs, counts=target.graded_input)


def _on_spikes(
    target: Network | Program, backend: Backend, data: Any, options: RunOptions, progress: Progress
) -> Trace:
    if isinstance(data, Binned | Counts):
        size, n_samples = batch_size(data.n_steps, data.n_channels), len(data)
        starts = range(0, n_samples, size)
        batches = data.read(np.arange(first, min(first + size, n_samples)) for first in starts)
        return together(run_batches(backend, target, batches, n_samples, options, progress), n_samples)
    spikes = _array(data)
    backend.load(target, options, progress)
    return run_backend(backend, target, spikes, options, progress)


def _array(values: Any) -> np.ndarray:
    """Return an array, from a torch tensor of any device, layout and type too."""
    if hasattr(values, "detach"):
        values = values.detach().to_dense().cpu()
        values = values.float() if str(values.dtype) == "torch.bfloat16" else values
    try:
        return np.asarray(values)
    except ValueError as error:
        raise DataError(f"spikes: are no array ({error}); give (samples, steps, channels), or Events") from None
