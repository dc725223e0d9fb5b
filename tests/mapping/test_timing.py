"""Ways of different length between the same ends: missing steps become delays, and every spike stays."""

from __future__ import annotations

import itertools
from typing import Any

import nir
import numpy as np
import pytest

from neurodeploy.backends import fixed, reference
from neurodeploy.certificate.equations import first_violation
from neurodeploy.errors import MappingError
from neurodeploy.graph.network import Network
from neurodeploy.mapping.compile import Compiled, compile_network
from neurodeploy.program.plan import ConnectionPlan, Plan
from tests.graph.images import network
from tests.graph.test_delays_and_readouts import MS, delay

ONE = 64
"""Threshold mantissa: a power of two, so that float64 holds every sum of weights exactly."""
Nodes = dict[str, nir.NIRNode]
Edges = list[tuple[str, str]]


def whole(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Return weights on the grid of 8 bits."""
    return rng.integers(-40, 80, shape) * 2 / ONE


def integrators(*shape: int) -> nir.IF:
    ones = np.ones(shape)
    return nir.IF(r=ones / MS, v_threshold=ones, v_reset=0 * ones)


def graph_of(nodes: Nodes, edges: Edges, **options: Any) -> Network:
    return network(nir.NIRGraph(nodes, edges, type_check=False), **options)


class Drawn:
    """A random network of populations that no rounding touches: integrators, and those without memory."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.sizes = {"in": int(self.rng.integers(2, 6))}
        self.nodes: Nodes = {"in": nir.Input({"input": np.array([self.sizes["in"]])})}
        self.edges: Edges = []
        self.words: set[str] = set()
        for index in range(int(self.rng.integers(3, 8))):
            self.population(f"n{index}")
        last = f"n{index}"
        self.nodes["out"] = nir.Output({"output": np.array([self.sizes[last]])})
        self.edges.append((last, "out"))

    def population(self, name: str) -> None:
        rng, size = self.rng, int(self.rng.integers(2, 6))
        earlier = list(self.sizes)
        chosen = {earlier[-1], *rng.choice(earlier, rng.integers(0, 3))}
        sources = [one for one in earlier if one in chosen]
        stacked = len(sources) == 2 and rng.random() < 0.5
        if stacked:
            size = sum(self.sizes[one] for one in sources)
        alike = [one for one in earlier if self.sizes[one] == self.sizes[earlier[-1]]]
        if len(alike) > 1 and rng.random() < 0.5:
            self.words.add("sum of branches")
            self.weights(name, "join", size, alike[-2:])
        self.words |= {"concatenation"} if stacked else {"skip"} if len(sources) > 1 else set()
        first = 0
        for source in sources:
            last = first + self.sizes[source] if stacked else size
            self.weights(name, source, size, [source], np.arange(first, last))
            first = last if stacked else 0
        if rng.random() < 0.3:
            self.words.add("loop")
            self.nodes[name] = integrators(size)
            self.weights(name, "self", size, [name], steps=int(rng.integers(0, 3)))
        if rng.random() < 0.3 and len(self.sizes) > 2:
            self.words.add("long loop")
            back = int(rng.integers(1, len(self.sizes)))
            target = list(self.sizes)[back]
            self.sizes[name] = size
            steps = len(self.sizes) - back
            self.weights(target, f"from_{name}", self.sizes[target], [name], steps=steps)
        self.sizes[name] = size
        self.nodes[name] = nir.Threshold(np.ones(size)) if rng.random() < 0.4 else integrators(size)

    def weights(
        self, target: str, label: str, size: int, sources: list[str], rows: np.ndarray | None = None, steps: int = -1
    ) -> None:
        """Connect the sum of some sources to a target, now and then through a delay."""
        name = f"w_{target}_{label}"
        sources_size = self.sizes.get(sources[0], size)
        weight = np.zeros((size, sources_size))
        rows = np.arange(size) if rows is None else rows
        weight[rows] = whole(self.rng, len(rows), sources_size)
        bias = self.rng.integers(-40, 20, size) * 2 / ONE if self.rng.random() < 0.3 and steps < 0 else np.zeros(size)
        self.nodes[name] = nir.Affine(weight, bias)
        self.edges += [(source, name) for source in sources]
        if steps < 0 and self.rng.random() < 0.3 and not bias.any():
            steps = int(self.rng.integers(0, 4))
        if steps >= 0:
            self.nodes[f"{name}_wait"] = delay(*[steps] * size)
            self.edges += [(name, f"{name}_wait"), (f"{name}_wait", target)]
        else:
            self.edges.append((name, target))

    def network(self) -> Network:
        return graph_of(self.nodes, self.edges, reset=("zero", "subtract")[self.rng.integers(2)])


def exactly(found: Network) -> Compiled:
    """Return the Program whose integers are the graph's weights, one unit of 2 / 64 a step."""
    plan = Plan(
        {one.name: ONE for one in found.populations},
        {one.name: ConnectionPlan(8, 0) for one in found.synapses},
    )
    return compile_network(found, plan=plan)


def check_every_spike(made: Compiled, found: Network, data: np.ndarray) -> int:
    """Compare the integers' spikes with the graph's, each population from the step at which it begins."""
    real, trace = reference.run(found, data, record=True), fixed.run(made.program, data, record=True)
    for layer in made.program.layers:
        spikes = trace.layers[layer.name].spikes_BTN
        np.testing.assert_array_equal(
            spikes[:, layer.start : layer.start + data.shape[1]], real.layers[layer.name].spikes_BTN, layer.name
        )
        assert not spikes[:, : layer.start].any()
    assert not any("its bias acts" in note for note in made.program.notes)
    assert first_violation(made.quantised, made.plan, trace, data) is None
    return int(real.layers[found.output].spikes_BTN.sum())


def test_random_networks_give_every_spike_of_their_graphs() -> None:
    words: list[str] = []
    fired = waited = rested = 0
    for seed in range(60):
        drawn = Drawn(seed)
        found = drawn.network()
        made = exactly(found)
        data = (np.random.default_rng(seed).random((3, 20, found.n_inputs)) < 0.4).astype(np.uint8)
        fired += check_every_spike(made, found, data) > 0
        rested += any(getattr(one, "rest_init", 0) for one in made.program.layers)
        waited += any(int(one.delay) for one in made.program.connections)
        words += drawn.words
    assert {word: words.count(word) for word in set(words) if words.count(word) < 10} == {}
    assert {"skip", "concatenation", "sum of branches", "loop", "long loop"} <= set(words)
    assert fired > 40
    assert waited > 40
    assert rested > 20


def chain(length: int, *extra: tuple[str, str], **nodes: nir.NIRNode) -> Network:
    """Return populations n0 > n1 > ... of two neurons, with more edges; each edge has weights of its own."""
    every: Nodes = {"in": nir.Input({"input": np.array([2])}), "out": nir.Output({"output": np.array([2])})}
    every |= {f"n{index}": integrators(2) for index in range(length)} | nodes
    names = ["in", *(f"n{index}" for index in range(length))]
    edges: Edges = [(names[-1], "out")]
    for source, target in [*itertools.pairwise(names), *extra]:
        if source in nodes or target in nodes:
            edges.append((source, target))
            continue
        every[f"{source}-{target}"] = nir.Linear(np.array([[1.5, 0], [0, 1.25]]))
        edges += [(source, f"{source}-{target}"), (f"{source}-{target}", target)]
    return graph_of(every, edges, reset="zero")


def delays(made: Compiled) -> dict[str, int]:
    return {one.name: int(one.delay) for one in made.program.connections if one.delay}


def test_the_longest_wait_is_63_steps() -> None:
    data = (np.random.default_rng(2).random((2, 12, 2)) < 0.4).astype(np.uint8)
    found = chain(64, ("in", "n63"))
    assert delays(made := exactly(found)) == {"in-n63": 63}
    assert check_every_spike(made, found, data)
    said = r"in-n64 \(input -> n64\) waits 64 steps, at most 63 are allowed; put neurons on the shorter way"
    with pytest.raises(MappingError, match=said):
        exactly(chain(65, ("in", "n64")))


def test_what_is_too_long_for_one_connection_is_shared_with_the_one_before() -> None:
    aside: Nodes = {"a": nir.Linear(np.eye(2) * 1.5), "m": integrators(2), "b": nir.Linear(np.eye(2) * 1.25)}
    found = chain(70, ("in", "a"), ("a", "m"), ("m", "b"), ("b", "n69"), **aside)
    assert delays(made := exactly(found)) == {"a": 5, "b": 63}
    assert check_every_spike(made, found, np.ones((1, 8, 2), np.uint8))


def test_a_loop_takes_as_many_steps_as_it_has_connections() -> None:
    rec = nir.Linear(np.array([[0, -0.5], [0.75, 0]]))
    data = (np.random.default_rng(3).random((2, 20, 2)) < 0.5).astype(np.uint8)
    back = [("n2", "rec"), ("rec", "wait"), ("wait", "n0")]
    for steps, expected in ((3, {}), (5, {"rec": 2})):
        found = chain(3, *back, rec=rec, wait=delay(steps, steps))
        assert delays(made := exactly(found)) == expected
        assert check_every_spike(made, found, data)
    said = r"rec \(n2 -> n0\) closes a loop over several populations \(.*\), so .* its 3 connections .* 1 step.s. late"
    with pytest.raises(MappingError, match=said):
        exactly(chain(3, *back, rec=rec, wait=delay(2, 2)))


def test_a_loop_is_cut_where_its_delay_is() -> None:
    """Whichever population the input reaches first."""
    rec, w = nir.Linear(np.array([[0, -0.5], [0.75, 0]])), nir.Linear(np.eye(2) * 1.5)
    nodes: Nodes = {"in": nir.Input({"input": np.array([2])}), "out": nir.Output({"output": np.array([2])})}
    nodes |= {"a": integrators(2), "b": integrators(2), "w": w, "skip": w, "ahead": w, "rec": rec, "wait": delay(2, 2)}
    edges = [("in", "skip"), ("skip", "b"), ("in", "w"), ("w", "a"), ("a", "ahead"), ("ahead", "b")]
    edges += [("b", "rec"), ("rec", "wait"), ("wait", "a"), ("b", "out")]
    data = (np.random.default_rng(3).random((2, 20, 2)) < 0.5).astype(np.uint8)
    results = []
    for order in (edges, edges[::-1]):
        found = graph_of(nodes, order, reset="zero")
        assert [one.name for one in found.populations] == ["a", "b"]
        assert delays(made := exactly(found)) == {"skip": 1}
        assert check_every_spike(made, found, data)
        results.append(reference.run(found, data).output_BN)
    np.testing.assert_array_equal(results[0], results[1])


@pytest.mark.parametrize(("ahead", "back", "starts"), [(1, 1, (1, 1)), (2, 0, (2, 1)), (0, 2, (1, 2)), (2, 1, (1, 1))])
def test_the_delays_of_a_loop_may_stand_anywhere_in_it(ahead: int, back: int, starts: tuple[int, int]) -> None:
    rec, w = nir.Linear(np.array([[0, -0.5], [0.75, 0]])), nir.Linear(np.eye(2) * 1.5)
    nodes: Nodes = {"in": nir.Input({"input": np.array([2])}), "out": nir.Output({"output": np.array([2])})}
    nodes |= {"a": integrators(2), "b": integrators(2), "w": w, "ahead": w, "rec": rec}
    nodes |= {"wait": delay(ahead, ahead), "late": delay(back, back)}
    edges = [("in", "w"), ("w", "a"), ("a", "wait"), ("wait", "ahead"), ("ahead", "b"), ("b", "rec"), ("rec", "late")]
    found = graph_of(nodes, [*edges, ("late", "a"), ("b", "out")], reset="zero")
    made = exactly(found)
    assert tuple(made.program.layer(name).start for name in "ab") == starts
    assert check_every_spike(made, found, (np.random.default_rng(3).random((2, 20, 2)) < 0.5).astype(np.uint8))
