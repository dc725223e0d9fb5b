"""From a recorded run to who is connected to whom, with what delay; the same at every step, or refused.

Axes: T step, B sample, R applications of a layer, F features.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from torch import nn

from neurodeploy.errors import FrameworkError
from neurodeploy.phrases import plural
from neurodeploy.reading.instances import Instance
from neurodeploy.reading.known import without_neurons
from neurodeploy.reading.labels import INPUT_NODE, Arrival
from neurodeploy.reading.leaves import Memoryless, Neurons


@dataclass(eq=False)
class Wiring:
    """Layers and what arrives at them, by node."""

    instances: dict[int, Instance]
    terms: dict[int, list[Arrival]]
    n_steps: int
    n_samples: int
    first_TB: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.int64))

    def name(self, node: int) -> str:
        """Return the path of a node's module."""
        return self.instances[node & ~1].path if node > INPUT_NODE else "the input"

    def after(self, start: int, *, within_a_step: bool = False) -> set[int]:
        """Return the layers that a layer's spikes get to, in any number of steps or in none."""
        waiting, seen = [start], set[int]()
        while waiting:
            here = waiting.pop()
            for node, terms in self.terms.items():
                leads = any(one.node & ~1 == here and not (within_a_step and one.lag) for one in terms)
                if leads and node not in seen:
                    seen.add(node)
                    waiting.append(node)
        return seen


def wired(instances: list[Instance], module: nn.Module) -> Wiring:
    """Return who is connected to whom in a module.

    Raises:
        FrameworkError: something changes from step to step, or a layer takes what a graph cannot give.
    """
    populations = [one for one in instances if isinstance(one.leaf, Neurons)]
    if not populations:
        raise FrameworkError(without_neurons(module))
    n_steps = min(one.steps for one in populations)
    n_samples = populations[0].samples
    for one in populations:
        if one.steps == 2 * n_steps and one.samples == n_samples:
            raise FrameworkError(
                f"{one.path}: is called twice in a step with one state for both; give each place neurons of its own"
            )
        if (one.steps, one.samples) != (n_steps, n_samples):
            raise FrameworkError(
                f"{one.path}: is run for {plural(one.steps, 'step')} of {plural(one.samples, 'sample')}, "
                f"others for {n_steps} of {n_samples}; run each layer once a step"
            )
    return Wiring(
        {one.node: one for one in instances}, {one.node: _terms(one) for one in instances}, n_steps, n_samples
    )


def _terms(instance: Instance) -> list[Arrival]:
    """Return what arrives at a layer: a term for each pattern, and for each that arrives with several delays."""
    found: dict[tuple[tuple[int, bytes, bytes, bytes], int], Arrival] = {}
    row = 0
    for some, rows in instance.arrived:
        times: dict[tuple[int, bytes, bytes, bytes], int] = {}
        for one in some:
            times[one.pattern] = times.get(one.pattern, 0) + 1
            key = (one.pattern, times[one.pattern])
            if key not in found:
                found[key] = replace(one, applications=np.full(instance.rows, -1, np.int64))
            found[key].applications[row : row + rows] = one.applications
        row += rows
    return list(found.values())


def with_lags(wiring: Wiring, output: int) -> None:
    """Find the lag of every connection from a population, and keep only what leads to `output`.

    A layer without memory that is used in several ways (at several places, for the spikes of several steps) becomes
    a layer for each.

    Raises:
        FrameworkError: a lag, or what arrives, changes from step to step.
    """
    uses = _Uses(wiring, output)
    wiring.first_TB = uses.input()
    order = sorted(uses.found, key=lambda use: uses.found[use])
    wiring.instances = {use: replace(wiring.instances[uses.found[use][0]], node=use) for use in order}
    wiring.terms = {use: uses.terms[use] for use in order}


