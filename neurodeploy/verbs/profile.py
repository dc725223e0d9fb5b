"""`profile`: what a network's run costs on a chip: operations, energy, fit, latency."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from typing_extensions import Unpack

from neurodeploy.backends.table import FIXED, RunOptions, backend_named
from neurodeploy.errors import DataError
from neurodeploy.hardware.chips import DEFAULT, chip_named
from neurodeploy.phrases import Phrase
from neurodeploy.pipeline.batches import counter_of
from neurodeploy.pipeline.costs import costs, counts_of, measured
from neurodeploy.pipeline.graph_options import GraphKeywords, GraphOptions, takes_graph_options
from neurodeploy.pipeline.inputs import GraphSource, program_of, read_target
from neurodeploy.pipeline.samples import Data, default_calibration, default_data, given
from neurodeploy.pipeline.traces import read_traces
from neurodeploy.progress import Progress, silent


@takes_graph_options(GraphKeywords)
def profile(
    file: GraphSource,
    data: Data | None = None,
    *,
    limit: int | None = None,
    traces: str | Path | None = None,
    threads: int | None = None,
    engine: str | None = None,
    progress: Progress = silent,
    **graph: Unpack[GraphKeywords],
) -> dict[str, Any]:
    """Count, price, place and time a network's run.

    Data are run batch by batch on our simulator, so they may be larger than the memory; the first samples are run
    once more with every state, for what each step takes.

    Args:
        file: A Program, a .nir graph, or a run folder, whose graph is taken.
        data: What to run, see `pipeline.samples.given`: a dataset's name (its test part), a file, spikes, `Events`, a
            torch Dataset or DataLoader. The recipe's dataset where None, of a run folder.
        limit: First samples only.
        traces: Instead of data: a run of this Program that `simulate` recorded.
        threads: CPU threads of our simulator; all cores when None. Never changes the result.
        engine: Of our simulator: "auto", "native", "plain" or "torch". Never changes the result.
        progress: Hears how far the work is.
        graph: What the graph leaves open, see `GraphOptions`. A chip that no Program can be made for has energies
            only, of the default chip's Program.

    Returns:
        The counts (`accounting.counts.Counts`) and `energy_j` {low, mid, high}, `energy`, `unpriced`, `fit`, `latency`,
        `latency_s`, `chip`, `accuracy` (None of traces), `file`, `data`, `notes`.

    Raises:
        ChipError: the chip is unknown, or its file wrong.
        DataError: neither data nor traces are given, or they do not fit the network.
    """
    if data is not None and traces is not None:
        found_both = Phrase("found both {data} and {traces}")
        raise DataError(found_both, "name the data to run, or the traces of a run", where="profile")
    if traces is not None and (limit, threads, engine) != (None, None, None):
        raise DataError(
            Phrase("{limit}, {threads} and {engine} are for {data}"),
            Phrase("leave them out with {traces}"),
            where="profile",
        )
    run_options = RunOptions((), threads, engine)
    backend_named(FIXED).check_options(run_options)
    options = GraphOptions(**graph)
    found = chip_named(options.chip)
    # Some integers are needed to count and price.
    options = replace(options, chip=found if found.program else DEFAULT)
    target = read_target(file, options)
    if traces is None:
        data = default_data(file, target, "profile") if data is None else data
        if options.calibrate is None:
            options = replace(options, calibrate=default_calibration(data))
    chosen = None if data is None else given(data, target, limit=limit)  # before time goes into compiling
    program = program_of(target, options, progress)
    accuracy, notes = None, [*program.notes]
    if chosen is not None:
        done, counts, priced = measured(program, chosen.samples, found, run_options, progress)
        notes = [*chosen.samples.notes, *notes]
        if chosen.labels_B is not None:
            accuracy = float((done.predictions_B == chosen.labels_B).mean())
    else:
        assert traces is not None  # data were found otherwise
        timed = read_traces(traces, program)
        tally = counter_of(program).tally(timed[0])
        counts = counts_of(program, tally)
        priced = costs(program, counts, tally, found, timed)
    return counts.to_dict() | {
        "file": str(file),
        "data": str(traces if chosen is None else data if isinstance(data, str | Path) else chosen.name),
        "program": program.digest,
        "chip": found.name,
        "accuracy": accuracy,
        "energy_j": priced.energy_j,
        "unpriced": list(priced.energy.unpriced),
        "latency_s": priced.latency_s,
        **priced.to_dict(),
        "notes": notes,
    }
