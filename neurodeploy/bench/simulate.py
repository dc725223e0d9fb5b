"""`bench simulate`: our simulator and the peers on the same work, in one run."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from neurodeploy.backends import lava
from neurodeploy.backends.fixed import make_ready
from neurodeploy.backends.lava.environment import PINS
from neurodeploy.backends.trace import Trace
from neurodeploy.bench import contenders, fresh, machine
from neurodeploy.bench.contenders import (
    LAVA,
    Lava,
    firing,
    lava_missing,
    our_block,
    ours,
    peer_block,
    positive,
    speed,
    threads_of_torch,
)
from neurodeploy.bench.counting import counting
from neurodeploy.bench.floor import floor
from neurodeploy.bench.peers import CURRENT, PEERS, Peer
from neurodeploy.bench.rounds import Block, Speeds, in_turn, spread
from neurodeploy.bench.stages import stages_of
from neurodeploy.bench.workloads import DENSE, WORKS, Work, dense, from_graph
from neurodeploy.errors import NeurodeployError, nearest
from neurodeploy.phrases import Phrase
from neurodeploy.progress import Progress, silent


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
        work: "dense", or "nmnist": the network in `graph` on `data`.
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
    threads = positive("thread_counts", thread_counts or [1, machine.cores()])
    sizes = positive("batches", batches or [])
    positive("repeats", [repeats])
    positive("stream", [1 if stream is None else stream])
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
            rows["peers"] += [_peer_row(field, name, where, speeds) for name in speeds.peers]
        equal = field.lava and {"equal": field.lava.equal, "samples": field.lava.samples}
    _beside_lava(rows)
    trace = ours(work.program, work.spikes_BTI, 1)
    return {
        "work": _described(work, trace),
        "machine": machine.describe(),
        **rows,
        "threads_ratio": threads_ratio(rows["ours"]),
        "floor": _beside_floor(floor(work.program, trace), rows["ours"]),
        "equal_to_lava": equal,
        "absent": [{"name": name, "reason": reason} for name, reason in field.absent.items()],
    }


class Field:
    """The peers that take part, and why the others do not.

    Lava takes part in the first measurement of the plan where that has batches of one sample.
    """

    def __init__(self, work: Work, names: list[str], first: tuple[int, int], stack: ExitStack) -> None:
        self.work, self.first = work, first
        self.absent: dict[str, str] = {}
        self.peers = [peer for peer in PEERS if peer.name in names]
        self.stages = stages_of(work.program) if self.peers else []
        self.rates = {peer.name: rates for peer in self.peers if (rates := self._rates(peer))}
        self.lava: Lava | None = None
        if LAVA in names:
            missing = lava_missing() or (
                "" if first[0] == 1 else Phrase("runs one sample at a time; add 1 to {batches}")
            )
            if missing:
                self.absent[LAVA] = missing
            else:
                self.lava = Lava(work, stack.enter_context(lava.Worker()))

    def _rates(self, peer: Peer) -> list[float]:
        """Return the parts of each layer's neurons that spike in a step; nothing for a peer that cannot run."""
        if peer.missing:
            self.absent[peer.name] = peer.missing
            return []
        try:
            return firing(peer, self.stages, self.work.batch(min(16, len(self.work.spikes_BTI)), 0))
        except (NeurodeployError, ImportError) as error:
            self.absent[peer.name] = str(error)
            return []

    def blocks(self, batch: int, threads: int) -> dict[str, Block]:
        """Return the timed block of everyone who takes part."""
        found = {
            peer.name: peer_block(peer, self.stages, self.work, batch) for peer in self.peers if peer.name in self.rates
        }
        if self.lava and (batch, threads) == self.first:
            found[LAVA] = self.lava.block
        return found

    def about(self, name: str) -> dict[str, Any]:
        """Return what to say of a peer beside its speed."""
        if name == LAVA:
            note = "seconds inside run() alone, in its own processes"
            return {"version": PINS["lava-nc"], "neurons": CURRENT, "rates": None, "note": note}
        peer = next(peer for peer in self.peers if peer.name == name)
        return {"version": peer.version, "neurons": peer.neurons, "rates": self.rates[name], "note": ""}


def _beside_lava(rows: dict[str, list[dict[str, Any]]]) -> None:
    """Add to each of our rows how many times faster its run alone is than Lava's, and to Lava's row the same."""
    for peer in rows["peers"]:
        if peer["name"] == LAVA:
            for row in rows["ours"]:
                row["ratio_to_lava"] = row["in_run_per_second"] / peer["samples_per_second"]
            peer["ratio"] = rows["ours"][0]["ratio_to_lava"]


def threads_ratio(rows: list[dict[str, Any]]) -> float | None:
    """Return how many times faster the most threads are than the fewest, at the largest batch."""
    batch = max(row["batch"] for row in rows)
    speeds = {row["threads"]: row["samples_per_second"] for row in rows if row["batch"] == batch}
    return speeds[max(speeds)] / speeds[min(speeds)] if len(speeds) > 1 else None


def _peer_row(field: Field, name: str, where: dict[str, int], speeds: Speeds) -> dict[str, Any]:
    ratios = {"ratio": speeds.ratio(name), "ratio_spread": spread(speeds.neighbours(name))}
    return {"name": name} | where | speed(speeds.peers[name]) | ratios | field.about(name)


def _described(work: Work, trace: Trace) -> dict[str, Any]:
    steps = trace.n_input_steps
    return {
        "name": work.name,
        "sizes": work.sizes,
        "steps": steps,
        "density": float(trace.input_counts_BI.mean()) / steps,
        "rates": [float(counts.mean()) / steps for counts in trace.counts.values()],
        "samples": trace.n_samples,
        "program": work.program.digest,
    }


def _beside_floor(found: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the floor with how many times longer we take, on the fewest threads at the largest batch."""
    fewest = min(row["threads"] for row in rows)
    speed = max((row["batch"], row["samples_per_second"]) for row in rows if row["threads"] == fewest)[1]
    return found | {"ours_over_floor": 1 / speed / found["seconds_per_sample"]}
