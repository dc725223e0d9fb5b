"""A backend on samples that come batch by batch, and what is kept of them.

Axes: B sample, T step, I channel, N neuron of a layer.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from neurodeploy.accounting.tally import INPUT, Counter, Tally, tally
from neurodeploy.backends import fixed
from neurodeploy.backends.table import Backend, RunOptions, run_backend
from neurodeploy.backends.trace import LayerTrace, Trace, one_after_another
from neurodeploy.errors import DataError, GraphError, nearest
from neurodeploy.graph.network import Network
from neurodeploy.phrases import Phrase, plural
from neurodeploy.program.program import Program
from neurodeploy.progress import Progress, further, silent

BATCH_BYTES = 1 << 25
"""Input of one batch, a byte per step and channel."""
MOST_AT_ONCE = 2048
"""Samples of one batch, however small; their counts take memory too."""
MOST_TRACE_BYTES = 4_000_000_000
STATES = ("spikes_BTN", "u_BTN", "v_BTN")


def recorded(target: Network | Program, wanted: bool, probes: Sequence[str]) -> tuple[str, ...]:
    """Return the layers whose states are kept: the probes, or all where there are none.

    Raises:
        GraphError: a probe is not a layer.
    """
    names = tuple(name for name, _ in sizes_of(target))
    probes = (probes,) if isinstance(probes, str) else probes
    for probe in probes:
        if probe not in names:
            raise GraphError(f"{probe!r} is not a layer of {target.name}", nearest(probe, names), option="probes")
    return (tuple(name for name in names if name in probes) or names) if wanted else ()


def sizes_of(target: Network | Program) -> list[tuple[str, int]]:
    """Return the name and the number of neurons of each layer."""
    layers: Any = target.populations if isinstance(target, Network) else target.layers
    return [(one.name, one.n_neurons) for one in layers]


def counter_of(target: Network | Program) -> Counter:
    """Return what tallies the Traces of a network or Program."""
    sizes = dict(sizes_of(target))
    if isinstance(target, Network):
        return Counter(target.synapses, sizes, (INPUT,) if target.graded_input else ())
    return Counter(target.connections, sizes, [name for name in (INPUT, *sizes) if target.graded(name)])


def check_memory(target: Network | Program, record: Sequence[str], n_samples: int, n_input_steps: int) -> None:
    """Check that the states to be kept are not more than the memory should hold.

    Raises:
        DataError: they are.
    """
    if isinstance(target, Network):
        per_step = {name: size * (1 + 8 + 8) for name, size in sizes_of(target)}
        n_steps = n_input_steps
    else:
        per_step = {name: size * ((4 if target.graded(name) else 1) + 4 + 4) for name, size in sizes_of(target)}
        n_steps = target.n_steps(n_input_steps)
    per_sample = n_steps * sum(per_step[name] for name in record)
    if n_samples * per_sample > MOST_TRACE_BYTES:
        fitting = MOST_TRACE_BYTES // per_sample
        advice = Phrase("give {limit:{n}}, or", n=fitting) if fitting else "a single sample is too many;"
        raise DataError(
            f"the states of {plural(n_samples, 'sample')} take {n_samples * per_sample / 1e9:.1f} GB, at "
            f"most {MOST_TRACE_BYTES / 1e9:.3g} GB are kept",
            Phrase("{advice} name fewer layers with {probes}", advice=advice),
            option="traces",
        )


def batch_size(n_steps: int, n_channels: int) -> int:
    """Return how many samples are read and run together; whole batches of the simulator where there are several."""
    size = max(1, min(MOST_AT_ONCE, BATCH_BYTES // (n_steps * n_channels)))
    return size - size % fixed.BATCH if size > fixed.BATCH else size


def run_batches(
    backend: Backend,
    target: Network | Program,
    batches: Iterable[np.ndarray],
    n_samples: int,
    options: RunOptions,
    progress: Progress = silent,
) -> Iterator[Trace]:
    """Yield the Trace of each batch of spikes, in their order."""
    first = 0
    for spikes in batches:
        backend.load(target, options, progress)
        yield run_backend(backend, target, spikes, options, further(progress, first, n_samples))
        first += len(spikes)


@dataclass(frozen=True, eq=False)
class Summary:
    """What is left of a run whose samples came in batches.

    Attributes:
        layers: Every state of the recorded layers, of all samples.
        overflows: Wrapped currents and saturated potentials of the recorded layers (integer runs).
        engine: As in `Trace`.
    """

    predictions_B: np.ndarray
    tally: Tally
    layers: dict[str, LayerTrace]
    overflows: dict[str, dict[str, int]]
    seconds: float
    engine: str


def summary(traces: Iterable[Trace], n_samples: int, counter: Counter | None = None) -> Summary:
    """Return what is left of the batches' Traces, of which one is held at a time.

    Args:
        counter: Of the network that ran, for the spread of the synops over the samples.
    """
    predictions, seconds, engine = [], 0.0, ""
    sums: Tally | None = None
    layers: dict[str, LayerTrace] = {}
    overflows: dict[str, dict[str, int]] = {}
    first = 0
    for trace in traces:
        predictions.append(trace.predictions_B)
        seconds += trace.seconds
        engine = trace.engine
        tallied = tally(trace) if counter is None else counter.tally(trace)
        sums = tallied if sums is None else sums + tallied
        _place(trace, layers, first, n_samples)
        for name in trace.layers.keys() & trace.overflows.keys():
            before = overflows.get(name, {})
            overflows[name] = {key: before.get(key, 0) + found for key, found in trace.overflows[name].items()}
        first += trace.n_samples
    assert sums is not None
    assert sums.n_samples == n_samples
    return Summary(np.concatenate(predictions), sums, layers, overflows, seconds, engine)


def together(traces: Iterable[Trace], n_samples: int) -> Trace:
    """Return the batches' Traces as one, with the states of all samples."""
    layers: dict[str, LayerTrace] = {}
    rest: list[Trace] = []
    first = 0
    for trace in traces:
        _place(trace, layers, first, n_samples)
        rest.append(replace(trace, layers={}))
        first += trace.n_samples
    return replace(one_after_another(rest), layers=layers)


def _place(trace: Trace, layers: dict[str, LayerTrace], first: int, n_samples: int) -> None:
    """Write a batch's states where they belong among those of all samples."""
    for name, states in trace.layers.items():
        parts = [getattr(states, key) for key in STATES]
        if name not in layers:
            layers[name] = LayerTrace(*(np.zeros((n_samples, *one.shape[1:]), one.dtype) for one in parts))
        for key, one in zip(STATES, parts, strict=True):
            getattr(layers[name], key)[first : first + len(one)] = one
