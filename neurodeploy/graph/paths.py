"""Paths through a graph's stateless nodes, multiplied out to synapses between populations.

Axes: O neurons that synapses end on, I neurons (or input channels) they start from, B sample.
"""

import functools
import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import nir
import numpy as np

from neurodeploy.errors import GraphError, Place
from neurodeploy.graph.linear import LinearMap, TooLarge, columns_scaled, diagonal, rows_scaled
from neurodeploy.graph.metadata import carried
from neurodeploy.graph.node_table import NODES, neurons_of, operation, role_of
from neurodeploy.graph.node_type import PASS, POOL, WEIGHTS, Factors, Neurons, Operation, Shape, Wait
from neurodeploy.graph.stored import AGAIN

INPUT = "input"
"""Source name of synapses that start from the network's input."""
MOST_STEPS = 20_000
"""From node to node, on all ways from one population to the next."""
Way = tuple[tuple[str, ...], str]
"""The stateless nodes that it leads through, and the neurons or the Output that it comes to."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Synapses(LinearMap):
    """Weights from `source` (a population or "input") to `target`.

    Attributes:
        delayed: True where the connection closes a loop, so its spikes arrive one step later.
        delay: Steps that the graph's own delays take, shared () or for each synapse of a matrix (O, I).
        weight_bits, weight_exp: The chip's precision where the file carries it, else None.
    """

    name: str
    source: str
    target: str
    delayed: bool = False
    delay: np.ndarray = field(default_factory=lambda: np.zeros((), np.int64))
    weight_bits: int | None = None
    weight_exp: int | tuple[int, ...] | None = None

    @property
    def arrival(self) -> np.ndarray:
        """Steps from a spike to its arrival, () or (O, I): a loop without a delay of its own takes one."""
        return np.maximum(self.delay, int(self.delayed))

    def by_arrival(self) -> Iterator[tuple[int, LinearMap]]:
        """Yield each number of steps with the weights that take so many, the others 0."""
        arrival = self.arrival
        if np.ndim(arrival) == 0:
            yield int(arrival), LinearMap(self.weight, self.window)
            return
        for steps in np.unique(arrival):
            yield int(steps), LinearMap(np.where(arrival == steps, self.weight, 0.0))

    @functools.cached_property
    def ready(self) -> list[tuple[int, Callable[[np.ndarray], np.ndarray]]]:
        """What spikes (B, I) add up to at the outputs (B, O), with the steps they take: made once for all batches."""
        return [(steps, part.prepared()) for steps, part in self.by_arrival()]


class Paths:
    """Paths through the stateless nodes, from one population to the next."""

    def __init__(self, where: str, nodes: dict[str, nir.NIRNode], edges: list[tuple[str, str]], dt_s: float) -> None:
        self.where, self.nodes, self.dt_s = where, nodes, dt_s
        self.after: dict[str, list[str]] = {name: [] for name in nodes}
        for source, target in edges:
            self.after[source].append(target)
        self.neurons = [name for name, node in nodes.items() if neurons_of(node)]
        entered = {target for _, target in edges}
        left = {source for source, _ in edges}
        inputs = [n for n, node in nodes.items() if isinstance(node, nir.Input) and n not in entered]
        outputs = [n for n, node in nodes.items() if isinstance(node, nir.Output) and n not in left]
        for kind, found in (("Input", inputs), ("Output", outputs)):
            if len(found) != 1:
                side, way = ("start", "from") if kind == "Input" else ("end", "to")
                if not found:
                    advice = f"add nir.{kind} with the shape of a step, and an edge {way} it"
                    raise self._refused(f"has no {kind} node at its {side}", advice)
                raise self._refused(
                    f"has {len(found)} {kind} nodes at its {side}, exactly one is supported", "join or split the graph"
                )
        if not self.neurons:
            known = ", ".join(sorted(name for name, entry in NODES.items() if isinstance(entry, Neurons)))
            raise self._refused("has no neurons", f"at least one node of {known} is needed")
        self.input = inputs[0]
        self.input_shape = self._stated(self.input, nodes[self.input].input_type.get("input"))
        self.n_inputs = math.prod(self.input_shape)
        self.shapes = self._shapes()
        self.output = self._output(outputs[0])
        promised = nodes[outputs[0]].output_type.get("output")
        if promised is not None and math.prod(self._stated(outputs[0], promised)) != self._size(self.output):
            text = f"{outputs[0]} takes {promised} values, {self._size(self.output)} neurons arrive"
            raise self._refused(text, "fix the shapes", outputs[0])

    def _refused(self, found: str, advice: str, node: str = "") -> GraphError:
        return GraphError(found, advice, where=self.where, node=node)

    def paths(self, start: str, before: tuple[str, ...] = ()) -> Iterator[Way]:
        """Yield each way on from `start`, the nodes `before` in front."""
        walked = itertools.count()  # ways that part and meet again, over and over, are more than anything can count

        def walk(at: str, before: tuple[str, ...]) -> Iterator[Way]:
            for name in self.after[at]:
                if next(walked) > MOST_STEPS:
                    found = f"more than {MOST_STEPS} ways lead on from {start} without a neuron"
                    raise self._refused(found, "merge linear nodes")
                if name in before:
                    loop = " -> ".join((*before[before.index(name) :], name))
                    raise self._refused(f"cycle without a delay: {loop}", "put a neuron into the loop")
                if name in self.neurons or (isinstance(self.nodes[name], nir.Output) and not self.after[name]):
                    yield before, name
                else:
                    yield from walk(name, (*before, name))

        return walk(start, before)

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
                    total += self._bias_through(name, path[1:], end)
        return total

    def _bias_through(self, name: str, path: tuple[str, ...], end: str) -> np.ndarray:
        """Return what the bias of node `name` amounts to after the nodes of `path`."""
        bias = np.asarray(self.nodes[name].bias, np.float64).ravel()
        shape = self._shape_after(name, len(bias))
        value = np.repeat(bias, math.prod(shape) // len(bias))
        for step in self._operations(path, shape, end):
            if isinstance(step, Factors):
                value = step.factors * value
            elif isinstance(step, LinearMap):
                value = step.apply(value[None])[0]
            elif step.steps.any() and value.any():
                found = "its bias passes a delay, so it would begin later than the network, which no target does"
                raise self._refused(f"node {name}: {found}", "put the delay before these weights", name)
        return value

    def _connection(self, start: str, path: tuple[str, ...], end: str) -> Synapses:
        weighted = [name for name in path if role_of(self.nodes[name]) in (WEIGHTS, POOL)]
        single = [name for name in weighted if role_of(self.nodes[name]) == WEIGHTS] or weighted
        only = single[0] if len(single) == 1 else None
        stored = carried(self._place(only), self.nodes[only]) if only else {}
        shape = self._shape_of(start)
        name = "+".join(weighted) or f"{start}>{end}"
        try:
            linear, delay = self._multiplied(self._operations(path, shape, end), shape)
        except TooLarge as error:
            raise GraphError(
                f"{error}", "put neurons in between, or make it smaller", where=(self.where, name)
            ) from None
        return Synapses(
            name=name,
            source=INPUT if start == self.input else start,
            target=end,
            weight=linear.weight,
            window=linear.window,
            delay=delay,
            weight_bits=stored.get("weight_bits"),
            weight_exp=_exponent(self._place(only or ""), stored, linear),
        )

    def _operations(self, path: tuple[str, ...], shape: Shape, end: str) -> list[Operation]:
        """Return what the stateless nodes of `path` do to values of `shape`.

        Sizes are compared before any matrix is made, so that a file that claims a huge one costs nothing.
        """
        found, arriving = self._through(path, shape)
        self._check_arriving(end, arriving)
        return found

    def _through(self, path: tuple[str, ...], shape: Shape) -> tuple[list[Operation], Shape]:
        """Return what the nodes of a path do to values of `shape`, and their shape after it."""
        found = []
        for name in path:
            step, shape = operation(self._place(name), self.nodes[name], shape, self.dt_s)
            found += [] if step is None else [step]
        return found, shape

    def _place(self, name: str) -> Place:
        return Place(self.where, f"node {name}", name)

    def _check_arriving(self, end: str, arriving: Shape) -> None:
        if math.prod(arriving) != self._size(end):
            axes = f" of shape {arriving}" if len(arriving) > 1 else ""
            found = f"{end} has {self._size(end)} neurons, {math.prod(arriving)} inputs arrive{axes}"
            raise self._refused(found, "fix the shapes", end)

    def _multiplied(self, steps: list[Operation], shape: Shape) -> tuple[LinearMap, np.ndarray]:
        """Return the one map that operations on values of `shape` amount to, and its delays, () or (O, I)."""
        factors = np.ones(1)
        linear: LinearMap | None = None
        early, late = np.zeros(1, np.int64), np.zeros(1, np.int64)
        for step in steps:
            if isinstance(step, Wait):
                early, late = (early + step.steps, late) if linear is None else (early, late + step.steps)
            elif isinstance(step, Factors):
                factors = factors * step.factors if linear is None else factors
                linear = None if linear is None else rows_scaled(linear, step.factors)
            elif linear is None:
                linear = columns_scaled(step, factors)
            else:
                if (late != late[0]).any():
                    found = f"delays of {late.min()} to {late.max()} steps lie between two sets of weights"
                    raise self._refused(f"{found}, which only equal ones can", "put neurons in between")
                linear, late = linear.then(step), late[:1]
        linear = diagonal(factors, shape) if linear is None else linear
        delay = late[:, None] + early[None, :]
        if (delay == delay[0, 0]).all():
            return linear, delay[0, 0]
        matrix = linear.matrix()
        return matrix, np.broadcast_to(delay, matrix.weight.shape)

    def _shapes(self) -> dict[str, Shape]:
        """Return the shape of every population: its own, or where that is flat, that of what arrives there."""
        found = {name: tuple(np.shape(self._sizing(name))) or (1,) for name in self.neurons}
        waiting, seen = [self.input], {self.input}
        while waiting:
            start = waiting.pop(0)
            for path, end in self.paths(start):
                if end not in found or end in seen:
                    continue
                seen.add(end)
                waiting.append(end)
                _, arriving = self._through(path, self.input_shape if start == self.input else found[start])
                self._check_arriving(end, arriving)  # said here, where the first of several misfits is met
                if len(found[end]) == 1:
                    found[end] = arriving
        return found

    def _shape_after(self, name: str, n_biases: int) -> Shape:
        """Return the shape of what a node with a bias gives."""
        for start in (self.input, *self.neurons):
            for path, _ in self.paths(start):
                if name in path:
                    return self._through(path[: path.index(name) + 1], self._shape_of(start))[1]
        return (n_biases,)

    def _shape_of(self, start: str) -> Shape:
        return self.input_shape if start == self.input else self.shapes[start]

    def _stated(self, name: str, shape: Any) -> Shape:
        """Return the shape that an Input or Output states."""
        sizes = np.asarray(shape)
        if shape is None or sizes.dtype.kind not in "iu" or not (sizes >= 1).all():
            raise self._refused(f"{name} has shape {shape}, whole numbers from 1 are needed", "", name)
        return tuple(int(size) for size in sizes.ravel()) or (1,)

    def _size(self, neuron: str) -> int:
        return int(np.size(self._sizing(neuron)))

    def _sizing(self, neuron: str) -> np.ndarray:
        """Return the parameter that says how many neurons there are."""
        return np.asarray(getattr(self.nodes[neuron], self._entry(neuron).sizing))

    def _entry(self, neuron: str) -> Neurons:
        entry = neurons_of(self.nodes[neuron])
        assert entry is not None
        return entry

    def _output(self, output: str) -> str:
        ways = [(start, path) for start in self.neurons for path, end in self.paths(start) if end == output]
        found = {start for start, _ in ways}
        weighted = {name for _, path in ways for name in path if role_of(self.nodes[name]) != PASS}
        if len(found) != 1 or weighted:
            named = ", ".join(sorted(found | weighted)) or "none"
            raise self._refused(
                f"the output must be the spikes of one population, found {named}", "end the graph in spiking neurons"
            )
        for start in self.neurons:
            if self._feeds(start) and not self.sends_values(start):
                kind = type(self.nodes[start]).__name__
                raise self._refused(
                    f"{start} is a {kind}, which sends its potential, only spikes can feed a population",
                    "move it to the end of the graph, or use spiking neurons, or an I: integrators send theirs",
                    start,
                )
        return found.pop()

    def _feeds(self, start: str) -> bool:
        """Return whether a population without spikes feeds others, or itself."""
        return not self._entry(start).spiking and any(end in self.neurons for _, end in self.paths(start))

    def sends_values(self, start: str) -> bool:
        """Return whether a population is an integrator whose potential feeds others, or itself: a linear memory."""
        return self._entry(start).sends and self._feeds(start)


def _exponent(where: str, stored: dict[str, Any], linear: LinearMap) -> int | tuple[int, ...] | None:
    """Return the exponent that a node carries, or one for each row."""
    rows = stored.get("row_exps")
    if rows is None:
        return stored.get("weight_exp")
    if len(rows) != len(linear.weight):
        raise GraphError(f"its metadata hold {len(rows)} exponents for {len(linear.weight)} rows", AGAIN, where=where)
    return tuple(int(one) for one in rows)
