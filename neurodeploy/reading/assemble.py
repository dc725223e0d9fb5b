"""A wired network as a NIR graph."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import nir
import numpy as np
from torch import nn

from neurodeploy.errors import FrameworkError, NetworkError
from neurodeploy.graph.metadata import ours
from neurodeploy.graph.node_table import WEIGHTS
from neurodeploy.reading.fold import with_norm_folded
from neurodeploy.reading.instances import Instance
from neurodeploy.reading.labels import INPUT_NODE
from neurodeploy.reading.leaves import Built, ChipNeurons, Memoryless, Neurons, Shape, Source
from neurodeploy.reading.neurons import readout, reordered
from neurodeploy.reading.outputs import Output
from neurodeploy.reading.routes import Route, reshaped
from neurodeploy.reading.wiring import Term, Wiring

RESERVED = ("input", "output")


@dataclass(eq=False)
class Assembled:
    """A graph that is being put together.

    Attributes:
        modules: Path of the module that each node is from.
        populations: Node of the spiking (or read) population of each instance.
        weights: By node where its weights are in a module; see `leaves.Built`.
        chip: By population how it takes on the chip's numbers.
    """

    nodes: dict[str, nir.NIRNode] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)
    modules: dict[str, str] = field(default_factory=dict)
    populations: dict[int, str] = field(default_factory=dict)
    weights: dict[str, Source] = field(default_factory=dict)
    chip: dict[str, ChipNeurons] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


GivenNames = Mapping[str, Mapping[str, str]]
"""Names of nodes, where they are not to be made of paths: by path of the module and suffix; see `leaves.Built`."""


def assembled(
    wiring: Wiring, output: Output, channels: np.ndarray, shape: Shape, dt_s: float, given: GivenNames
) -> Assembled:
    """Return the graph of a network.

    Args:
        channels: Offset of each input channel, in order (F,).
        shape: Axes of the input channels.

    Raises:
        FrameworkError: a layer has no node, or takes what none can give it.
    """
    return _Assembly(wiring, output, channels, shape, dt_s, given).run()


class _Assembly:
    def __init__(
        self, wiring: Wiring, output: Output, channels: np.ndarray, shape: Shape, dt_s: float, given: GivenNames
    ) -> None:
        self.wiring, self.output, self.dt_s, self.given = wiring, output, dt_s, given
        self.channels, self.input_shape = channels, shape
        self.made = Assembled()
        self.exits: dict[int, tuple[list[str], Shape]] = {}
        self.entries: dict[int, str] = {}
        self.parts: dict[int, list[tuple[str, Term]]] = {}
        self.names: dict[int, str] = {}

    def run(self) -> Assembled:
        self.made.nodes["input"] = nir.Input({"input": np.array(self.input_shape)})
        self.exits[INPUT_NODE] = (["input"], self.input_shape)
        for node, one in self.wiring.instances.items():
            self.names[node] = self._named(self.given.get(one.path, {}).get("") or node_name(one), one.path)
        for node, one in self.wiring.instances.items():
            self._add(node, one)
        for node, one in self.wiring.instances.items():
            for name, term in self.parts.get(node, ()):
                given = self._route(node, term).given
                flat = isinstance(self.made.nodes[name], nir.Linear | nir.Affine)
                self._edge(node, term, name, (math.prod(given),) if flat else given, plain=True)
            for term in self.wiring.terms[node] if node not in self.parts else ():
                self._connect(node, one, term)
        last, _ = self.exits[self.output.node]
        end = self.made.populations.get(self.output.node, last[0])
        if self.output.leak is not None:
            size = math.prod(self.wiring.instances[self.output.node].shape_out)
            name = self._named(f"{self.names[self.output.node]}_sum", self.wiring.name(self.output.node))
            self.made.nodes[name] = readout(self.dt_s, None, np.full(size, self.output.leak), np.ones(size))
            self.made.edges += [(one, name) for one in last]
            self.made.populations[self.output.node] = end = name
        self.made.nodes["output"] = nir.Output({"output": np.array(self.wiring.instances[self.output.node].shape_out)})
        self.made.edges.append((end, "output"))
        for node, one in self.wiring.instances.items():
            if isinstance(one.module, nn.modules.batchnorm._BatchNorm):
                made = self.made
                made.nodes, made.edges = with_norm_folded(made.nodes, made.edges, self.names[node])
        return self.made

    def _named(self, wanted: str, path: str) -> str:
        """Return a node's name that nothing has yet, and take it."""
        name = wanted + "_" if wanted in RESERVED else wanted
        count = 2
        while name in self.made.modules:
            name, count = f"{wanted}_{count}", count + 1
        self.made.modules[name] = path
        return name

    def _add(self, node: int, one: Instance) -> None:
        """Add the nodes of a layer."""
        built = self._checked(one, lambda: self._built(node, one))
        parts = self._in_parts(node, one, built)
        if parts:
            terms = self.wiring.terms[node]
            rest = [self._suffixed(node, f"from_{self._source_name(term)}") for term in terms[1:]]
            names = [self.names[node], *rest]
            self.made.nodes |= dict(zip(names, parts, strict=True))
            self.parts[node] = list(zip(names, terms, strict=True))
            self.exits[node] = (names, one.shape_out)
            return
        suffixed = {suffix: self._suffixed(node, suffix) for suffix in built.nodes}
        self.made.nodes |= {suffixed[suffix]: made for suffix, made in built.nodes.items()}
        self.made.edges += [(suffixed[a], suffixed[b]) for a, b in built.edges]
        self.made.weights |= {suffixed[suffix]: where for suffix, where in built.weights.items()}
        self.made.chip |= {} if built.chip is None else {suffixed[""]: built.chip}
        self.exits[node] = ([suffixed[built.exit]], one.shape_out)
        self.entries[node] = suffixed[built.entry]
        if isinstance(one.leaf, Neurons) or one.leaf.spikes:
            self.made.populations[node] = suffixed[""]
        self.made.notes += [f"{one.path}: {note}" for note in built.notes]

    def _built(self, node: int, one: Instance) -> Built:
        if isinstance(one.leaf, Neurons):
            only = node == self.output.node and self.output.potential
            built = one.leaf.build(one.shape_own or one.shape_out, self.dt_s, only)
            return built if one.order is None else reordered(built, np.argsort(one.order), one.shape_own, one.shape_out)
        return one.leaf.build(one.shape_in, one.shape_out)

    def _checked(self, one: Instance, build: Callable[[], Built]) -> Built:
        kind = type(one.module).__name__
        try:
            return build()
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

    def _connect(self, node: int, one: Instance, term: Term) -> None:
        """Add the edges of a term, where they are not there yet."""
        name = f"{one.path} ({type(one.module).__name__})"
        if isinstance(one.leaf, Memoryless) and one.leaf.needs_spikes:
            terms = self.wiring.terms[node]
            columns = np.concatenate([one.columns for one in terms])
            if len(np.unique(columns)) < len(columns) or any((one.factors != 1).any() for one in terms):
                summed = " and ".join(dict.fromkeys(self.wiring.name(one.source) for one in terms))
                raise FrameworkError(
                    f"{name}: takes the maximum of sums or multiples of spikes (of {summed}), which are not 0 and 1; "
                    "put neurons behind the sum, or take average pooling"
                )
        self._edge(node, term, self.entries[node], one.shape_in)

    def _route(self, node: int, term: Term) -> Route:
        given = self.input_shape if term.source == INPUT_NODE else self._source(term).shape_out
        return Route(given, self.wiring.instances[node].shape_in, self._features(term), term.columns, term.factors)

    def _edge(self, node: int, term: Term, target: str, shape: Shape, plain: bool = False) -> None:
        """Connect a source to `target` of layer `node`, through a route, a delay and another shape where needed.

        Args:
            shape: What the target takes.
            plain: Its weights are for the source's outputs as they are.
        """
        sender = self.wiring.name(term.source)
        if term.source & 1:
            raise FrameworkError(f"{sender}: its potential goes on to {self.wiring.name(node)}; only spikes can")
        names, given = self.exits[term.source]
        steps, now = ([], given) if plain else self._route(node, term).nodes(self.wiring.name(node))
        if term.lag > 1 or (term.lag and not self._leads(node, term.source)):
            delay = ("delay", nir.Delay(delay=np.full(given, term.lag * self.dt_s)))
            steps = [*steps, delay] if now == given else [delay, *steps]
        steps += reshaped(now, shape, self.made.nodes[target])
        for suffix, made in steps:
            name = self._named(f"{names[0]}_{suffix}", sender)
            self.made.nodes[name] = made
            self.made.edges += [(one, name) for one in names]
            names = [name]
        self.made.edges += [edge for one in names if (edge := (one, target)) not in self.made.edges]

    def _leads(self, start: int, goal: int) -> bool:
        """True where spikes get from one layer to another within a step: what goes back closes a loop."""
        waiting, seen = [start], {start}
        while waiting:
            here = waiting.pop()
            if here == goal:
                return True
            for node, terms in self.wiring.terms.items():
                if node not in seen and any(one.source == here and not one.lag for one in terms):
                    seen.add(node)
                    waiting.append(node)
        return False

    def _source(self, term: Term) -> Instance:
        return self.wiring.instances[term.source & ~1]

    def _source_name(self, term: Term) -> str:
        return "input" if term.source == INPUT_NODE else self.names[term.source & ~1]

    def _features(self, term: Term) -> np.ndarray:
        """Return which outputs of its source a term takes; of the input, which channels."""
        if term.source != INPUT_NODE:
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
