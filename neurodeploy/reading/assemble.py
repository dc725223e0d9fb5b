"""A wired network as a NIR graph."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import nir
import numpy as np
from torch import nn

from neurodeploy.errors import FrameworkError
from neurodeploy.graph.metadata import ours
from neurodeploy.reading.fold import with_norm_folded
from neurodeploy.reading.leaves import Built, Memoryless, Neurons, Shape
from neurodeploy.reading.neurons import integrator
from neurodeploy.reading.outputs import Output
from neurodeploy.reading.recorder import INPUT_NODE, Instance
from neurodeploy.reading.wiring import Term, Wiring

RESERVED = ("input", "output")


@dataclass(eq=False)
class Assembled:
    """A graph that is being put together.

    Attributes:
        modules: Path of the module that each node is from.
        populations: Node of the spiking (or read) population of each instance.
    """

    nodes: dict[str, nir.NIRNode] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)
    modules: dict[str, str] = field(default_factory=dict)
    populations: dict[int, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def assembled(wiring: Wiring, output: Output, channels: np.ndarray, shape: Shape, dt_s: float) -> Assembled:
    """Return the graph of a network.

    Args:
        channels: Offset of each input channel, in order (F,).
        shape: Axes of the input channels.

    Raises:
        FrameworkError: a layer has no node, or takes what none can give it.
    """
    return _Assembly(wiring, output, channels, shape, dt_s).run()


class _Assembly:
    def __init__(self, wiring: Wiring, output: Output, channels: np.ndarray, shape: Shape, dt_s: float) -> None:
        self.wiring, self.output, self.dt_s = wiring, output, dt_s
        self.channels, self.input_shape = channels, shape
        self.made = Assembled()
        self.exits: dict[int, tuple[list[str], Shape]] = {}
        self.entries: dict[int, str] = {}
        self.parts: dict[int, tuple[list[str], nir.NIRNode]] = {}
        self.names: dict[int, str] = {}

    def run(self) -> Assembled:
        self.made.nodes["input"] = nir.Input({"input": np.array(self.input_shape)})
        self.exits[INPUT_NODE] = (["input"], self.input_shape)
        for node, one in self.wiring.instances.items():
            self.names[node] = self._named(node_name(one), one.path)
        for node, one in self.wiring.instances.items():
            self._add(node, one)
        for node, one in self.wiring.instances.items():
            if node in self.parts:
                self._fill_parts(node, one)
            else:
                for term in self.wiring.terms[node]:
                    self._connect(node, one, term)
        last, _ = self.exits[self.output.node]
        end = self.made.populations.get(self.output.node, last[0])
        if self.output.summed:
            size = math.prod(self.wiring.instances[self.output.node].shape_out)
            name = self._named(f"{self.names[self.output.node]}_sum", self.wiring.name(self.output.node))
            self.made.nodes[name] = integrator(self.dt_s, np.ones(size))
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
        if isinstance(one.leaf, Memoryless) and self._in_parts(node):
            terms = self.wiring.terms[node]
            rest = [self._suffixed(node, f"from_{self._source_name(term)}") for term in terms[1:]]
            self.parts[node] = ([self.names[node], *rest], built.nodes[""])
            self.exits[node] = (self.parts[node][0], one.shape_out)
            return
        names = {suffix: self._suffixed(node, suffix) for suffix in built.nodes}
        self.made.nodes |= {names[suffix]: made for suffix, made in built.nodes.items()}
        self.made.edges += [(names[a], names[b]) for a, b in built.edges]
        self.exits[node] = ([names[built.exit]], one.shape_out)
        self.entries[node] = names[built.entry]
        if isinstance(one.leaf, Neurons) or one.leaf.needs_spikes:
            self.made.populations[node] = names[""]
        self.made.notes += [f"{one.path}: {note}" for note in built.notes]

    def _built(self, node: int, one: Instance) -> Built:
        if isinstance(one.leaf, Neurons):
            only = node == self.output.node and self.output.potential
            return one.leaf.build(one.shape_out, self.dt_s, only)
        return one.leaf.build(one.shape_in, one.shape_out)

    def _checked(self, one: Instance, build: Callable[[], Built]) -> Built:
        kind = type(one.module).__name__
        try:
            return build()
        except FrameworkError as error:
            raise FrameworkError(f"{one.path} ({kind}): {error}") from None
        except (ValueError, AssertionError) as error:
            raise FrameworkError(f"{one.path} ({kind}): its parameters do not fit its neurons: {error}") from None

    def _suffixed(self, node: int, suffix: str) -> str:
        base = self.names[node]
        return base if not suffix else self._named(f"{base}_{suffix}", self.wiring.name(node))

    def _in_parts(self, node: int) -> bool:
        """True where a matrix takes other numbers than one source's, whole and in order."""
        one = self.wiring.instances[node]
        if not isinstance(one.module, nn.Linear):
            return False
        terms = self.wiring.terms[node]
        return any(not self._whole(term, math.prod(one.shape_in)) or term.factor != 1 for term in terms)

    def _fill_parts(self, node: int, one: Instance) -> None:
        """Add a matrix for each source, with columns where that source's outputs are."""
        names, plain = self.parts[node]
        weight = np.asarray(plain.weight)
        bias = getattr(plain, "bias", None)
        for name, term in zip(names, self.wiring.terms[node], strict=True):
            size = len(self.channels) if term.source == INPUT_NODE else math.prod(self._source(term).shape_out)
            columns = np.zeros((len(weight), size))
            np.add.at(columns.T, self._features(term), term.factor * weight.T[term.columns])
            self.made.nodes[name] = nir.Linear(columns) if bias is None else nir.Affine(columns, bias)
            bias = None
            self._edge(node, term, name, (size,), 1.0)

    def _connect(self, node: int, one: Instance, term: Term) -> None:
        """Add the edges of a term, where they are not there yet."""
        name = f"{one.path} ({type(one.module).__name__})"
        if not self._whole(term, math.prod(one.shape_in)):
            raise FrameworkError(
                f"{name}: takes a part of what {self.wiring.name(term.source)} gives, or in another order; only fully "
                "connected layers can"
            )
        if isinstance(one.leaf, Memoryless) and one.leaf.needs_spikes and not self._spikes(term):
            raise FrameworkError(
                f"{name}: takes the maximum of currents, which no sum of spikes is; put it after the neurons, or take "
                "average pooling"
            )
        self._edge(node, term, self.entries[node], one.shape_in, term.factor)

    def _spikes(self, term: Term) -> bool:
        if term.source == INPUT_NODE:
            return True
        leaf = self._source(term).leaf
        return isinstance(leaf, Neurons) or leaf.needs_spikes

    def _edge(self, node: int, term: Term, target: str, shape: Shape, factor: float) -> None:
        """Connect a source to `target` of layer `node`, through a factor, a delay and a flattening where needed."""
        sender = self.wiring.name(term.source)
        if term.source & 1:
            raise FrameworkError(f"{sender}: its potential goes on to {self.wiring.name(node)}; only spikes can")
        names, given = self.exits[term.source]
        steps: list[tuple[str, nir.NIRNode]] = []
        if factor != 1:
            steps.append(("scale", nir.Scale(scale=np.full(given, factor))))
        if term.lag > 1 or (term.lag and not self._leads(node, term.source)):
            steps.append(("delay", nir.Delay(delay=np.full(given, term.lag * self.dt_s))))
        if given != shape:
            if len(shape) != 1 or math.prod(given) != shape[0]:
                raise FrameworkError(
                    f"{self.wiring.name(node)}: takes numbers of shape {shape}, {sender} gives {given}; only "
                    "flattening is allowed in between"
                )
            steps.append(("flat", nir.Flatten({"input": np.array(given)}, start_dim=0)))
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

    def _whole(self, term: Term, size: int) -> bool:
        """True where a term takes all of its source, in order, for all of a layer's `size` inputs."""
        features = self._features(term)
        total = len(self.channels) if term.source == INPUT_NODE else math.prod(self._source(term).shape_out)
        every = np.arange(size)
        return total == size == len(features) and bool((features == every).all() and (term.columns == every).all())


def node_name(instance: Instance) -> str:
    """Return a node's name from the path of its module; one that begins with a number gets the class in front."""
    path = instance.path.replace(".", "_").replace("/", "_")
    return f"{type(instance.module).__name__.lower()}{path}" if path[:1].isdigit() else path


def reset_of(nodes: dict[str, nir.NIRNode]) -> str:
    """Return the reset rule of a graph's neurons: "zero", "subtract", or "mixed"."""
    found = {ours(node.metadata).get("reset", "zero") for node in nodes.values() if hasattr(node, "v_threshold")}
    return found.pop() if len(found) == 1 else "mixed" if found else "zero"
