"""Memory of simulating and counting very many samples, which go by in batches.

    python benchmarks/counting.py [--samples 100000] [--threads 1]

The network is the dense work of `neurodeploy bench simulate`, 700-512-512-35; its samples come over and over.
Prints the resident memory after every tenth of the samples, the largest, and the counts.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from neurodeploy.backends.table import BACKENDS, RunOptions
from neurodeploy.backends.trace import Trace
from neurodeploy.bench.workloads import Work, dense
from neurodeploy.pipeline.batches import batch_size, counter_of, run_batches, summary
from neurodeploy.pipeline.costs import counts_of


def main() -> None:
    """Read the options, count, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--threads", type=int, default=1)
    chosen = parser.parse_args()
    work = dense()
    started = time.perf_counter()
    counter = counter_of(work.program)
    traces = run_batches(
        BACKENDS["fixed"],
        work.program,
        batches(work, chosen.samples),
        chosen.samples,
        RunOptions(threads=chosen.threads),
    )
    found = summary(told(traces, chosen.samples), chosen.samples, counter)
    counts = counts_of(work.program, found.tally, counter)
    print(f"{chosen.samples:,} samples in {time.perf_counter() - started:.1f} s, {found.seconds:.1f} s of it simulated")
    print(f"largest resident memory {largest() / 1e6:,.0f} MB")
    assert counts.synops is not None
    print("synops per sample", ", ".join(f"{key} {value:,.1f}" for key, value in counts.synops.items()))


def batches(work: Work, n_samples: int) -> Iterator[np.ndarray]:
    """Yield the work's samples (B, T, I), over and over, as many as are asked for."""
    _, n_steps, n_channels = work.spikes_BTI.shape
    size = batch_size(n_steps, n_channels)
    for first in range(0, n_samples, size):
        yield work.spikes_BTI[np.arange(first, min(first + size, n_samples)) % len(work.spikes_BTI)]


def told(traces: Iterator[Trace], n_samples: int) -> Iterator[Trace]:
    """Yield the Traces, and print the memory in between."""
    done, tenths = 0, 0
    for trace in traces:
        yield trace
        done += trace.n_samples
        if done * 10 >= n_samples * (tenths + 1):
            tenths = done * 10 // n_samples
            print(f"{done:>9,} samples: {resident() / 1e6:,.1f} MB resident", flush=True)


def resident() -> int:
    """Return the bytes that are resident now; the most so far where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return largest()
    return pages * resource.getpagesize()


def largest() -> int:
    """Return the most bytes that were resident."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main()
