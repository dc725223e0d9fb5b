"""Neurons that NIR has no node for, as sub-graphs of its standard nodes: those of `fixedpoint.dynamics`.

A sub-graph states the difference equations of one step, in which no time constant can be lost: `Delay` nodes of one
step hold the states and the spikes, `Scale` nodes the numbers (with the sign they act with), and a `Threshold` fires.
A state is a `Scale` of 1, into which its terms' edges add up, as everywhere in NIR. Parameters are (N,). The bias,
batch norm, and any factor on the input, are in the weights before the sub-graph.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import nir
import numpy as np

from neurodeploy.errors import GraphError, Place
from neurodeploy.fixedpoint.dynamics.equations import INPUT, SENT, SPIKES, Dynamics
from neurodeploy.fixedpoint.dynamics.integrator import INTEGRATOR
from neurodeploy.fixedpoint.dynamics.step import advanced, apart, exactly, together
from neurodeploy.fixedpoint.dynamics.table import TABLE
from neurodeploy.graph.metadata import carried, check_numbers
from neurodeploy.graph.stored import AGAIN

WHOLE_STEPS = 1e-3
"""Of a step by which a Delay may miss it: files hold float32."""


def before(name: str) -> str:
    """Return the node that holds what a node gave one step before."""
    return f"{name}_before"


def nodes_of(dynamics: Dynamics) -> dict[str, type[nir.NIRNode]]:
    """Return the type of every node of a neuron's sub-graph by its name."""
    found: dict[str, type[nir.NIRNode]] = {"input": nir.Input}
    found |= dict.fromkeys(dynamics.states, nir.Scale)
    found |= dict.fromkeys(map(before, _delayed(dynamics)), nir.Delay)
    found |= {node: nir.Scale for node, _, _ in dynamics.terms()}
    found |= {SENT: nir.Threshold} if dynamics.sends == SPIKES else {}
    return found | {"output": nir.Output}


def edges_of(dynamics: Dynamics) -> set[tuple[str, str]]:
    """Return every edge of a neuron's sub-graph."""
    driven = next(line.state for line in dynamics.lines if line.driven)
    sent = SENT if dynamics.sends == SPIKES else dynamics.potential
    found = {(INPUT, driven), (sent, "output")} | ({(dynamics.potential, SENT)} if sent == SENT else set())
    found |= {(one, before(one)) for one in _delayed(dynamics)}
    for node, state, term in dynamics.terms():
        found |= {(before(term.source) if term.before else term.source, node), (node, state)}
    return found


def _delayed(dynamics: Dynamics) -> list[str]:
    return list(dict.fromkeys([*dynamics.memory, *([SENT] if dynamics.jumps else [])]))


@dataclass(eq=False, kw_only=True)
class DynamicsNode(nir.NIRNode):
    """A sub-graph of neurons as one node, in memory only; its numbers are float64 (N,)."""

    dynamics: Dynamics
    numbers: dict[str, np.ndarray]
    v_threshold: np.ndarray
    delay_s: float
    metadata: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        size = np.array(self.v_threshold.shape)
        self.input_type, self.output_type = {"input": size}, {"output": size}


