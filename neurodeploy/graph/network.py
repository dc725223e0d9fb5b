"""A NIR graph as populations and the dense synapses between them: what every target runs.

Axes: O neurons that synapses end on, I neurons (or input channels) they start from.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import nir
import numpy as np

from neurodeploy.errors import GraphError
from neurodeploy.graph.carried import LARGEST, carried, check_numbers
from neurodeploy.graph.euler import NEURON_TYPES, Population, coefficients
from neurodeploy.graph.files import GraphFile
from neurodeploy.graph.flatten import flattened

INPUT = "input"
STATELESS_TYPES = (nir.Linear, nir.Affine, nir.Scale, nir.Flatten, nir.Input, nir.Output)
SUPPORTED = tuple(sorted({kind.__name__ for kind in (*NEURON_TYPES, *STATELESS_TYPES)}))


@dataclass(frozen=True, eq=False)
class Synapses:
    """Dense weights from `source` (a population or "input") to `target`.

    Attributes:
        delayed: True where the connection closes a loop, so its spikes arrive one step later.
        weight_bits, weight_exp: The chip's precision where the file carries it, else None.
    """

    name: str
    source: str
    target: str
    weight_OI: np.ndarray
    delayed: bool = False
    weight_bits: int | None = None
    weight_exp: int | None = None


@dataclass(frozen=True, eq=False)
class Network:
    """A discretised, real-valued network; the class is the output neuron with most spikes.

    Attributes:
        notes: What had to be assumed because the file does not say it, one sentence each.
        settings: Our entries in the graph's own metadata (dataset, steps, chip).
    """

    name: str
    dt_s: float
    n_inputs: int
    populations: tuple[Population, ...]
    synapses: tuple[Synapses, ...]
    output: str
    notes: tuple[str, ...] = ()
    settings: dict[str, Any] | None = None

    def population(self, name: str) -> Population:
        """Return the population called `name`."""
        return next(one for one in self.populations if one.name == name)

    def into(self, target: str) -> list[Synapses]:
        """Return the synapses that end on `target`."""
        return [one for one in self.synapses if one.target == target]

    @property
    def quantised(self) -> bool:
        """True where the file carries the chip's precision for every population and weight."""
        return all(one.vth_mant is not None for one in self.populations) and all(
            one.weight_exp is not None for one in self.synapses
        )


def discretised(file: GraphFile, *, dt_s: float | None = None, reset: str | None = None) -> Network:
    """Return the network that a NIR file describes.

    Args:
        dt_s: Time step in seconds; needed where the file does not carry one.
        reset: "zero" or "subtract" where the file does not say; else its own rule is used.

    Raises:
        GraphError: the graph has no time step, an unsupported node, values that are not finite,
            shapes that do not fit, or a cycle without a delay.
    """
    try:
        return _discretised(file, dt_s, reset)
    except RecursionError:
        raise GraphError(f"{file.path}: its chains of nodes are too long to follow; merge linear nodes") from None


def _discretised(file: GraphFile, dt_s: float | None, reset: str | None) -> Network:
    where = str(file.path)
    settings = carried(where, file.graph)
    nodes, edges = flattened(file.graph, where)
    _check_nodes(where, nodes)
    dt_s = _time_step(where, settings, dt_s)
    walk = _Walk(where, nodes, edges)
    populations, notes = [], []
    for name in walk.neurons:
        stored = carried(f"{where}: {name}", nodes[name])
        rule, source = _reset_rule(file, stored.get("reset"), reset)
        arrays = coefficients(f"{where}: {name}", nodes[name], dt_s)
        if rule == "subtract" and arrays["v_reset"].any():
            raise GraphError(f"{where}: {name}: subtractive reset needs v_reset 0, found another value")
        population = Population(
            name=name,
            **arrays,
            reset=rule,
            reset_source=source,
            bias=walk.bias(name),
            vth_mant=stored.get("vth_mant"),
        )
        _check_gain(where, population)
        populations.append(population)
        if source != "metadata":
            notes.append(f"{name}: reset rule {rule!r} taken from {source}")
    synapses = walk.synapses()
    for one in populations:
        if not any(synapse.target == one.name for synapse in synapses):
            raise GraphError(f"{where}: {one.name} receives no input; connect it or remove it")
    ordered = _in_order(where, populations, synapses)
    return Network(
        name=file.name,
        dt_s=dt_s,
        n_inputs=walk.n_inputs,
        populations=tuple(ordered),
        synapses=tuple(_with_delays(ordered, synapses)),
        output=walk.output,
        notes=tuple(notes),
        settings=settings,
    )


def _check_nodes(where: str, nodes: dict[str, nir.NIRNode]) -> None:
    for name, node in nodes.items():
        if not isinstance(node, (*NEURON_TYPES, *STATELESS_TYPES)):
            raise GraphError(
                f"{where}: node {name} is a {type(node).__name__}, which no target runs yet; "
                f"supported are {', '.join(SUPPORTED)}"
            )
        check_numbers(f"{where}: node {name}", node)
        if name == INPUT and isinstance(node, NEURON_TYPES):
            raise GraphError(f"{where}: neurons are called {INPUT!r}, which stands for the input; rename the node")


