"""`bench simulate`: our simulator and the peers on the same work, in one run."""

import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from neurodeploy.accounting.tally import Tally
from neurodeploy.backends.fixed import make_ready
from neurodeploy.backends.trace import Trace
from neurodeploy.bench import contenders, fresh, machine, rounds
from neurodeploy.bench.contenders import BATCHES_AHEAD, LAVA, Field, our_block, ours, positive, speed, threads_of_torch
from neurodeploy.bench.rounds import in_turn, spread
from neurodeploy.bench.workloads import DENSE, PLIF, SDT, WORKS, Work, dense, from_graph
from neurodeploy.errors import NeurodeployError, nearest
from neurodeploy.memory import cores
from neurodeploy.pipeline.batches import counter_of
from neurodeploy.pipeline.costs import counts_of
from neurodeploy.progress import Progress, silent

HOW = (
    "blocks of {calls} batches, simulated and counted as by the verb simulate, in turn with the same only simulated; "
    "share: seconds spent counting over seconds spent simulating in the same block, median over the rounds, because "
    "the difference between two blocks is mostly the machine's own noise; the spike counts that the simulator keeps "
    "for its result are part of the simulation"
)


def counting(work: Work, batch: int, threads: int, repeats: int) -> dict[str, Any]:
    """Return the share of counting in a run.

    Keys: `share`, `share_spread` over the rounds, `without_per_second` and `with_per_second` (medians of samples per
    second), `batch`, `threads`, `how`.
    """
    ahead = [work.batch(batch, index) for index in range(BATCHES_AHEAD)]

    def simulated(index: int) -> Trace:
        return ours(work.program, ahead[index % len(ahead)], threads)

    n_calls = rounds.calls_in_block(simulated)
    shares, plain, counted = [], [], []
    for _ in range(repeats):
        plain.append(n_calls * batch / rounds.seconds_of(simulated, n_calls))
        started, simulating_s = time.perf_counter(), 0.0
        counter = counter_of(work.program)
        total: Tally | None = None
        for index in range(n_calls):
            before = time.perf_counter()
            trace = simulated(index)
            simulating_s += time.perf_counter() - before
            tallied = counter.tally(trace)
            total = tallied if total is None else total + tallied
        assert total is not None
        counts_of(work.program, total, counter)
        taken_s = time.perf_counter() - started
        counted.append(n_calls * batch / taken_s)
        shares.append(taken_s / simulating_s - 1)
    return {
        "share": statistics.median(shares),
        "share_spread": rounds.spread(shares),
        "without_per_second": statistics.median(plain),
        "with_per_second": statistics.median(counted),
        "batch": batch,
        "threads": threads,
        "how": HOW.format(calls=n_calls),
    }