class _Uses:
    """The layers that lead to an output, each use of one on its own."""

    def __init__(self, wiring: Wiring, output: int) -> None:
        self.wiring = wiring
        self.nodes: dict[tuple[int, bytes], int] = {}
        self.found: dict[int, tuple[int, int]] = {}  # node and first application of each use
        self.terms: dict[int, list[Arrival]] = {}
        self.inputs: list[tuple[int, Arrival]] = []
        rows = rows_of_output(wiring, output)
        waiting = [(self._use(output, rows)[0], output, rows)]
        while waiting:
            use, node, rows = waiting.pop()
            self.found[use] = (node, int(rows.max()) if not (rows >= 0).any() else int(rows[rows >= 0].min()))
            self.terms[use] = []
            for term in wiring.terms[node]:
                taken = np.where(rows >= 0, term.applications[rows], -1)
                if (taken < 0).all():
                    continue
                mine = replace(term, applications=taken)
                self.terms[use].append(mine)
                if term.node == INPUT_NODE:
                    self.inputs.append((node, mine))
                    continue
                mine.lag, taken = self._sent(node, term.node, taken)
                mine.node, new = self._use(term.node & ~1, taken)
                if new:
                    waiting.append((mine.node, term.node & ~1, taken))
                mine.node |= term.node & 1

    def _use(self, node: int, rows: np.ndarray) -> tuple[int, bool]:
        """Return the node of a use, the layer's own for the first; and whether it is new."""
        key = (node, rows.tobytes())
        if key in self.nodes:
            return self.nodes[key], False
        free = 2 * (max(self.wiring.instances) + len(self.nodes))
        self.nodes[key] = free if node in self.nodes.values() else node
        return self.nodes[key], True

    def _sent(self, node: int, source: int, taken: np.ndarray) -> tuple[int, np.ndarray]:
        """Return how many steps later a source's spikes arrive, and its applications counted without that."""
        before, wiring = self.wiring.instances[source & ~1], self.wiring
        if isinstance(before.leaf, Neurons):
            place = taken.reshape(wiring.n_steps, wiring.n_samples)
            return _lag(wiring, node, source, place), np.arange(before.rows)
        every = np.arange(len(taken))
        lag = int((taken >= 0).argmax()) // wiring.n_samples
        late = every[: len(every) - lag * wiring.n_samples]
        if before.leaf.spikes and before.rows == len(every) and (taken[len(every) - len(late) :] == late).all():
            return lag, every  # its neurons have no memory, but they are neurons: the delay is behind them
        return 0, taken

    def input(self) -> np.ndarray:
        """Return the place of the first number that each step of each sample takes of the input (T, B)."""
        wiring = self.wiring
        shape = (wiring.n_steps, wiring.n_samples)
        whole = [term.applications.reshape(shape) for _, term in self.inputs if (term.applications >= 0).all()]
        if not self.inputs:
            raise FrameworkError("module: its output does not depend on the sample input")
        for node, term in self.inputs:
            place = term.applications.reshape(shape)
            term.lag = int((place >= 0).all(axis=1).argmax())
            if not whole or ((place >= 0) != (np.arange(shape[0]) >= term.lag)[:, None]).any():
                raise FrameworkError(f"{wiring.name(node)}: does not take the input at every step; give it always")
            apart = place[term.lag :] - whole[0][: shape[0] - term.lag]
            if (apart != apart[0, 0]).any():
                raise FrameworkError(f"{wiring.name(node)}: takes another part of the input at each step; give it one")
            term.features = term.features + apart[0, 0]
        lowest = min(int(term.features.min()) for _, term in self.inputs)
        for _, term in self.inputs:
            term.features = term.features - lowest
        return whole[0] + lowest


def rows_of_output(wiring: Wiring, node: int) -> np.ndarray:
    """Return the applications of the last layer, a step after the other, as the neurons before it have them."""
    rows = wiring.instances[node].rows
    if rows != wiring.n_steps * wiring.n_samples:
        raise FrameworkError(
            f"{wiring.name(node)}: is at the end of the network, but not run at every step; run it at each, and take "
            "the steps that count from what it gives"
        )
    here, taken = node, np.arange(rows)
    while isinstance(wiring.instances[here].leaf, Memoryless):
        first = wiring.terms[here][0]
        if first.node == INPUT_NODE:
            return np.arange(rows)
        here, taken = first.node & ~1, first.applications[taken]
    return np.argsort(taken, kind="stable")


def _lag(wiring: Wiring, node: int, source: int, place: np.ndarray) -> int:
    step, sample = np.divmod(place, wiring.n_samples)
    there = place >= 0
    steps, samples = np.indices(place.shape)
    apart = steps - step
    who = f"{wiring.name(node)}: what {wiring.name(source)} sends it"
    if not there.any() or (sample != samples)[there].any():
        raise FrameworkError(f"{who} comes from other samples of the batch; keep samples apart")
    lag = int(apart[there].max())
    if (apart[there] != lag).any() or (there != (steps >= lag)).any():
        raise FrameworkError(f"{who} changes from step to step; do the same at every step")
    return lag