def _check_gain(where: str, population: Population) -> None:
    """A population that nothing can reach, or that anything overflows, has no meaning on a target."""
    with np.errstate(all="ignore"):
        gain = np.abs(population.weight_gain)
    if not ((gain >= 1 / LARGEST) & (gain <= LARGEST)).all():
        raise GraphError(
            f"{where}: {population.name}: a weight of 1 moves the potential by {gain.min():g} to {gain.max():g} "
            "thresholds; check r, w_in and v_threshold"
        )


def _time_step(where: str, settings: dict[str, Any], dt_s: float | None) -> float:
    stored: Any = settings.get("dt_s")
    if dt_s is not None and not (np.isfinite(dt_s) and dt_s > 0):
        raise GraphError(f"--dt: found {dt_s:g}, a positive number of seconds is needed")
    if dt_s is None and stored is None:
        raise GraphError(
            f"{where}: carries no time step, and NIR has no field for it; give --dt in seconds (the NIR "
            "paper's graphs use 1e-4)"
        )
    if dt_s is not None and stored is not None and not np.isclose(dt_s, stored, rtol=1e-9):
        raise GraphError(f"{where}: was exported for a time step of {stored:g} s, --dt says {dt_s:g}; leave it out")
    return float(dt_s if dt_s is not None else stored)


def _reset_rule(file: GraphFile, stored: str | None, asked: str | None) -> tuple[str, str]:
    """Return the reset rule and where it comes from; NIR has a reset potential but no rule."""
    if stored is not None:
        if asked is not None and asked != stored:
            raise GraphError(f"{file.path}: carries reset {stored!r}, --reset says {asked!r}; leave it out")
        return stored, "metadata"
    if asked is not None:
        return asked, "--reset"
    if not file.stores_reset:
        for rule in ("subtract", "zero"):
            if rule in file.name.lower():
                return rule, "the file's name; the graph has none, say --reset to be sure"
    return "zero", "NIR's definition (to v_reset); say --reset subtract if it was trained otherwise"


