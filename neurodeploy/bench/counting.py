"""What counting operations adds to a run: the same batches simulated with and without it, in turn."""

from __future__ import annotations

import statistics
import time
from typing import Any

from neurodeploy.accounting.tally import Tally
from neurodeploy.backends.trace import Trace
from neurodeploy.bench import rounds
from neurodeploy.bench.contenders import BATCHES_AHEAD, ours
from neurodeploy.bench.workloads import Work
from neurodeploy.pipeline.batches import counter_of
from neurodeploy.pipeline.costs import counts_of

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
