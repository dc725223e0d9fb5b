"""The operations that a run counted, for a graph or a Program."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neurodeploy.accounting.counts import Counts, count
from neurodeploy.accounting.tally import Counter, Tally
from neurodeploy.backends.trace import Trace
from neurodeploy.graph.network import Network
from neurodeploy.pipeline.batches import counter_of
from neurodeploy.program.decode import Decode
from neurodeploy.program.program import READOUTS, Program


def synops_of(target: Network | Program, trace: Trace) -> Counts:
    """Return the operation counts of a run.

    Raises:
        DataError: the Trace is of another network.
    """
    counter = counter_of(target)
    return counts_of(target, counter.tally(trace), counter)


def counts_of(target: Network | Program, run: Tally, counter: Counter | None = None) -> Counts:
    """Return the operation counts of a run whose spikes were summed.

    Args:
        counter: Of the target, where it was made before.
    """
    counter = counter_of(target) if counter is None else counter
    n_steps = run.n_input_steps if isinstance(target, Network) else target.n_steps(run.n_input_steps)
    found = count(counter.connections, counter.sizes, run, n_steps, known=counter.wires)
    reads = host_reads(target.readout, counter.sizes[target.output], run.n_input_steps, target.decode)
    return replace(found, host_reads_per_sample=reads)


def host_reads(readout: str, n_outputs: int, n_input_steps: int, decode: Decode | None = None) -> int:
    """Return how many potentials leave the chip for one sample, because the class is made from them outside.

    >>> host_reads("softmax", 35, 300), host_reads("v_last", 35, 300), host_reads("spikes", 35, 300)
    (10500, 35, 0)
    >>> host_reads("v_sum", 35, 3, Decode(steps=(0, 1, 1)))
    70
    """
    if decode is not None and decode.steps and readout != READOUTS[0]:
        return n_outputs * int(np.count_nonzero(decode.steps))
    return n_outputs * {"spikes": 0, "v_last": 1}.get(readout, n_input_steps)
