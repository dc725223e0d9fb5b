"""What counting keeps of a run while it goes through the samples: sums and a spread, of constant size.

Axes: B sample, T step, N neuron of a layer, or channel of the input.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from neurodeploy.accounting.conventions import Connected, Sent, Wires, wires
from neurodeploy.backends.trace import Trace, Values, values_of
from neurodeploy.errors import DataError, nearest

INPUT = "input"

WIDENED = 256
"""Samples whose counts are made 64 bits wide at once: all of them at once could outgrow the memory."""


@dataclass(frozen=True)
class Spread:
    """Mean, least, most and standard deviation of whole numbers, exact however many there are.

    >>> some = Spread.of(np.array([2, 5])) + Spread.of(np.array([8]))
    >>> some.plain()
    {'mean': 5.0, 'min': 2, 'max': 8, 'sd': 2.4494897427831783}
    """

    n: int
    total: int
    squares: int
    least: int
    most: int

    @classmethod
    def of(cls, values_B: np.ndarray) -> Spread:
        """Return the spread of some numbers, at least one."""
        found: list[int] = values_B.tolist()  # Python's integers, because the squares leave 64 bits
        return cls(len(found), sum(found), sum(one * one for one in found), min(found), max(found))

    def __add__(self, other: Spread) -> Spread:
        return Spread(
            self.n + other.n,
            self.total + other.total,
            self.squares + other.squares,
            min(self.least, other.least),
            max(self.most, other.most),
        )

    def plain(self) -> dict[str, float]:
        """Return plain values for JSON; `sd` is that of these samples, divided by their number."""
        variance = self.n * self.squares - self.total**2
        return {"mean": self.total / self.n, "min": self.least, "max": self.most, "sd": math.sqrt(variance) / self.n}


@dataclass(frozen=True, eq=False)
class Tally:
    """What counting needs of a run: what every source sent, summed over samples and steps.

    Attributes:
        spikes: Events of `INPUT` and of every layer, int64 (N,).
        values: Sums of the values of those that send more than 0 and 1, (N,), and whether none was another;
            None where the run did not keep them. Of all others, every event is a 1.
        spread: Of the synops of single samples; None where no connections were given.
    """

    n_samples: int
    n_input_steps: int
    spikes: dict[str, np.ndarray]
    values: Mapping[str, Values | None] = field(default_factory=dict)
    spread: Spread | None = None

    def __add__(self, other: Tally) -> Tally:
        """Return the tally of both runs' samples.

        Raises:
            DataError: they are not of one network and one number of steps.
        """
        sizes, others = ({name: len(one) for name, one in run.spikes.items()} for run in (self, other))
        if (self.n_input_steps, sizes, set(self.values)) != (other.n_input_steps, others, set(other.values)):
            raise DataError(
                f"trace: one of {self.n_input_steps} steps of {sizes} and one of {other.n_input_steps} steps of "
                f"{others} are not of one run; count them apart"
            )
        return Tally(
            self.n_samples + other.n_samples,
            self.n_input_steps,
            {name: one + other.spikes[name] for name, one in self.spikes.items()},
            {
                name: one and more and Values(one.sums + more.sums, one.binary and more.binary)
                for name, one in self.values.items()
                for more in [other.values[name]]
            },
            None if self.spread is None or other.spread is None else self.spread + other.spread,
        )

    def sent(self, source: str) -> Sent:
        """Return what a source sent."""
        events = self.spikes[source]
        if source not in self.values:
            return Sent(events, events, binary=True)
        values = self.values[source]
        return Sent(events, None, None) if values is None else Sent(events, values.sums, values.binary)


class Counter:
    """Tallies the Traces of one network, batch by batch.

    Args:
        connections: Of the Program or the network that ran.
        sizes: Neurons of each layer.
        graded: Sources that send values instead of spikes.

    Attributes:
        wires: Sizes of every connection, in their order.
    """

    def __init__(
        self, connections: Sequence[Connected], sizes: Mapping[str, int], graded: Collection[str] = ()
    ) -> None:
        self.connections, self.sizes, self.graded = tuple(connections), dict(sizes), tuple(graded)
        self.wires: list[Wires] = [wires(one) for one in self.connections]
        self._fan_out: dict[str, np.ndarray] = {}
        for one, to in zip(self.connections, self.wires, strict=True):
            before = self._fan_out.get(one.source)
            self._fan_out[one.source] = to.nonzero_I if before is None else before + to.nonzero_I

    def tally(self, trace: Trace) -> Tally:
        """Return the sums of a run.

        Raises:
            DataError: it is not of this network.
        """
        sent = _sent(trace)
        synops_B = self.synops(trace)
        summed = {name: one.sum(axis=0, dtype=np.int64) for name, one in sent.items()}
        values = {name: _values(trace, name) for name in self.graded}
        return Tally(trace.n_samples, trace.n_input_steps, summed, values, Spread.of(synops_B))

    def synops(self, trace: Trace) -> np.ndarray:
        """Return the synops of every sample, int64 (B,).

        Raises:
            DataError: the Trace is not of this network.
        """
        found = np.zeros(trace.n_samples, np.int64)
        sent = _sent(trace)
        check_suits(self.connections, self.sizes, sent)
        for source, fan_out in self._fan_out.items():
            for first in range(0, len(found), WIDENED):
                found[first : first + WIDENED] += sent[source][first : first + WIDENED] @ fan_out
        return found


def tally(trace: Trace) -> Tally:
    """Return the sums of a run without the spread over its samples; `Counter` gives that too."""
    sent = _sent(trace)
    values = {name: _summed(one) for name, one in trace.values.items()}
    summed = {name: one.sum(axis=0, dtype=np.int64) for name, one in sent.items()}
    return Tally(trace.n_samples, trace.n_input_steps, summed, values)


def _sent(trace: Trace) -> dict[str, np.ndarray]:
    return {INPUT: trace.input_counts_BI, **trace.counts}


def _values(trace: Trace, name: str) -> Values | None:
    """Return the sums of what a graded source sent, from the Trace or from its recorded messages."""
    if name in trace.values:
        return _summed(trace.values[name])
    if name in trace.layers and trace.n_recorded == trace.n_samples:
        return _summed(values_of(trace.layers[name].spikes_BTN))
    return None


def _summed(values: Values) -> Values:
    return Values(values.sums.sum(axis=0), values.binary)


def check_suits(connections: Sequence[Connected], sizes: Mapping[str, int], found: Mapping[str, np.ndarray]) -> None:
    """Check that a run's arrays (…, N) are of the network with these connections and layers.

    Raises:
        DataError: another layer, or another number of neurons.
    """
    widths = {one.source: one.n_inputs for one in connections} | dict(sizes)
    for name in found:
        if name not in widths and name != INPUT:
            raise DataError(f"trace: has a layer {name!r}, which the network has not; {nearest(name, sizes)}")
    for name, width in widths.items():
        if name not in found:
            raise DataError(f"trace: has no layer {name!r}, which the network has; {nearest(name, found)}")
        if found[name].shape[-1] != width:
            raise DataError(
                f"trace: {name!r} has {found[name].shape[-1]} neurons, the network's has {width}; count a trace with "
                "the network that made it"
            )
