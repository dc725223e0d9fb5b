"""What a run did, counted, and what that costs on a chip: placement first, then the time of a step, then the energy.

Axes: B sample, T step, I channel.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from neurodeploy.accounting.counts import Counts, count
from neurodeploy.accounting.energy import Energy, price
from neurodeploy.accounting.gates import gates
from neurodeploy.accounting.host import host_cost, products_cost
from neurodeploy.accounting.latency import Latency, latency
from neurodeploy.accounting.routes import routes, traffic_of
from neurodeploy.accounting.tally import Counter, Tally
from neurodeploy.backends import fixed
from neurodeploy.backends.table import FIXED, RunOptions, backend_named
from neurodeploy.backends.trace import Trace
from neurodeploy.data.stream import SampleSource
from neurodeploy.graph.network import Network
from neurodeploy.hardware.chip import Chip
from neurodeploy.mapping.placement.advice import fit_of
from neurodeploy.mapping.placement.placement import Placement, described
from neurodeploy.pipeline.batches import Summary, batch_size, counter_of, run_batches, summary
from neurodeploy.program.decode import Decode
from neurodeploy.program.program import READOUTS, Program
from neurodeploy.progress import Progress, silent

SAMPLES = 16
"""Samples whose every step is timed on its own; the spread over steps is far larger than that over samples."""
MOST_BYTES = 1 << 30
"""Of their states; of networks whose single sample has more, that one."""


Recorded = tuple[Trace, np.ndarray]
"""A run with every spike, and its input (B, T, I)."""


@dataclass(frozen=True)
class Cost:
    """The cost of a run.

    Attributes:
        fit: None where no Program can be made for the chip, or its limits are not known.
        latency: None there too, and where the network does not fit.
        host: What the host's own layer takes, see `accounting.host.host_cost`; None where it has none.
        products: What products of spikes take there, see `accounting.host.products_cost`; None where there are none.
    """

    fit: Placement | None
    latency: Latency | None
    energy: Energy
    host: dict[str, Any] | None = None
    products: dict[str, Any] | None = None

    @property
    def latency_s(self) -> float | None:
        return None if self.latency is None else self.latency.latency_s

    @property
    def energy_j(self) -> dict[str, Any] | None:
        """The energy's band as plain values."""
        return None if self.energy.energy_j is None else self.energy.energy_j.to_dict()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "fit": None if self.fit is None else described(self.fit),
            "latency": None if self.latency is None else self.latency.to_dict(),
            "energy": self.energy.to_dict(),
            **{key: one for key in ("host", "products") if (one := getattr(self, key)) is not None},
        }


def recorded(program: Program, samples: SampleSource) -> Recorded:
    """Return a run of the first samples with every spike, and what arrived at the host's products."""
    states = 12 * program.n_steps(samples.n_steps) * sum(layer.n_neurons for layer in program.layers)
    few = samples.first(max(1, min(SAMPLES, MOST_BYTES // states))).whole().spikes_BTI
    trace = fixed.run(program, few, record=True)
    spikes = {
        name: one
        if program.layer(name).on_host
        else one._replace(u_BTN=one.u_BTN[:, :0].copy(), v_BTN=one.v_BTN[:, :0].copy())
        for name, one in trace.layers.items()
    }
    return replace(trace, layers=spikes), few


def measured(
    program: Program, samples: SampleSource, chip: Chip, options: RunOptions | None = None, progress: Progress = silent
) -> tuple[Summary, Counts, Cost]:
    """Return a run of the integers on samples, read batch by batch, what it counts, and its cost."""
    counter = counter_of(program)
    read = (one.spikes_BTI for one in samples.batches(batch_size(samples.n_steps, samples.n_inputs)))
    runs = run_batches(backend_named(FIXED), program, read, len(samples), options or RunOptions(), progress)
    done = summary(runs, len(samples), counter)
    counts = counts_of(program, done.tally, counter)
    return done, counts, costs(program, counts, done.tally, chip, recorded(program, samples))


def costs(program: Program, counts: Counts, run: Tally, chip: Chip, timed: Recorded, *, advise: bool = True) -> Cost:
    """Return the cost of a run.

    A chip that no Program can be made for, or whose limits are not known, has energies only: `fit` and `latency` are
    None. So is the latency of a network that does not fit, or that waits for the host's products in every step. Chips
    that price seconds take the network's own, its steps in real time.

    Args:
        program: What ran.
        counts: Of the whole run, from `counts_of`.
        run: Its sums.
        chip: Where it would run.
        timed: Samples of it whose steps are timed one by one.
        advise: Also look for what would take fewer cores.
    """
    if counts.seconds_per_sample is None:
        counts = replace(counts, seconds_per_sample=counts.steps * program.dt_s)
    fit = fit_of(program, chip, advise=advise) if chip.program and chip.limits else None
    after = 0 if program.decode is None else program.decode.macs
    host = None if program.host is None else host_cost(program.host, run.n_input_steps, after)
    products = products_cost(program, timed[0])
    said = tuple(one["text"] for one in (host, products) if one is not None)
    if fit is None or not fit.fits or products is not None:
        energy = price(counts, chip)
        return Cost(fit, None, replace(energy, notes=(*energy.notes, *said)), host, products)
    trace, spikes_BTI = timed
    known = routes(program, fit)
    found = latency(program, fit, trace, chip, spikes_BTI=spikes_BTI, known=known)
    traffic = traffic_of(program, fit, run.spikes, run.n_samples, known)
    energy = price(counts, chip, traffic, latency_s=found.latency_band_s)
    return Cost(fit, found, replace(energy, notes=(*energy.notes, *said)), host, products)


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
    gating = () if isinstance(target, Network) else gates(target)
    found = count(counter.connections, counter.sizes, run, n_steps, known=counter.wires, gates=gating)
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
