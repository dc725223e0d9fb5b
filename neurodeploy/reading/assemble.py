"""A wired network as a NIR graph."""

import math
from collections.abc import Mapping
from copy import copy
from typing import Any

import nir
import numpy as np
from torch import nn

from neurodeploy.errors import FrameworkError, NetworkError
from neurodeploy.graph.metadata import ours
from neurodeploy.graph.node_table import WEIGHTS
from neurodeploy.reading.instances import Instance
from neurodeploy.reading.labels import INPUT_NODE, Arrival
from neurodeploy.reading.leaves import Built, ChipNeurons, Memoryless, Neurons, Shape, Source
from neurodeploy.reading.neurons import begun, readout, reordered
from neurodeploy.reading.outputs import Output
from neurodeploy.reading.routes import Route, reshaped
from neurodeploy.reading.wiring import Wiring

RESERVED = ("input", "output")


GivenNames = Mapping[str, Mapping[str, str]]
"""Names of nodes, where they are not to be made of paths: by path of the module and suffix; see `leaves.Built`."""


class Assembled:
    """The graph of a network.

    Args:
        channels: Offset of each input channel, in order (F,).
        shape: Axes of the input channels.

    Attributes:
        modules: Path of the module that each node is from.
        populations: Node of the spiking (or read) population of each instance.
        weights: By node where its weights are in a module; see `leaves.Built`.
        chip: By population how it takes on the chip's numbers.

    Raises:
        FrameworkError: a layer has no node, or takes what none can give it.
    """

    def __init__(
        self, wiring: Wiring, output: Output, channels: np.ndarray, shape: Shape, dt_s: float, given: GivenNames
    ) -> None:
        self.wiring, self.output, self.dt_s, self.given = wiring, output, dt_s, given
        self.channels, self.input_shape = channels, shape
        self.nodes: dict[str, nir.NIRNode] = {"input": nir.Input({"input": np.array(shape)})}
        self.edges: list[tuple[str, str]] = []
        self.modules: dict[str, str] = {}
        self.populations: dict[int, str] = {}
        self.weights: dict[str, Source] = {}
        self.chip: dict[str, ChipNeurons] = {}
        self.notes: list[str] = []
        self.exits: dict[int, tuple[list[str], Shape]] = {INPUT_NODE: (["input"], shape)}
        self.entries: dict[int, str] = {}
        self.parts: dict[int, list[tuple[str, Arrival]]] = {}
        self.names: dict[int, str] = {}
        for node, one in wiring.instances.items():
            self.names[node] = self._named(given.get(one.path, {}).get("") or node_name(one), one.path)
        for node, one in wiring.instances.items():
            self._add(node, one)
        for node, one in wiring.instances.items():
            for name, term in self.parts.get(node, ()):
                arriving = self._route(node, term).given
                flat = isinstance(self.nodes[name], nir.Linear | nir.Affine)
                self._edge(node, term, name, (math.prod(arriving),) if flat else arriving, plain=True)
            for term in wiring.terms[node] if node not in self.parts else ():
                self._connect(node, one, term)
        self._end()
        for node, one in wiring.instances.items():
            if isinstance(one.module, nn.modules.batchnorm._BatchNorm):
                self._fold(self.names[node])

    def _end(self) -> None:
        """Add the output, and before it neurons that add up where the last layer has none."""
        node, leak = self.output.node, self.output.leak
        last, shape = self.exits[node][0], self.wiring.instances[node].shape_out
        end = self.populations.get(node, last[0])
        if leak is not None:
            size = math.prod(shape)
            end = self._named(f"{self.names[node]}_sum", self.wiring.name(node))
            self.nodes[end] = readout(self.dt_s, None, np.full(size, leak), np.ones(size))
            self.edges += [(one, end) for one in last]
            self.populations[node] = end
        self.nodes["output"] = nir.Output({"output": np.array(shape)})
        self.edges.append((end, "output"))

    def _fold(self, norm: str) -> None:
        """Fold a batch norm into weights that lead to it and to nothing else: others read no grouped convolution."""
        before = [source for source, target in self.edges if target == norm]
        if len(before) != 1 or [source for source, _ in self.edges].count(before[0]) != 1:
            return
        weights: Any = self.nodes[before[0]]
        if not isinstance(weights, WEIGHTS):
            return
        scale: Any = self.nodes.pop(norm)  # an Affine with a diagonal matrix, or a convolution of one tap and channel
        factor = np.diag(scale.weight) if scale.weight.ndim == 2 else scale.weight.reshape(len(scale.weight))
        weight, bias = np.asarray(weights.weight), np.asarray(scale.bias)
        scaled = weight * factor.reshape(-1, *(1,) * (weight.ndim - 1))
        if isinstance(weights, nir.Linear):
            made = nir.Affine(weight=scaled, bias=bias)
        else:
            made = copy(weights)
            made.weight, made.bias = scaled, np.asarray(weights.bias) * factor + bias
        self.nodes[before[0]] = made
        self.edges = [(before[0] if a == norm else a, b) for a, b in self.edges if b != norm]

    def _named(self, wanted: str, path: str) -> str:
        """Return a node's name that nothing has yet, and take it."""
        name = wanted + "_" if wanted in RESERVED else wanted
        count = 2
        while name in self.modules:
            name, count = f"{wanted}_{count}", count + 1
        self.modules[name] = path
        return name

    def _add(self, node: int, one: Instance) -> None:
        """Add the nodes of a layer."""
        built = self._built(node, one)
        parts = self._in_parts(node, one, built)
        if parts:
            terms = self.wiring.terms[node]
            rest = [self._suffixed(node, f"from_{self.names.get(term.node & ~1, 'input')}") for term in terms[1:]]
            names = [self.names[node], *rest]
            self.nodes |= dict(zip(names, parts, strict=True))
            self.parts[node] = list(zip(names, terms, strict=True))
            self.exits[node] = (names, one.shape_out)
            return
        suffixed = {suffix: self._suffixed(node, suffix) for suffix in built.nodes}
        self.nodes |= {suffixed[suffix]: made for suffix, made in built.nodes.items()}
        self.edges += [(suffixed[a], suffixed[b]) for a, b in built.edges]
        self.weights |= {suffixed[suffix]: where for suffix, where in built.weights.items()}
        self.chip |= {} if built.chip is None else {suffixed[""]: built.chip}
        self.exits[node] = ([suffixed[built.exit]], one.shape_out)
        self.entries[node] = suffixed[built.entry]
        if isinstance(one.leaf, Neurons) or one.leaf.spikes:
            self.populations[node] = suffixed[""]
        self.notes += [f"{one.path}: {note}" for note in built.notes]

    def _built(self, node: int, one: Instance) -> Built:
        kind = type(one.module).__name__
        try:
            if isinstance(one.leaf, Memoryless):
                return one.leaf.build(one.shape_in, one.shape_out)
            only = node == self.output.node and self.output.potential
            built = one.leaf.build(one.shape_own or one.shape_out, self.dt_s, only)
            built = built if one.begins is None else begun(built, one.begins, self.dt_s)
            return built if one.order is None else reordered(built, np.argsort(one.order), one.shape_own, one.shape_out)
        except (FrameworkError, NetworkError) as error:
            raise error.at().inside(f"{one.path} ({kind})", kind=FrameworkError) from None
        except (ValueError, AssertionError) as error:
            raise FrameworkError(f"{one.path} ({kind}): its parameters do not fit its neurons: {error}") from None

    def _suffixed(self, node: int, suffix: str) -> str:
        base = self.names[node]
        if not suffix:
            return base
        path = self.wiring.name(node)
        return self._named(self.given.get(path, {}).get(suffix, f"{base}_{suffix}"), path)

    def _in_parts(self, node: int, one: Instance, built: Built) -> list[nir.NIRNode]:
        """Return weights of a layer's own for each source, where one is not taken whole and in order; else none."""
        routes = [self._route(node, term) for term in self.wiring.terms[node]]
        if all(route.plain for route in routes) or list(built.nodes) != [""] or not isinstance(one.leaf, Memoryless):
            return []
        plain = built.nodes[""]
        if not isinstance(plain, WEIGHTS):
            return []
        found = [made for route in routes if (made := route.into(plain)) is not None]
        if len(found) < len(routes):
            return []
        for index, made in enumerate(found[1:], 1):  # the bias counts once
            if isinstance(made, nir.Affine):
                found[index] = nir.Linear(made.weight)
            elif not isinstance(made, nir.Linear):
                made.bias = np.zeros_like(made.bias)
        return found

    def _connect(self, node: int, one: Instance, term: Arrival) -> None:
        """Add the edges of a term, where they are not there yet."""
        name = f"{one.path} ({type(one.module).__name__})"
        if isinstance(one.leaf, Memoryless) and one.leaf.needs_spikes:
            terms = self.wiring.terms[node]
            columns = np.concatenate([one.columns for one in terms])
            if len(np.unique(columns)) < len(columns) or any((one.factors != 1).any() for one in terms):
                summed = " and ".join(dict.fromkeys(self.wiring.name(one.node) for one in terms))
                raise FrameworkError(
                    f"{name}: takes the maximum of sums or multiples of spikes (of {summed}), which are not 0 and 1; "
                    "put neurons behind the sum, or take average pooling"
                )
        self._edge(node, term, self.entries[node], one.shape_in)

    def _route(self, node: int, term: Arrival) -> Route:
        given = self.input_shape if term.node == INPUT_NODE else self.wiring.instances[term.node & ~1].shape_out
        return Route(given, self.wiring.instances[node].shape_in, self._features(term), term.columns, term.factors)

    def _edge(self, node: int, term: Arrival, target: str, shape: Shape, plain: bool = False) -> None:
        """Connect a source to `target` of layer `node`, which takes `shape`; `plain` ones are for its outputs."""
        sender = self.wiring.name(term.node)
        if term.node & 1:
            raise FrameworkError(f"{sender}: its potential goes on to {self.wiring.name(node)}; only spikes can")
        names, given = self.exits[term.node]
        steps, now = ([], given) if plain else self._route(node, term).nodes(self.wiring.name(node))
        back = node == term.node or term.node in self.wiring.after(node, within_a_step=True)  # it closes a loop
        if term.lag > 1 or (term.lag and not back):
            delay = ("delay", nir.Delay(delay=np.full(given, term.lag * self.dt_s)))
            steps = [*steps, delay] if now == given else [delay, *steps]
        steps += reshaped(now, shape, self.nodes[target])
        for suffix, made in steps:
            name = self._named(f"{names[0]}_{suffix}", sender)
            self.nodes[name] = made
            self.edges += [(one, name) for one in names]
            names = [name]
        self.edges += [edge for one in names if (edge := (one, target)) not in self.edges]

    def _features(self, term: Arrival) -> np.ndarray:
        """Return which outputs of its source a term takes; of the input, which channels."""
        if term.node != INPUT_NODE:
            return term.features
        order = np.argsort(self.channels)
        found = np.searchsorted(self.channels, term.features, sorter=order)
        known = found < len(order)
        if not known.all() or (self.channels[order[found]] != term.features).any():
            raise FrameworkError("module: its layers take different parts of the input; give them all of it")
        return order[found]


def node_name(instance: Instance) -> str:
    """Return a node's name from the path of its module; one that begins with a number gets the class in front."""
    path = instance.path.replace(".", "_").replace("/", "_")
    return f"{type(instance.module).__name__.lower()}{path}" if path[:1].isdigit() else path


def reset_of(nodes: dict[str, nir.NIRNode]) -> str:
    """Return the reset rule of a graph's neurons: "zero", "subtract", or "mixed"."""
    found = {ours(node.metadata).get("reset", "zero") for node in nodes.values() if hasattr(node, "v_threshold")}
    return found.pop() if len(found) == 1 else "mixed" if found else "zero"