def bench_simulate(
    *,
    work: str = DENSE,
    batches: Sequence[int] | None = None,
    thread_counts: Sequence[int] | None = None,
    repeats: int = 5,
    peers: str | None = None,
    graph: str | None = None,
    data: str | None = None,
    dt_s: float | None = None,
    reset: str | None = None,
    start: bool = False,
    stream: int | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Measure our simulator's speed, the peers' on the same spikes, and the floor of this machine.

    Args:
        work: "dense", "plif": a PLIF network on pictures, "sdt": a Spike-driven Transformer on them, or "nmnist": the
            network in `graph` on `data`.
        batches: Samples run together; the work's own sizes when None.
        thread_counts: CPU threads; 1 and every core when None. More than the fewest are measured at the largest batch.
        repeats: Rounds; medians are reported.
        peers: Their names with commas, or "none"; every one that is installed when None.
        start: Also measure a fresh process, from its command to its first result.
        stream: Also measure the memory of a fresh process on a file of so many samples.
        progress: Hears how far the work is.
        graph, data, dt_s, reset: Of "nmnist": the .nir file, what it is run on, and what the file leaves open.

    Returns:
        `work`, `machine`, `ours` and `peers` (samples per second; `ratio` is ours to the peer's),
        `threads_ratio`, `floor`, `equal_to_lava`, `absent`, `second_process_s`, `stream`, `counting` and its
        `counting_share`: of counting operations in the time of simulating.

    Raises:
        NeurodeployError: an argument names nothing or is out of range.
    """
    names = contenders.chosen(peers)
    if work not in WORKS:
        raise NeurodeployError(f"{work!r} is unknown", nearest(work, WORKS), option="work")
    threads = positive("thread_counts", thread_counts or [1, cores()])
    sizes = positive("batches", batches or [])
    positive("repeats", [repeats])
    positive("stream", [1 if stream is None else stream])
    if work == PLIF:
        from neurodeploy.bench.plif_inference import plif  # torch takes a second to load

        made = plif(progress)
    elif work == SDT:
        from neurodeploy.bench.sdt_inference import sdt

        made = sdt(progress)
    else:
        made = dense() if work == DENSE else from_graph(graph, data, dt_s=dt_s, reset=reset, progress=progress)
    sizes = sizes or list(made.batches)
    plan = [(batch, n) for n in threads for batch in sizes if n == min(threads) or batch == max(sizes)]
    result = _measured(made, names, plan, repeats, progress)
    with threads_of_torch(min(threads)):
        result["counting"] = counting(made, max(sizes), min(threads), repeats)
    result["counting_share"] = result["counting"]["share"]
    result["second_process_s"] = fresh.second_process(made)["seconds"] if start else None
    result["stream"] = fresh.stream(made, stream) if stream else None
    return result


def _measured(
    work: Work, names: list[str], plan: list[tuple[int, int]], repeats: int, progress: Progress
) -> dict[str, Any]:
    rows: dict[str, list[dict[str, Any]]] = {"ours": [], "peers": []}
    with ExitStack() as stack:
        make_ready(work.program, progress=progress)
        progress("bench", 0, len(plan) * repeats, "making the peers")
        field = Field(work, names, plan[0], stack)
        for place, (batch, threads) in enumerate(plan):

            def tell(done: int, first: int = place * repeats, what: str = f"batch {batch}, threads {threads}") -> None:
                progress("bench", first + done, len(plan) * repeats, what)

            with threads_of_torch(threads):
                tell(0)
                alone: list[float] = []
                mine = our_block(work, batch, threads, alone)
                speeds = in_turn(mine, field.blocks(batch, threads), repeats, tell)
            where = {"batch": batch, "threads": threads}
            rows["ours"].append(where | speed(speeds.ours) | {"in_run_per_second": statistics.median(alone)})
            for name, values in speeds.peers.items():
                ratios = {"ratio": speeds.ratio(name), "ratio_spread": spread(speeds.neighbours(name))}
                rows["peers"].append({"name": name} | where | speed(values) | ratios | field.about(name))
        equal = field.lava and {"equal": field.lava.equal, "samples": field.lava.samples}
    for peer in rows["peers"]:
        if peer["name"] == LAVA:
            for row in rows["ours"]:
                row["ratio_to_lava"] = row["in_run_per_second"] / peer["samples_per_second"]
            peer["ratio"] = rows["ours"][0]["ratio_to_lava"]
    trace = ours(work.program, work.spikes_BTI, 1)
    steps, floor = trace.n_input_steps, machine.floor(work.program, trace)
    in_steps = work.program.n_steps(steps) if work.scores_only else steps  # biases go on after the input
    fewest = [row for row in rows["ours"] if row["threads"] == min(row["threads"] for row in rows["ours"])]
    fastest = max(fewest, key=lambda row: row["batch"])["samples_per_second"]
    return {
        "work": {
            "name": work.name,
            "sizes": work.sizes,
            "steps": steps,
            "density": float(trace.input_counts_BI.mean()) / steps,
            "rates": [float(counts.mean()) / in_steps for counts in trace.counts.values()],
            "samples": trace.n_samples,
            "program": work.program.digest,
        },
        "machine": machine.describe(),
        **rows,
        "threads_ratio": threads_ratio(rows["ours"]),
        # On the fewest threads at the largest batch.
        "floor": floor | {"ours_over_floor": 1 / fastest / floor["seconds_per_sample"]},
        "equal_to_lava": equal,
        "absent": [{"name": name, "reason": reason} for name, reason in field.absent.items()],
    }


def threads_ratio(rows: list[dict[str, Any]]) -> float | None:
    """Return how many times faster the most threads are than the fewest, at the largest batch."""
    batch = max(row["batch"] for row in rows)
    speeds = {row["threads"]: row["samples_per_second"] for row in rows if row["batch"] == batch}
    return speeds[max(speeds)] / speeds[min(speeds)] if len(speeds) > 1 else None
