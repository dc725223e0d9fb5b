"""Neurons that NIR has no node for, as sub-graphs of its standard nodes: adaptive ones, and resonators.

A sub-graph states the difference equations of one step, in which no time constant can be lost:
`Delay` nodes of one step hold the states, `Scale` nodes the coefficients (with the sign they act with),
and a `Threshold` fires. Edges into one node add up, as everywhere in NIR. Parameters are (N,).

    adaptive    w = beta w' + a v' + b s'                resonator    x = re x' - im y' + input - drop s'
                v = alpha v' - gain w + input - drop s'               y = im x' + re y' - drop_y s'
                s = v > threshold                                     s = x > threshold

A dash marks the value one step before. Batch norm, and the factor on the input, are in the weights
before the sub-graph. In our own code b is called `jump`, as in `fixedpoint.cells`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import nir
import numpy as np

from neurodeploy.errors import GraphError
from neurodeploy.fixedpoint.cells import ADAPTIVE, RESONATOR
from neurodeploy.graph.carried import carried, check_numbers

WHOLE_STEPS = 1e-3
"""Of a step by which a Delay may miss it: files hold float32."""


@dataclass(frozen=True)
class Template:
    """How the sub-graph of one kind is put together.

    Attributes:
        states: The two sums that a Delay each holds; the second one is compared with the threshold.
        scales: By node, (from, to, name of the number, sign it is written with).
    """

    kind: str
    states: tuple[str, str]
    scales: Mapping[str, tuple[str, str, str, int]]

    @property
    def potential(self) -> str:
        return self.states[-1]

    def edges(self) -> set[tuple[str, str]]:
        """Return every edge of the sub-graph."""
        found = {("input", self.potential), (self.potential, "s"), ("s", "output"), ("s", "s_before")}
        found |= {(one, f"{one}_before") for one in self.states}
        for node, (source, target, _, _) in self.scales.items():
            found |= {(source, node), (node, target)}
        return found

    def nodes(self) -> dict[str, type[nir.NIRNode]]:
        """Return every node's type by its name."""
        sums: dict[str, type[nir.NIRNode]] = dict.fromkeys([*self.states, *self.scales], nir.Scale)
        holds = dict.fromkeys([f"{one}_before" for one in (*self.states, "s")], nir.Delay)
        return sums | holds | {"input": nir.Input, "s": nir.Threshold, "output": nir.Output}


TEMPLATES = {
    ADAPTIVE: Template(
        ADAPTIVE,
        ("w", "v"),
        {
            "beta": ("w_before", "w", "beta", 1),
            "a": ("v_before", "w", "a", 1),
            "b": ("s_before", "w", "jump", 1),
            "alpha": ("v_before", "v", "alpha", 1),
            "gain": ("w", "v", "gain", -1),
            "drop": ("s_before", "v", "drop", -1),
        },
    ),
    RESONATOR: Template(
        RESONATOR,
        ("y", "x"),
        {
            "re_x": ("x_before", "x", "re", 1),
            "im_y": ("y_before", "x", "im", -1),
            "im_x": ("x_before", "y", "im", 1),
            "re_y": ("y_before", "y", "re", 1),
            "drop": ("s_before", "x", "drop", -1),
            "drop_y": ("s_before", "y", "drop_y", -1),
        },
    ),
}


@dataclass(eq=False, kw_only=True)
class CellNode(nir.NIRNode):
    """A sub-graph of neurons as one node, in memory only; its numbers are float64 (N,)."""

    kind: str
    numbers: dict[str, np.ndarray]
    v_threshold: np.ndarray
    delay_s: float
    metadata: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        size = np.array(self.v_threshold.shape)
        self.input_type, self.output_type = {"input": size}, {"output": size}


