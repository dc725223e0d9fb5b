"""Paths through a graph's stateless nodes, multiplied out to dense synapses between populations.

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
from neurodeploy.graph.carried import carried
from neurodeploy.graph.euler import NEURON_TYPES

INPUT = "input"
"""Source name of synapses that start from the network's input."""
STATELESS_TYPES = (nir.Linear, nir.Affine, nir.Scale, nir.Flatten, nir.Input, nir.Output)


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

    def fan_out(self, *, zeros: bool = False) -> np.ndarray:
        """Return how many synapses each source has (I,): with a non-zero weight, or of any weight."""
        return np.full(self.weight_OI.shape[1], len(self.weight_OI)) if zeros else (self.weight_OI != 0).sum(axis=0)


class Paths:
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