class _Walk:
    """Paths through the stateless nodes, from one population to the next."""

    def __init__(self, where: str, nodes: dict[str, nir.NIRNode], edges: list[tuple[str, str]]) -> None:
        self.where, self.nodes = where, nodes
        self.after: dict[str, list[str]] = {name: [] for name in nodes}
        for source, target in edges:
            self.after[source].append(target)
        self.neurons = [name for name, node in nodes.items() if isinstance(node, NEURON_TYPES)]
        entered = {target for _, target in edges}
        left = {source for source, _ in edges}
        inputs = [n for n, node in nodes.items() if isinstance(node, nir.Input) and n not in entered]
        outputs = [n for n, node in nodes.items() if isinstance(node, nir.Output) and n not in left]
        for kind, found in (("Input", inputs), ("Output", outputs)):
            if len(found) != 1:
                raise GraphError(
                    f"{where}: has {len(found)} {kind} nodes at its {'start' if kind == 'Input' else 'end'}, exactly "
                    "one is supported; join or split the graph"
                )
        if not self.neurons:
            raise GraphError(
                f"{where}: has no neurons, at least one {' or '.join(t.__name__ for t in NEURON_TYPES)} node is needed"
            )
        self.input = inputs[0]
        self.n_inputs = self._count(self.input, nodes[self.input].input_type.get("input"))
        self.output = self._output(outputs[0])
        promised = nodes[outputs[0]].output_type.get("output")
        if promised is not None and self._count(outputs[0], promised) != self._size(self.output):
            raise GraphError(
                f"{where}: {outputs[0]} takes {promised} values, {self._size(self.output)} neurons arrive; "
                "fix the shapes"
            )

    def paths(self, start: str, before: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
        """Yield each (stateless nodes on the way, neuron or Output reached) from `start`."""
        for name in self.after[start]:
            if name in before:
                loop = " -> ".join((*before[before.index(name) :], name))
                raise GraphError(f"{self.where}: cycle without a delay: {loop}; put a neuron into the loop")
            ends = isinstance(self.nodes[name], nir.Output) and not self.after[name]
            if name in self.neurons or ends:
                yield before, name
            else:
                yield from self.paths(name, (*before, name))

    def synapses(self) -> list[Synapses]:
        """Return the dense connection of every path from a population to the next."""
        found = []
        for start in (self.input, *self.neurons):
            for path, end in self.paths(start):
                if end in self.neurons:
                    found.append(self._connection(start, path, end))
        names = [one.name for one in found]
        return [
            replace(one, name=f"{one.source}>{one.name}>{one.target}") if names.count(one.name) > 1 else one
            for one in found
        ]

    def bias(self, target: str) -> np.ndarray:
        """Return the constant input (N,) of a population: each bias once, through what follows it."""
        total = np.zeros(self._size(target))
        for name, node in self.nodes.items():
            if getattr(node, "bias", None) is None:
                continue
            for path, end in self.paths(name, (name,)):
                if end == target:
                    bias = np.asarray(node.bias, np.float64).ravel()
                    total += self._through(path[1:], len(bias), end) @ bias
        return total

    def _connection(self, start: str, path: tuple[str, ...], end: str) -> Synapses:
        weighted = [name for name in path if isinstance(self.nodes[name], nir.Linear | nir.Affine | nir.Scale)]
        size = self.n_inputs if start == self.input else self._size(start)
        only = weighted[0] if len(weighted) == 1 else None
        stored = carried(f"{self.where}: node {only}", self.nodes[only]) if only else {}
        return Synapses(
            name="+".join(weighted) or f"{start}>{end}",
            source=INPUT if start == self.input else start,
            target=end,
            weight_OI=self._through(path, size, end),
            weight_bits=stored.get("weight_bits"),
            weight_exp=stored.get("weight_exp"),
        )

    def _through(self, path: tuple[str, ...], n_before: int, end: str) -> np.ndarray:
        """Return the matrix (O, I) that the stateless nodes of `path` amount to, from `n_before` values to `end`.

        Sizes are compared before any matrix is made, so that a file that claims a huge one costs nothing.
        """
        size, diagonal = n_before, np.ones(1)
        value: np.ndarray | None = None
        for name in path:
            node = self.nodes[name]
            if isinstance(node, nir.Linear | nir.Affine):
                weight = np.asarray(node.weight, dtype=np.float64)
                if weight.ndim != 2 or weight.shape[1] != size:
                    raise GraphError(
                        f"{self.where}: node {name}: weights are {weight.shape}, {size} inputs arrive; fix the shapes"
                    )
                size, value = len(weight), weight * diagonal if value is None else weight @ value
            elif isinstance(node, nir.Scale):
                factors = np.asarray(node.scale, np.float64).ravel()
                if len(factors) not in (1, size):
                    raise GraphError(
                        f"{self.where}: node {name}: {len(factors)} scales, {size} inputs arrive; fix the shapes"
                    )
                if value is None:
                    diagonal = diagonal * factors
                else:
                    value = factors[:, None] * value
        if size != self._size(end):
            raise GraphError(f"{self.where}: {end} has {self._size(end)} neurons, {size} inputs arrive; fix the shapes")
        return np.diag(np.broadcast_to(diagonal, size)) if value is None else value

    def _count(self, name: str, shape: Any) -> int:
        """Return the number of values that the shape of an Input or Output stands for."""
        sizes = np.asarray(shape)
        if shape is None or sizes.dtype.kind not in "iu" or not (sizes >= 1).all():
            raise GraphError(f"{self.where}: {name} has shape {shape}, whole numbers from 1 are needed")
        return math.prod(int(size) for size in sizes.ravel())

    def _size(self, neuron: str) -> int:
        return int(np.size(self.nodes[neuron].v_threshold))

    def _output(self, output: str) -> str:
        found = {start for start in self.neurons for path, end in self.paths(start) if end == output}
        weighted = [
            name
            for start in self.neurons
            for path, end in self.paths(start)
            if end == output
            for name in path
            if isinstance(self.nodes[name], nir.Linear | nir.Affine | nir.Scale)
        ]
        if len(found) != 1 or weighted:
            raise GraphError(
                f"{self.where}: the output must be the spikes of one population, found "
                f"{', '.join(sorted(found | set(weighted))) or 'none'}; end the graph in spiking neurons"
            )
        return found.pop()


def _in_order(where: str, populations: list[Population], synapses: list[Synapses]) -> list[Population]:
    """Return the populations in the order of the flow from the input."""
    by_name = {one.name: one for one in populations}
    order: list[str] = []
    finished: list[str] = []
    _visit(INPUT, synapses, order, finished)
    missing = [name for name in by_name if name not in finished]
    if missing:
        raise GraphError(f"{where}: {missing[0]} cannot be reached from the input; connect it or remove it")
    return [by_name[name] for name in reversed(finished) if name != INPUT]


def _visit(name: str, synapses: list[Synapses], entered: list[str], finished: list[str]) -> None:
    """Depth-first: reversed `finished` is a topological order once loops are cut."""
    entered.append(name)
    for one in synapses:
        if one.source == name and one.target not in entered:
            _visit(one.target, synapses, entered, finished)
    finished.append(name)


def _with_delays(ordered: list[Population], synapses: list[Synapses]) -> list[Synapses]:
    """Return the synapses with those marked that go against the order, or from a population to itself."""
    place = {INPUT: -1} | {one.name: index for index, one in enumerate(ordered)}
    return [replace(one, delayed=place[one.source] >= place[one.target]) for one in synapses]
