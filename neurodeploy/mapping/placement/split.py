"""One layer over as few cores as its order of neurons allows, with what the neurons themselves need of a core.

Axes: N neurons of a layer.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neurodeploy.hardware.chips import programmable_chips
from neurodeploy.mapping.placement import limits as of
from neurodeploy.mapping.placement.demand import Counted, Demand, Wiring, wiring
from neurodeploy.mapping.placement.limits import Limits
from neurodeploy.mapping.placement.order import neurons_in, piece
from neurodeploy.memory import alike
from neurodeploy.program.dynamics import AnyLayer
from neurodeploy.program.layer import Layer

Range = tuple[int, int]
"""The first neuron of a core in the layer's order, and the one after its last."""

WORD_BITS = 64
"""Of neuron memory on Loihi 2: OzU-CAST/LoihiScalingEfficiency, README."""
DEFAULT_DELAY_SLOTS = 8
"""Steps that a core's accumulators look ahead: Davies et al. 2018, p. 92."""


def state_words(layer: AnyLayer) -> int:
    """Return the words of neuron memory that one neuron takes: one for each state, and the parameters that differ.

    What all neurons share stands in the neuron program once.
    """
    own = (bits for key, bits in layer.own_widths().items() if not alike(np.asarray(getattr(layer, key))))
    return layer.n_states + -(-sum(own) // WORD_BITS)


def delay_slots(longest: int) -> int:
    """Return the accumulators that a neuron needs for its longest delay: a power of two, two more than the delay.

    >>> [delay_slots(steps) for steps in (0, 6, 7, 62)]
    [8, 8, 16, 64]
    """
    return max(DEFAULT_DELAY_SLOTS, 1 << (longest + 1).bit_length())


def codes_of(layer: Any, keys: tuple[str, ...]) -> np.ndarray | None:
    """Return a number for each neuron's set of parameters (N,); None where all neurons have the same."""
    every = [np.asarray(getattr(layer, key)) for key in keys]
    if all(alike(one) for one in every):
        return None
    values = np.stack(every)
    return np.unique(values, axis=1, return_inverse=True)[1].ravel()


def unsupported(layer: Any, limits: Limits) -> str:
    """Return in words why a chip's neurons cannot be those of a layer; empty where they can."""
    if limits.programmable or isinstance(layer, Layer):
        return ""
    kind = layer.kind.replace("_", "-")
    has, use = f"{limits.chip} has leaky integrate-and-fire only", " or ".join(programmable_chips())
    return f"{layer.name}: {kind} neurons need a neuron program, {has}; use {use}"


@dataclass(eq=False)
class Outgoing:
    """A connection that leaves a layer: the unit each neuron sends through (N,), and the axons out of each unit."""

    units: np.ndarray
    cores: np.ndarray

    def dealt(self, neurons: np.ndarray) -> Callable[[int, int], int]:
        """Return what gives the axons out that a run of neurons in an order needs; shared axons count once.

        Neurons that share an axon stand together, or come round again with every channel. Both are sums up to a
        place; anything else is searched for.
        """
        units = self.units[neurons]
        starts = np.concatenate([[True], units[1:] != units[:-1]])
        n_units = int(np.count_nonzero(np.bincount(units)))
        if starts.sum() == n_units:
            sums = np.concatenate([[0], np.cumsum(self.cores[units[starts]])])
            runs = np.cumsum(starts) - 1
            return lambda first, last: int(sums[runs[last - 1] + 1] - sums[runs[first]])
        if len(units) % n_units == 0 and (units.reshape(-1, n_units) == units[:n_units]).all():
            twice = np.concatenate([[0], np.cumsum(np.tile(self.cores[units[:n_units]], 2))])

            def of_round(first: int, last: int) -> int:
                begin = first % n_units
                return int(twice[begin + min(last - first, n_units)] - twice[begin])

            return of_round
        return lambda first, last: int(self.cores[np.unique(units[first:last])].sum())


class Unsplittable(Exception):
    """A single neuron needs more of something than a core has: `used` of the limit `key`."""

    def __init__(self, neuron: int, key: str, used: int) -> None:
        super().__init__(neuron, key, used)
        self.neuron, self.key, self.used = neuron, key, used


@dataclass(frozen=True)
class Cut:
    """A layer cut into cores, and how many of the cuts each limit caused."""

    order: str
    ranges: tuple[Range, ...]
    stopped: Mapping[str, int]


@dataclass(eq=False)
class Need:
    """What any run of a layer's neurons, dealt out in one order, needs of a core."""

    layer: AnyLayer
    order: str
    shape: tuple[int, ...]
    wired: Mapping[str, Wiring]
    longest_delay: int
    limits: Limits
    axons_out: Sequence[Callable[[int, int], int]] = ()
    known: dict[Range, dict[str, int]] = field(default_factory=dict)
    demanded: dict[Range, list[Demand]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.neurons = neurons_in(self.order, self.shape)
        self.state_words, self.delay_slots = state_words(self.layer), delay_slots(self.longest_delay)
        self.codes: dict[str, np.ndarray | None] = {}
        if isinstance(self.layer, Layer) and not self.limits.programmable:
            for key, names in ((of.PARAMETER_SETS, ("du", "dv")), (of.THRESHOLD_SETS, ("vth",))):
                found = codes_of(self.layer, names)
                self.codes[key] = None if found is None else found[self.neurons]

    @classmethod
    def of_layer(
        cls,
        layer: AnyLayer,
        order: str,
        shape: tuple[int, ...],
        connections: Sequence[tuple],
        limits: Limits,
        counted: Counted,
    ) -> Need:
        """Return the needs of a layer that `connections`, each with its width in bits, end on."""
        wired = {one.name: wiring(one, bits, order, shape, limits, counted) for one, bits in connections}
        longest = max((one.largest_delay for one, _ in connections), default=0)
        return cls(layer, order, shape, wired, longest, limits)

    def send(self, outgoing: Sequence[Outgoing]) -> None:
        """Take where the layer's spikes go; what was known of axons out is forgotten."""
        self.axons_out = [one.dealt(self.neurons) for one in outgoing]
        self.known.clear()

    def on(self, first: int, last: int) -> dict[str, int]:
        """Return how much of each limit the neurons from `first` up to, not with, `last` use."""
        if (first, last) in self.known:
            return self.known[first, last]
        size = last - first
        demands = self.demands(first, last)
        used = {
            of.NEURONS: size,
            of.INPUT_AXONS: sum([one.axons for one in demands]),
            of.OUTPUT_AXONS: sum([out(first, last) for out in self.axons_out]),
            of.SYNAPSE_MEMORY: sum([one.words for one in demands]) * self.limits.word_bits,
            of.STATE_WORDS: size * self.state_words,
            of.SYNAPSE_FORMATS: sum([one.formats for one in demands]),
            of.GROUPS: 1,
        }
        if self.longest_delay:
            used[of.DELAY_SLOTS] = size * self.delay_slots
        for key, code_N in self.codes.items():
            used[key] = 1 if code_N is None else len(np.unique(code_N[first:last]))
        found = {key: used[key] for key in self.limits.most if key in used}
        self.known[first, last] = found
        return found

    def demands(self, first: int, last: int) -> list[Demand]:
        """Return what each connection needs there."""
        if (first, last) not in self.demanded:
            self.demanded[first, last] = [one.on(first, last) for one in self.wired.values()]
        return self.demanded[first, last]

    def over(self, first: int, last: int) -> str:
        """Return the limit that these neurons exceed by the largest part; empty where they keep all."""
        used = self.on(first, last)
        over = {key: used[key] / self.limits.most[key] for key in used if used[key] > self.limits.most[key]}
        return max(over, key=lambda key: over[key]) if over else ""


def cut(needs: Sequence[Need]) -> tuple[Need, Cut]:
    """Return the layer in as few cores as any of the orders allows, evenly filled where the limits allow that.

    What a run of neurons needs never shrinks as it grows, so that filling core after core is the least. All orders
    are filled side by side, and the first one that is through ends it: a hopeless order takes as many cores as
    there are neurons, and is not followed to its end. Of equals the first order is taken.

    Raises:
        Unsplittable: whatever the order, one neuron alone is too much for a core.
    """
    begun: list[tuple[Need, list[Range], dict[str, int]]] = [(need, [], {}) for need in needs]
    filling = [(need, _filled(need, ranges, stopped), ranges, stopped) for need, ranges, stopped in begun]
    stuck: Unsplittable | None = None
    while filling:
        going = []
        for need, cores, ranges, stopped in filling:
            try:
                if next(cores, None) is None:
                    return need, Cut(need.order, tuple(_even(need, ranges)), stopped)
                going.append((need, cores, ranges, stopped))
            except Unsplittable as error:
                stuck = error if need is needs[-1] or stuck is None else stuck
        filling = going
    assert stuck is not None
    raise stuck


def _filled(need: Need, ranges: list[Range], stopped: dict[str, int]) -> Iterator[Range]:
    """Yield core after core, and add it to `ranges`, and what closed it to `stopped`."""
    n_neurons = len(need.neurons)
    first = last = 0
    size = n_neurons
    while first < n_neurons:
        last = _longest(need, first, min(n_neurons, first + need.limits.most[of.NEURONS]), size)
        if last == first:
            key = need.over(first, first + 1)
            raise Unsplittable(int(need.neurons[first]), key, need.on(first, first + 1)[key])
        if last < n_neurons:
            key = need.over(first, last + 1)
            stopped[key] = stopped.get(key, 0) + 1
        ranges.append((first, last))
        yield first, last
        first, size = last, last - first


def _longest(need: Need, first: int, most: int, likely: int) -> int:
    """Return the end of the longest run from `first` that a core holds, `first` where it holds none.

    Cores of a layer hold about as much, so it is looked for around the `likely` number of neurons.
    """
    good, bad, end, step = first, most + 1, min(first + likely, most), 1
    while bad - good > 1:
        if need.over(first, end):
            bad = end
        else:
            good = end
        if good == first or bad > most:  # one side is open yet: further and further away
            end, step = max(bad - step, first + 1) if good == first else min(good + step, most), 2 * step
        else:
            end = (good + bad) // 2
    return good


def _even(need: Need, ranges: list[Range]) -> list[Range]:
    """Return the ranges with neurons spread evenly: the fullest core sets the pace of a step."""
    together = piece(need.order, need.shape)
    for unit in dict.fromkeys((together, 1)):
        pieces = len(need.neurons) // unit
        if pieces < len(ranges):
            continue
        ends = [round(pieces * index / len(ranges)) * unit for index in range(len(ranges) + 1)]
        even = list(itertools.pairwise(ends))
        if not any(need.over(*one) for one in even):
            return even
    return ranges
