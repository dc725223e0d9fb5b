"""`simulate`: one file, one dataset, one backend."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from neurodeploy.accounting.synops import count
from neurodeploy.backends import fixed, reference
from neurodeploy.backends.lava import client as lava
from neurodeploy.backends.lava.environment import check_ready
from neurodeploy.backends.trace import Trace
from neurodeploy.certificate.certify import BACKENDS, FIXED, LAVA, REFERENCE
from neurodeploy.errors import GraphError, nearest
from neurodeploy.files import written_whole
from neurodeploy.graph.network import Network
from neurodeploy.mapping.program import Program
from neurodeploy.mapping.program_file import read_program
from neurodeploy.pipeline.inputs import (
    GraphOptions,
    compiled,
    data_for,
    default_calibration,
    is_program,
    read_network,
)
from neurodeploy.progress import Progress, silent


def simulate(
    file: str | Path,
    data: str,
    *,
    backend: str = FIXED,
    dt_s: float | None = None,
    limit: int | None = None,
    traces: str | Path | None = None,
    weight_bits: int | None = None,
    calibrate: str | None = None,
    reset: str | None = None,
    readout: str | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Run a .nir file or a Program on data.

    Args:
        file: A .nir graph, or a Program that `compile` wrote.
        data: Dataset name (its test part) or data file.
        backend: "reference" (float64), "fixed" (our integer simulator) or "lava".
        limit: First samples only.
        traces: .npz file for every spike, current and potential.
        calibrate: Where a float graph's precision is chosen; the dataset's training part when None.
        readout: What the class is read from, where the file does not say: "spikes", "v_last", "v_max" or "v_sum".

    Returns:
        `backend`, `accuracy`, `samples`, `steps`, `synops_per_sample`, `seconds` (of the simulation
        alone), `samples_per_second`, `traces`.
    """
    if backend not in BACKENDS:
        raise GraphError(f"--backend: {backend!r} is unknown; {nearest(backend, BACKENDS)}")
    if backend == LAVA:
        check_ready()
    options = GraphOptions(dt_s, reset, weight_bits, calibrate or default_calibration(data), readout=readout)
    target: Network | Program
    if is_program(file):
        if backend == REFERENCE:
            raise GraphError(f"{file}: is an integer Program; the reference backend runs .nir files")
        if readout is not None:
            raise GraphError(f"{file}: a Program carries its own readout; leave --readout out, or name the .nir file")
        target = read_program(file)
    else:
        target = read_network(file, options)
    samples = data_for(data, target, limit=limit)
    if isinstance(target, Network) and backend != REFERENCE:
        target = compiled(target, options, progress)[0].program
    record = traces is not None
    trace = run_backend(backend, target, samples.spikes_BTI, record=record, progress=progress)
    if traces is not None:
        write_traces(traces, trace)
    counts = synops_of(target, trace)
    return {
        "backend": backend,
        "accuracy": trace.accuracy(samples.labels_B),
        "samples": trace.n_samples,
        "steps": counts["steps"],
        "synops_per_sample": counts["synops_per_sample"],
        "seconds": trace.seconds,
        "samples_per_second": trace.n_samples / trace.seconds,
        "traces": None if traces is None else str(traces),
    }


def run_backend(
    backend: str,
    target: Network | Program,
    spikes_BTI: np.ndarray,
    *,
    record: bool,
    progress: Progress = silent,
) -> Trace:
    """Run a network (reference) or a Program (fixed, lava) and return the Trace."""

    def tell(done: int, total: int) -> None:
        progress(backend, done, total, "samples")

    if isinstance(target, Network):
        return reference.run(target, spikes_BTI, record=record, progress=tell)
    if backend == LAVA:
        return lava.run(target, spikes_BTI, record=record, progress=tell)
    return fixed.run(target, spikes_BTI, record=record, progress=tell)


def synops_of(target: Network | Program, trace: Trace) -> dict[str, Any]:
    """Return the operation counts of a run."""
    if isinstance(target, Network):
        sizes = {one.name: one.n_neurons for one in target.populations}
        return count(target.synapses, sizes, trace, trace.n_input_steps)
    sizes = {layer.name: layer.n_neurons for layer in target.layers}
    return count(target.connections, sizes, trace, target.n_steps(trace.n_input_steps))


def write_traces(path: str | Path, trace: Trace) -> None:
    """Write every recorded state as `<layer>/spikes`, `<layer>/u`, `<layer>/v`, (sample, step, neuron)."""
    arrays = {
        f"{name}/{key}": getattr(states, f"{key}_BTN")
        for name, states in trace.layers.items()
        for key in ("spikes", "u", "v")
    }
    with written_whole(path) as beside, beside.open("wb") as stream:
        np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
