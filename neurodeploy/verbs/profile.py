"""`profile`: what a network's run costs on a chip: operations, energy, fit, latency."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neurodeploy.accounting.tally import Tally
from neurodeploy.backends.table import FIXED, RunOptions, backend_named
from neurodeploy.data.stream import SampleSource
from neurodeploy.errors import DataError
from neurodeploy.graph.network import Network
from neurodeploy.hardware.chips import DEFAULT, chip_named
from neurodeploy.phrases import Phrase
from neurodeploy.pipeline.batches import batch_size, counter_of, run_batches, summary
from neurodeploy.pipeline.costs import Recorded, costs, recorded
from neurodeploy.pipeline.counts import counts_of
from neurodeploy.pipeline.inputs import (
    GraphOptions,
    compiled,
    default_calibration,
    read_target,
    samples_for,
)
from neurodeploy.pipeline.traces import read_traces
from neurodeploy.program.program import Program
from neurodeploy.progress import Progress, silent


@dataclass(frozen=True, eq=False)
class _Run:
    """A Program's run: its sums, some samples with every state, and what to say of it."""

    tally: Tally
    timed: Recorded
    accuracy: float | None
    notes: list[str]


def profile(
    file: str | Path,
    data: str | Path | None = None,
    *,
    chip: str | Path = DEFAULT,
    dt_s: float | None = None,
    limit: int | None = None,
    traces: str | Path | None = None,
    threads: int | None = None,
    engine: str | None = None,
    weight_bits: int | None = None,
    calibrate: str | None = None,
    reset: str | None = None,
    readout: str | None = None,
    input_shape: tuple[int, ...] | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Count, price, place and time a network's run.

    Data are run batch by batch on our simulator, so they may be larger than the memory; the first samples are run
    once more with every state, for what each step takes.

    Args:
        file: A Program, a .nir graph, or a run folder, whose graph is taken.
        data: Dataset name (its test part) or data file.
        chip: Name of a chip, or a .toml file with one. Chips that no Program can be made for have energies only, of
            the default chip's Program.
        traces: Instead of data: a run of this Program that `simulate` recorded.
        input_shape: Axes of one step's input, where a .nir file leaves them out.

    Returns:
        The counts (`accounting.counts.Counts`) and `energy_j` {low, mid, high}, `energy`, `unpriced`, `fit`, `latency`,
        `latency_s`, `chip`, `accuracy` (None of traces), `file`, `data`, `notes`.

    Raises:
        ChipError: the chip is unknown, or its file wrong.
        DataError: neither data nor traces are given, or they do not fit the network.
    """
    if (data is None) == (traces is None):
        given = Phrase("both {data} and {traces}" if data is not None else "neither {data} nor {traces}")
        raise DataError(
            Phrase("found {given}", given=given), "name the data to run, or the traces of a run", where="profile"
        )
    if traces is not None and (limit, threads, engine) != (None, None, None):
        raise DataError(
            Phrase("{limit}, {threads} and {engine} are for {data}"),
            Phrase("leave them out with {traces}"),
            where="profile",
        )
    run_options = RunOptions((), threads, engine)
    backend_named(FIXED).check_options(run_options)
    found = chip_named(chip)
    named = None if data is None else str(data)
    calibrate = calibrate or (default_calibration(named) if named else None)
    made_for = found if found.program else chip_named(DEFAULT)  # some integers are needed to count and price
    options = GraphOptions(dt_s, reset, weight_bits, calibrate, chip=made_for, readout=readout, input_shape=input_shape)
    target = read_target(file, options)
    samples = None if named is None else samples_for(named, target, limit=limit)  # before time goes into compiling
    program = compiled(target, options, progress)[0].program if isinstance(target, Network) else target
    if samples is not None:
        run = _run(program, samples, run_options, progress)
    else:
        assert traces is not None  # one of both was given
        run = _read(traces, program)
    counts = counts_of(program, run.tally)
    priced = costs(program, counts, run.tally, found, run.timed)
    return counts.to_dict() | {
        "file": str(file),
        "data": str(traces if named is None else named),
        "program": program.digest,
        "chip": found.name,
        "accuracy": run.accuracy,
        "energy_j": priced.energy_j,
        "unpriced": list(priced.energy.unpriced),
        "latency_s": priced.latency_s,
        **priced.to_dict(),
        "notes": [*run.notes, *program.notes],
    }


def _read(traces: str | Path, program: Program) -> _Run:
    trace, spikes_BTI = read_traces(traces, program)
    return _Run(counter_of(program).tally(trace), (trace, spikes_BTI), None, [])


def _run(program: Program, samples: SampleSource, options: RunOptions, progress: Progress) -> _Run:
    batches = (one.spikes_BTI for one in samples.batches(batch_size(samples.n_steps, samples.n_inputs)))
    traces = run_batches(backend_named(FIXED), program, batches, len(samples), options, progress)
    found = summary(traces, len(samples), counter_of(program))
    accuracy = float((found.predictions_B == samples.labels_B).mean())
    return _Run(found.tally, recorded(program, samples), accuracy, list(samples.notes))