@dataclass(frozen=True, eq=False)
class DynamicsPopulation:
    """One population of neurons that are equations, real-valued. Arrays are (N,), float64.

    Attributes:
        dynamics: The equations.
        numbers: Coefficients and what a spike adds, by name.
        v_threshold: Of the potential.
        bias: Constant input.
        vth_mant: Chip units of a state of 1, where the file carries it, else None.
        fraction_bits: Of the coefficients, alike.
        model: What the neurons are called where they come from, for people.
        shape: Axes of the population; (N,) when empty.
        spiking: False for those that send their potential; `v_threshold` is just its unit, 1.
        gain: Factor on the input (N,); 1 when None.
    """

    name: str
    dynamics: Dynamics
    numbers: Mapping[str, np.ndarray]
    v_threshold: np.ndarray
    bias: np.ndarray
    vth_mant: int | None = None
    fraction_bits: int | None = None
    model: str = ""
    shape: tuple[int, ...] = ()
    spiking: bool = True
    reset: str = "subtract"
    gain: np.ndarray | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(self.shape) or (len(self.v_threshold),))

    @property
    def n_neurons(self) -> int:
        return len(self.v_threshold)

    @property
    def u_width(self) -> int:
        return max(1, len(self.dynamics.others)) * self.n_neurons

    @property
    def weight_gain(self) -> np.ndarray:
        """Factor from a weight to its effect on the state (N,)."""
        return np.ones(self.n_neurons) if self.gain is None else self.gain

    @property
    def graded(self) -> bool:
        """Whether it sends values instead of spikes."""
        return not self.spiking

    def step(
        self, u: np.ndarray, v: np.ndarray, spikes: np.ndarray, drive: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return u (all other states side by side), v (the potential) and what is sent after one step."""
        u, v = together(self.dynamics, self.states_after(u, v, spikes, drive))
        return u, v, v > self.v_threshold if self.spiking else v

    def states_after(
        self,
        u: np.ndarray,
        v: np.ndarray,
        spikes: np.ndarray,
        drive: np.ndarray,
        new: Mapping[str, np.ndarray] | None = None,
        rounded: Callable[[np.ndarray], np.ndarray] = exactly,
    ) -> dict[str, np.ndarray]:
        """Return the states after one step by name; `new`, `rounded` as in `fixedpoint.dynamics.step.advanced`."""
        before = apart(self.dynamics, u, v)
        drive = drive if self.gain is None else drive * self.gain
        return advanced(self.dynamics, before, spikes, drive, self.numbers, new=new, rounded=rounded)


def subgraph(
    dynamics: Dynamics,
    numbers: Mapping[str, np.ndarray],
    v_threshold: np.ndarray,
    dt_s: float,
    metadata: dict[str, Any],
) -> nir.NIRGraph:
    """Return the sub-graph of a population.

    Args:
        numbers: By name, (N,).
        dt_s: The step, seconds.
    """
    ones = np.ones(len(v_threshold))
    size = np.array([len(ones)])
    nodes: dict[str, nir.NIRNode] = {"input": nir.Input({"input": size})}
    nodes |= {one: nir.Scale(ones) for one in dynamics.states}
    nodes |= {before(one): nir.Delay(dt_s * ones) for one in _delayed(dynamics)}
    nodes |= {node: nir.Scale(term.sign * numbers[term.number] + 0.0) for node, _, term in dynamics.terms()}
    nodes |= {SENT: nir.Threshold(np.asarray(v_threshold))} if dynamics.sends == SPIKES else {}
    nodes["output"] = nir.Output({"output": size})
    return nir.NIRGraph(nodes, sorted(edges_of(dynamics)), metadata=metadata, type_check=False)


def as_neurons(where: str, graph: nir.NIRGraph) -> DynamicsNode | None:
    """Return a sub-graph as one node of neurons, or None where it is something else.

    Its nodes' names and edges tell; our metadata say it too, and then it must be.

    Raises:
        GraphError: the sub-graph is one of ours, and was changed so that it means something else.
    """
    stored = carried(where, graph)
    edges = {tuple(edge) for edge in graph.edges}
    claimed = stored.get("cell")
    for dynamics in TABLE.values():
        types = nodes_of(dynamics)
        fits = types.keys() == graph.nodes.keys() and edges == edges_of(dynamics)
        if fits and all(isinstance(graph.nodes[name], one) for name, one in types.items()):
            return _checked(where, dynamics, graph)
    if claimed is not None:
        raise GraphError(f"its metadata say {claimed!r} neurons, but its nodes or edges are others", AGAIN, where=where)
    return None


def _checked(where: str, dynamics: Dynamics, graph: nir.NIRGraph) -> DynamicsNode:
    """Return the node of a sub-graph whose names and edges fit, after looking at its numbers."""
    nodes: dict[str, Any] = graph.nodes
    for name, node in nodes.items():
        check_numbers(Place(where, f"node {name}", name), node)
    if dynamics.sends != SPIKES:
        raise GraphError(
            f"{dynamics.name} neurons send values, which no graph runs yet", "write a Program", where=where
        )
    threshold = np.asarray(nodes[SENT].threshold, np.float64).ravel()
    numbers: dict[str, np.ndarray] = {}
    for node, _, (sign, name, _, _) in dynamics.terms():
        value = sign * np.asarray(nodes[node].scale, np.float64).ravel() + 0.0
        if value.shape != threshold.shape:
            found = f"node {node} has {len(value)} values for {len(threshold)} neurons"
            raise GraphError(found, "fix the shapes", where=where, node=node)
        if name in numbers and not np.array_equal(numbers[name], value):
            raise GraphError(f"nodes of {name!r} differ, they must be one number", AGAIN, where=where)
        numbers[name] = value
    for name in dynamics.states:
        if not (np.asarray(nodes[name].scale, np.float64) == 1).all():
            raise GraphError(
                f"node {name} only sums up, its scale must be 1", "put the factor elsewhere", where=where, node=name
            )
    if (threshold <= 0).any():
        raise GraphError("a threshold is not above 0, so the neuron never rests", where=where)
    delays = np.concatenate([np.ravel(nodes[before(one)].delay) for one in _delayed(dynamics)])
    if np.ptp(delays) > WHOLE_STEPS * abs(delays[0]) or delays[0] <= 0:
        raise GraphError(
            f"its delays are {delays.min():g} to {delays.max():g} s, all must be one time step", where=where
        )
    return DynamicsNode(
        dynamics=dynamics, numbers=numbers, v_threshold=threshold, delay_s=float(delays[0]), metadata=graph.metadata
    )


def population_of(where: str, name: str, node: DynamicsNode, dt_s: float, bias: np.ndarray) -> DynamicsPopulation:
    """Return the population of a node, for a time step.

    Raises:
        GraphError: the sub-graph was made for another time step.
    """
    if abs(node.delay_s - dt_s) > WHOLE_STEPS * dt_s:
        found = f"{name} steps every {node.delay_s:g} s, the time step is {dt_s:g} s"
        raise GraphError(found, "its difference equations hold for their own step only", where=where, node=name)
    stored = carried(Place(where, name), node)
    return DynamicsPopulation(
        name=name,
        dynamics=node.dynamics,
        numbers=node.numbers,
        v_threshold=node.v_threshold,
        bias=bias,
        vth_mant=stored.get("vth_mant"),
        fraction_bits=stored.get("fraction_bits"),
        model=stored.get("model", ""),
    )


def integrators(
    name: str, arrays: Mapping[str, np.ndarray], stored: Mapping[str, Any], bias: np.ndarray, shape: tuple[int, ...]
) -> DynamicsPopulation:
    """Return the population of an `I` node that sends its potential.

    Args:
        arrays: What `euler.EulerNeurons.coefficients` gives for it.
        stored: Our entries in its metadata.
    """
    return DynamicsPopulation(
        name=name,
        dynamics=INTEGRATOR,
        numbers={"alpha": arrays["beta"]},
        v_threshold=arrays["v_threshold"],
        bias=bias,
        vth_mant=stored.get("vth_mant"),
        fraction_bits=stored.get("fraction_bits"),
        shape=shape,
        spiking=False,
        gain=arrays["current_gain"],
    )


def flattened(graph: nir.NIRGraph, where: str) -> tuple[dict[str, nir.NIRNode], list[tuple[str, str]]]:
    """Return nodes and edges with every sub-graph inlined as `outer.inner`; those that are neurons are one node.

    The Input and Output nodes of a sub-graph stay as nodes that pass their input on.

    Raises:
        GraphError: an edge names a node that is not there, or a sub-graph has several ends.
    """
    nodes: dict[str, nir.NIRNode] = {}
    edges: list[tuple[str, str]] = []
    entries: dict[str, str] = {}
    exits: dict[str, str] = {}
    for name, node in graph.nodes.items():
        if not isinstance(node, nir.NIRGraph):
            nodes[name] = node
            continue
        neurons = as_neurons(Place(where, name), node)
        if neurons is not None:
            nodes[name] = neurons
            continue
        inner_nodes, inner_edges = flattened(node, Place(where, name))
        nodes |= {f"{name}.{key}": value for key, value in inner_nodes.items()}
        edges += [(f"{name}.{a}", f"{name}.{b}") for a, b in inner_edges]
        entries[name] = f"{name}.{_only(node, nir.Input, Place(where, name))}"
        exits[name] = f"{name}.{_only(node, nir.Output, Place(where, name))}"
    for source, target in dict.fromkeys(map(tuple, graph.edges)):
        for end in (source, target):
            if end not in graph.nodes:
                raise GraphError(f"edge {source} -> {target} names {end!r}, which is not a node", where=where)
        edges.append((exits.get(source, source), entries.get(target, target)))
    return nodes, edges


def _only(graph: nir.NIRGraph, kind: type, where: str) -> str:
    found = [name for name, node in graph.nodes.items() if isinstance(node, kind)]
    if len(found) != 1:
        raise GraphError(f"has {len(found)} {kind.__name__} nodes, exactly one is supported", where=where)
    return found[0]
