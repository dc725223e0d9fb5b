"""From a recorded run to who is connected to whom, with what delay; the same at every step, or refused.

Axes: T step, B sample, R applications of a layer, F features.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from neurodeploy.errors import FrameworkError
from neurodeploy.reading.leaves import Memoryless, Neurons
from neurodeploy.reading.recorder import INPUT_NODE, Instance


@dataclass(eq=False)
class Term:
    """What one source sends to one layer in the whole run.

    Attributes:
        applications: Of the source, for each of the layer's (R,); -1 for none.
        lag: Steps from source to layer, where the source is a population or the input.
    """

    source: int
    factor: float
    features: np.ndarray
    columns: np.ndarray
    applications: np.ndarray
    lag: int = 0


@dataclass(eq=False)
class Wiring:
    """All layers that lead to the output, and their terms, by node."""

    instances: dict[int, Instance]
    terms: dict[int, list[Term]]
    n_steps: int
    n_samples: int
    first_TB: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.int64))
    reaches: set[tuple[int, int]] = field(default_factory=set)

    def name(self, node: int) -> str:
        """Return the path of a node's module."""
        return self.instances[node & ~1].path if node > INPUT_NODE else "the input"


def wired(instances: list[Instance]) -> Wiring:
    """Return who is connected to whom.

    Raises:
        FrameworkError: something changes from step to step, or a layer takes what a graph cannot give.
    """
    populations = [one for one in instances if isinstance(one.leaf, Neurons)]
    if not populations:
        raise FrameworkError(
            "module: has no spiking neurons that are known; put some behind its weights, for example snntorch's Leaky, "
            "norse's LIFCell or spikingjelly's LIFNode"
        )
    n_steps, n_samples = populations[0].steps, populations[0].samples
    for one in populations[1:]:
        if (one.steps, one.samples) != (n_steps, n_samples):
            raise FrameworkError(
                f"{one.path}: is run for {one.steps} steps of {one.samples} samples, {populations[0].path} for "
                f"{n_steps} of {n_samples}; run each layer once a step"
            )
    alias = _aliases(instances)
    kept = [one for one in instances if one.node not in alias]
    return Wiring({one.node: one for one in kept}, {one.node: _terms(one, alias) for one in kept}, n_steps, n_samples)


def _aliases(instances: list[Instance]) -> dict[int, int]:
    """Return which layers are others that were still waiting for their first spike: fed with zeros only."""
    found = {}
    for one in instances:
        if isinstance(one.leaf, Memoryless) and not one.patterns:
            same = [other for other in instances if other.module is one.module and other.patterns]
            if len(same) == 1:
                found[one.node] = same[0].node
    return found


def _terms(instance: Instance, alias: dict[int, int]) -> list[Term]:
    found: dict[tuple[int, bytes, bytes, float], Term] = {}
    row = 0
    for some, rows in instance.arrived:
        for one in some:
            source = alias.get(one.node, one.node)
            key = (source, one.features.tobytes(), one.columns.tobytes(), one.factor)
            if key not in found:
                empty = np.full(instance.rows, -1, np.int64)
                found[key] = Term(source, one.factor, one.features, one.columns, empty)
            # What a layer gave for zeros has no place among its applications; its bias counts from the start anyway.
            taken = one.applications if one.node not in alias else np.full(rows, -1, np.int64)
            there = found[key].applications[row : row + rows]
            found[key].applications[row : row + rows] = np.where(taken >= 0, taken, there)
        row += rows
    return list(found.values())


def with_lags(wiring: Wiring, output: int) -> None:
    """Find the lag of every connection from a population, and keep only what leads to `output`.

    Raises:
        FrameworkError: a lag, or what arrives, changes from step to step.
    """
    n_steps, n_samples = wiring.n_steps, wiring.n_samples
    lags: dict[int, tuple[Term, set[int]]] = {}
    needed: set[int] = set()
    waiting = [output]
    first_TB: np.ndarray | None = None
    while waiting:
        node = waiting.pop()
        if node in needed:
            continue
        needed.add(node)
        own = np.arange(wiring.instances[node].rows)
        rows = own if isinstance(wiring.instances[node].leaf, Neurons) else _rows_of_output(wiring, node)
        for term, taken, path in _paths(wiring, node, rows):
            needed |= set(path)
            place = taken.reshape(n_steps, n_samples)
            if term.source == INPUT_NODE:
                if (place < 0).any():
                    raise FrameworkError(f"{wiring.name(node)}: does not take the input at every step; give it always")
                if first_TB is not None and (first_TB != place).any():
                    raise FrameworkError(f"{wiring.name(node)}: takes another part of the input than other layers do")
                first_TB = place
                continue
            lag = _lag(wiring, node, term, place)
            lags.setdefault(id(term), (term, set()))[1].add(lag)
            wiring.reaches.add((term.source & ~1, node)) if lag == 0 else None
            waiting.append(term.source & ~1)
    for term, several in lags.values():
        if len(several) > 1:
            raise FrameworkError(
                f"{wiring.name(term.source)}: is taken {' and '.join(map(str, sorted(several)))} steps later through "
                "the same weights; use weights of their own"
            )
        term.lag = several.pop()
    if first_TB is None:
        raise FrameworkError("module: its output does not depend on the sample input")
    wiring.first_TB = first_TB
    wiring.instances = {node: one for node, one in wiring.instances.items() if node in needed}
    wiring.terms = {node: some for node, some in wiring.terms.items() if node in needed}


def _rows_of_output(wiring: Wiring, node: int) -> np.ndarray:
    """Return the applications of a layer without neurons at the end, a step after the other."""
    rows = wiring.instances[node].rows
    if rows != wiring.n_steps * wiring.n_samples:
        raise FrameworkError(f"{wiring.name(node)}: is at the end of the network, but not run at every step")
    return np.arange(rows)


def _paths(wiring: Wiring, node: int, rows: np.ndarray) -> Iterator[tuple[Term, np.ndarray, tuple[int, ...]]]:
    """Yield each connection from a population or the input through layers to `node`.

    With it go which application arrives at each of `rows`, and the layers on the way.
    """
    for term in wiring.terms[node]:
        taken = np.where(rows >= 0, term.applications[rows], -1)
        before = wiring.instances.get(term.source & ~1)
        if before is None or isinstance(before.leaf, Neurons):
            yield term, taken, ()
        else:
            for inner, there, path in _paths(wiring, term.source, taken):
                yield inner, there, (*path, term.source)


def _lag(wiring: Wiring, node: int, term: Term, place: np.ndarray) -> int:
    step, sample = np.divmod(place, wiring.n_samples)
    there = place >= 0
    steps, samples = np.indices(place.shape)
    apart = steps - step
    who = f"{wiring.name(node)}: what {wiring.name(term.source)} sends it"
    if not there.any() or (sample != samples)[there].any():
        raise FrameworkError(f"{who} comes from other samples of the batch; keep samples apart")
    lag = int(apart[there].max())
    if (apart[there] != lag).any() or (there != (steps >= lag)).any():
        raise FrameworkError(f"{who} changes from step to step; do the same at every step")
    return lag
