"""Contenders timed in turn, so that a slow minute of the machine hits all of them.

A turn goes ours, peer, ours, next peer ...; each ratio compares neighbours in time as well as medians.
"""

import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Block = Callable[[], float]
"""Runs some samples and returns samples per second."""
BLOCK_S = 0.2
"""How long a timed block lasts at least, roughly."""


@dataclass(frozen=True)
class Speeds:
    """Samples per second, block by block.

    Attributes:
        ours: One for each round and peer, peers in their order; one for each round without peers.
        peers: One for each round.
    """

    ours: list[float]
    peers: dict[str, list[float]]

    def ratio(self, name: str) -> float:
        """Return how many times faster we are than a peer, median against median."""
        return statistics.median(self.ours) / statistics.median(self.peers[name])

    def neighbours(self, name: str) -> list[float]:
        """Return the same for each round, against our block just before the peer's."""
        place, step = list(self.peers).index(name), len(self.peers)
        return [ours / peer for ours, peer in zip(self.ours[place::step], self.peers[name], strict=True)]


def in_turn(
    ours: Block, peers: Mapping[str, Block], repeats: int, tell: Callable[[int], None] = lambda _: None
) -> Speeds:
    """Return the speeds of `repeats` rounds; `tell` hears how many are done."""
    found = Speeds([], {name: [] for name in peers})
    for index in range(repeats):
        if not peers:
            found.ours.append(ours())
        for name, peer in peers.items():
            found.ours.append(ours())
            found.peers[name].append(peer())
        tell(index + 1)
    return found


def block(call: Callable[[int], Any], batch: int) -> Block:
    """Return a block of calls on batches 0, 1, 2 ...; two untimed calls tell how many fill `BLOCK_S`.

    A block of several calls starts with an untimed one, because another contender has just had the caches.
    """
    n_calls = calls_in_block(call)

    def timed() -> float:
        if n_calls > 1:
            call(0)
        return n_calls * batch / seconds_of(call, n_calls)

    return timed


def calls_in_block(call: Callable[[int], Any]) -> int:
    """Return how many calls fill `BLOCK_S`, after two of them."""
    call(0)
    return max(1, math.ceil(BLOCK_S / seconds_of(call, 1)))


def seconds_of(call: Callable[[int], Any], n_calls: int) -> float:
    """Return how long calls on batches 0, 1, 2 ... take."""
    started = time.perf_counter()
    for index in range(n_calls):
        call(index)
    return time.perf_counter() - started


def spread(values: list[float]) -> dict[str, float]:
    """Return the smallest and the largest."""
    return {"min": min(values), "max": max(values)}
