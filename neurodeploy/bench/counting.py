"""What counting operations adds to a run: the same batches simulated with and without it, in turn."""

from __future__ import annotations

import math
import statistics
import time
from typing import Any

from neurodeploy.accounting.synops import Tally
from neurodeploy.bench import rounds
from neurodeploy.bench.contenders import BATCHES_AHEAD, ours
from neurodeploy.bench.workloads import Work
from neurodeploy.pipeline.batches import counter_of
from neurodeploy.pipeline.counts import counts_of

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
    ours(work.program, ahead[0], threads)
    started = time.perf_counter()
    ours(work.program, ahead[0], threads)
    n_calls = max(1, math.ceil(rounds.BLOCK_S / (time.perf_counter() - started)))
    shares, plain, counted = [], [], []
    for _ in range(repeats):
        started = time.perf_counter()
        for index in range(n_calls):
            ours(work.program, ahead[index % len(ahead)], threads)
        plain.append(n_calls * batch / (time.perf_counter() - started))
        simulating_s, counting_s = _counted(work, ahead, n_calls, threads)
        counted.append(n_calls * batch / (simulating_s + counting_s))
        shares.append(counting_s / simulating_s)
    return {
        "share": statistics.median(shares),
        "share_spread": rounds.spread(shares),
        "without_per_second": statistics.median(plain),
        "with_per_second": statistics.median(counted),
        "batch": batch,
        "threads": threads,
        "how": HOW.format(calls=n_calls),
    }


def _counted(work: Work, ahead: list[Any], n_calls: int, threads: int) -> tuple[float, float]:
    """Return the seconds of simulating batches, and of counting them: the counter, every tally and the counts."""
    simulating_s = 0.0
    started = time.perf_counter()
    counter = counter_of(work.program)
    total: Tally | None = None
    for index in range(n_calls):
        before = time.perf_counter()
        trace = ours(work.program, ahead[index % len(ahead)], threads)
        simulating_s += time.perf_counter() - before
        tallied = counter.tally(trace)
        total = tallied if total is None else total + tallied
    assert total is not None
    counts_of(work.program, total, counter)
    return simulating_s, time.perf_counter() - started - simulating_s