@dataclass(frozen=True, eq=False)
class CellPopulation:
    """One population of neurons with two coupled states, real-valued. Arrays are (N,), float64.

    Attributes:
        kind: "adaptive" or "resonator".
        numbers: By name as in `fixedpoint.cells`: coefficients and what a spike adds.
        v_threshold: Of the potential v, or the real part x.
        bias: Constant input.
        vth_mant: Chip units of a state of 1, where the file carries it, else None.
        fraction_bits: Of the coefficients, alike.
        model: What the neurons are called where they come from, for people.
        shape: Axes of the population; (N,) when empty.
    """

    name: str
    kind: str
    numbers: Mapping[str, np.ndarray]
    v_threshold: np.ndarray
    bias: np.ndarray
    vth_mant: int | None = None
    fraction_bits: int | None = None
    model: str = ""
    shape: tuple[int, ...] = ()
    spiking: bool = True
    reset: str = "subtract"

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(self.shape) or (len(self.v_threshold),))

    @property
    def n_neurons(self) -> int:
        return len(self.v_threshold)

    @property
    def weight_gain(self) -> np.ndarray:
        """Factor from a weight to its effect on the state (N,): 1."""
        return np.ones(self.n_neurons)

    def step(
        self, u: np.ndarray, v: np.ndarray, spikes: np.ndarray, drive: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return u (w or y), v (or x) and spikes after one step, all (..., N), from those before it."""
        n = self.numbers
        if self.kind == ADAPTIVE:
            u = n["beta"] * u + n["a"] * v + n["jump"] * spikes
            v = n["alpha"] * v - n["gain"] * u + drive - n["drop"] * spikes
        else:
            u, v = (
                n["im"] * v + n["re"] * u - n["drop_y"] * spikes,
                n["re"] * v - n["im"] * u + drive - n["drop"] * spikes,
            )
        return u, v, v > self.v_threshold


def subgraph(
    kind: str, numbers: Mapping[str, np.ndarray], v_threshold: np.ndarray, dt_s: float, metadata: dict[str, Any]
) -> nir.NIRGraph:
    """Return the sub-graph of neurons of one kind.

    Args:
        numbers: By name, (N,).
        dt_s: The step, seconds.
    """
    template = TEMPLATES[kind]
    ones = np.ones(len(v_threshold))
    size = np.array([len(ones)])
    nodes: dict[str, nir.NIRNode] = {"input": nir.Input({"input": size})}
    nodes |= {one: nir.Scale(ones) for one in template.states}
    nodes |= {f"{one}_before": nir.Delay(dt_s * ones) for one in (*template.states, "s")}
    nodes |= {node: nir.Scale(sign * numbers[name] + 0.0) for node, (_, _, name, sign) in template.scales.items()}
    nodes["s"] = nir.Threshold(np.asarray(v_threshold))
    nodes["output"] = nir.Output({"output": size})
    return nir.NIRGraph(nodes, sorted(template.edges()), metadata=metadata, type_check=False)


def as_cells(where: str, graph: nir.NIRGraph) -> CellNode | None:
    """Return a sub-graph as one node of neurons, or None where it is something else.

    Its nodes' names and edges tell; our metadata say it too, and then it must be.

    Raises:
        GraphError: the sub-graph is one of ours, and was changed so that it means something else.
    """
    stored = carried(where, graph)
    edges = {tuple(edge) for edge in graph.edges}
    claimed = stored.get("cell")
    for template in TEMPLATES.values():
        types = template.nodes()
        fits = types.keys() == graph.nodes.keys() and edges == template.edges()
        if fits and all(isinstance(graph.nodes[name], one) for name, one in types.items()):
            return _checked(where, template, graph)
    if claimed is not None:
        raise GraphError(
            f"{where}: its metadata say {claimed!r} neurons, but its nodes or edges are others; export the graph again"
        )
    return None


def _checked(where: str, template: Template, graph: nir.NIRGraph) -> CellNode:
    """Return the node of a sub-graph whose names and edges fit, after looking at its numbers."""
    nodes: dict[str, Any] = graph.nodes
    for name, node in nodes.items():
        check_numbers(f"{where}: node {name}", node)
    threshold = np.asarray(nodes["s"].threshold, np.float64).ravel()
    numbers: dict[str, np.ndarray] = {}
    for node, (_, _, name, sign) in template.scales.items():
        value = sign * np.asarray(nodes[node].scale, np.float64).ravel() + 0.0
        if value.shape != threshold.shape:
            raise GraphError(
                f"{where}: node {node} has {len(value)} values for {len(threshold)} neurons; fix the shapes"
            )
        if name in numbers and not np.array_equal(numbers[name], value):
            raise GraphError(f"{where}: nodes of {name!r} differ, so it is no rotation; export the graph again")
        numbers[name] = value
    for name in template.states:
        if not (np.asarray(nodes[name].scale, np.float64) == 1).all():
            raise GraphError(f"{where}: node {name} only sums up, its scale must be 1; put the factor elsewhere")
    if (threshold <= 0).any():
        raise GraphError(f"{where}: a threshold is not above 0, so the neuron never rests")
    delays = np.concatenate([np.ravel(nodes[f"{one}_before"].delay) for one in (*template.states, "s")])
    if np.ptp(delays) > WHOLE_STEPS * abs(delays[0]) or delays[0] <= 0:
        raise GraphError(f"{where}: its delays are {delays.min():g} to {delays.max():g} s, all must be one time step")
    return CellNode(
        kind=template.kind,
        numbers=numbers,
        v_threshold=threshold,
        delay_s=float(delays[0]),
        metadata=graph.metadata,
    )


def cell_population(where: str, name: str, node: CellNode, dt_s: float, bias: np.ndarray) -> CellPopulation:
    """Return the population of a node, for a time step.

    Raises:
        GraphError: the sub-graph was made for another time step.
    """
    if abs(node.delay_s - dt_s) > WHOLE_STEPS * dt_s:
        raise GraphError(
            f"{where}: {name} steps every {node.delay_s:g} s, the time step is {dt_s:g} s; its difference equations "
            "hold for their own step only"
        )
    stored = carried(f"{where}: {name}", node)
    return CellPopulation(
        name=name,
        kind=node.kind,
        numbers=node.numbers,
        v_threshold=node.v_threshold,
        bias=bias,
        vth_mant=stored.get("vth_mant"),
        fraction_bits=stored.get("fraction_bits"),
        model=stored.get("model", ""),
    )
