"""When each population of a Program begins, and how long spikes wait, so that all arrive as in the graph.

On a chip every connection takes a step, in a graph only delays do. A population that begins at step S stands at
step S + t where the graph's neurons stand at step t. So spikes that the graph delivers after `a` steps wait

    S_target - S_source - 1 + a

steps beyond the connection's own, from 0 to 63. That bounds the difference of two populations' S from both sides,
for each connection; the smallest S that keep all bounds are the longest ways from the input through them.
"""

from typing import NamedTuple

from neurodeploy.errors import MappingError
from neurodeploy.fixedpoint import rules
from neurodeploy.fixedpoint.rules import IntArray
from neurodeploy.graph.network import Network
from neurodeploy.graph.paths import INPUT, Synapses
from neurodeploy.phrases import Phrase


class _Bound(NamedTuple):
    """`target` begins at least `least` steps after `source`, as `synapses` ask."""

    source: str
    target: str
    least: int
    synapses: Synapses


def starts_of(network: Network) -> dict[str, int]:
    """Return the chip's step at which each population, and the input, begins.

    Each connection of the flow makes its target begin a step later, and delays of the graph are waited for in full.
    Only where a loop has its delays in the flow, and none on the way back, do they make up for the chip's steps.

    Raises:
        MappingError: a loop has fewer delays than connections, or spikes would have to wait too long.
    """
    for flowing in (True, False):
        bounds, latest = [], []
        for one in network.synapses:
            in_time = 1 if flowing and not one.delayed else 1 - int(one.arrival.min())
            bounds.append(_Bound(one.source, one.target, in_time, one))
            # The longest wait is a bound on the source, seen from the target.
            latest.append(_Bound(one.target, one.source, int(one.arrival.max()) - 1 - rules.DELAY_MAX, one))
        least, loop = _longest(network, bounds)
        starts, too_long = _longest(network, bounds + latest)
        if not too_long:
            return starts
    if loop:
        missing = sum(one.least for one in loop)
        closing = next(one for one in loop if one.synapses.delayed)
        names = " -> ".join([loop[0].source, *(one.target for one in loop)])
        raise MappingError(
            f"{closing.synapses.name} ({closing.source} -> {closing.target}) closes a loop over several populations "
            f"({names}), so on a chip where each of its {len(loop)} connections takes one step its spikes come "
            f"{missing} step(s) late",
            f"put a Delay of {missing} more step(s) into the loop",
            where=network.name,
        )
    waits = {one.name: int(waits_of(one, least).max()) for one in network.synapses}
    one = max(network.synapses, key=lambda synapses: waits[synapses.name])
    advice = (
        Phrase("give a larger {dt_s}, or shorten its delay") if one.arrival.any() else "put neurons on the shorter way"
    )
    raise MappingError(
        f"{one.name} ({one.source} -> {one.target}) waits {waits[one.name]} steps, at most "
        f"{rules.DELAY_MAX} are allowed",
        advice,
        where=network.name,
        node=one.name,
    )


def waits_of(synapses: Synapses, starts: dict[str, int]) -> IntArray:
    """Return the steps that spikes wait beyond the connection's own, () or (O, I)."""
    return synapses.arrival + (starts[synapses.target] - starts[synapses.source] - 1)


def _longest(network: Network, bounds: list[_Bound]) -> tuple[dict[str, int], list[_Bound]]:
    """Return the smallest steps that keep all bounds, and a chain of them that no steps keep, if there is one.

    Bellman and Ford: after as many rounds as there are populations, only what feeds itself still grows.
    """
    starts = {INPUT: 0} | {one.name: 1 for one in network.populations}
    by: dict[str, _Bound] = {}
    for _ in range(len(starts) + 1):
        late = ""
        for one in bounds:
            if starts[one.source] + one.least > starts[one.target]:
                starts[one.target], by[one.target] = starts[one.source] + one.least, one
                late = one.target
        if starts[INPUT]:  # it begins when it does
            return starts, [by[INPUT]]
        if not late:
            return starts, []
    # On the way back from `late` lie the bounds that feed themselves, in the order of their flow.
    for _ in by:
        late = by[late].source
    chain, here = [by[late]], by[late].source
    while here != late:
        chain.insert(0, by[here])
        here = by[here].source
    return starts, chain
