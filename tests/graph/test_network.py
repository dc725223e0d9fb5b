"""What a NIR graph means: paths, biases, order, and what is refused."""

from __future__ import annotations

from pathlib import Path

import nir
import numpy as np
import pytest

from neurodeploy.backends import reference
from neurodeploy.graph.files import GraphFile
from neurodeploy.graph.network import Network, discretised


def lif(n_neurons: int, **changed: float) -> nir.LIF:
    values = {"tau": 0.01, "r": 1.0, "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0} | changed
    return nir.LIF(**{key: np.full(n_neurons, value) for key, value in values.items()})


def read(nodes: dict[str, nir.NIRNode], edges: list[tuple[str, str]], **options: object) -> Network:
    graph = nir.NIRGraph(nodes, edges, type_check=False)
    return discretised(GraphFile(Path("g.nir"), "g", graph, True), dt_s=1e-3, **options)  # type: ignore[arg-type]


def test_linear_chains_are_multiplied_out_and_every_bias_counts_once() -> None:
    generator = np.random.default_rng(0)
    a, b = generator.normal(size=(4, 3)), generator.normal(size=(2, 4))
    bias_a, bias_b = generator.normal(size=4), generator.normal(size=2)
    network = read(
        {
            "in": nir.Input({"input": np.array([3])}),
            "a": nir.Affine(a, bias_a),
            "scale": nir.Scale(np.array([1.0, 2.0, 3.0, 4.0])),
            "b": nir.Affine(b, bias_b),
            "n": lif(2),
            "out": nir.Output({"output": np.array([2])}),
        },
        [("in", "a"), ("a", "scale"), ("scale", "b"), ("b", "n"), ("n", "out")],
    )
    scaled = b @ np.diag([1.0, 2.0, 3.0, 4.0])
    np.testing.assert_allclose(network.synapses[0].weight, scaled @ a)
    np.testing.assert_allclose(network.populations[0].bias, scaled @ bias_a + bias_b)


def test_a_bias_after_two_merging_paths_counts_once() -> None:
    network = read(
        {
            "in": nir.Input({"input": np.array([2])}),
            "n": lif(2),
            "rec": nir.Linear(np.eye(2)),
            "join": nir.Affine(np.eye(2), np.array([5.0, 6.0])),
            "out": nir.Output({"output": np.array([2])}),
        },
        [("in", "join"), ("join", "n"), ("n", "rec"), ("rec", "join"), ("n", "out")],
    )
    assert network.populations[0].bias.tolist() == [5.0, 6.0]
    assert sorted(one.delayed for one in network.synapses) == [False, True]


def test_euler_steps_follow_the_definition() -> None:
    """One neuron, by hand: tau 10 ms, dt 1 ms, R 2, leak 0.1, input weight 1."""
    network = read(
        {
            "in": nir.Input({"input": np.array([1])}),
            "w": nir.Linear(np.array([[1.0]])),
            "n": lif(1, r=2.0, v_leak=0.1, v_threshold=0.5),
            "out": nir.Output({"output": np.array([1])}),
        },
        [("in", "w"), ("w", "n"), ("n", "out")],
    )
    trace = reference.run(network, np.ones((1, 6, 1), np.uint8), record=True)
    v, expected, fired = 0.0, [], []
    for _ in range(6):
        v += 0.1 * (0.1 - v + 2.0)
        fired.append(v > 0.5)
        v = 0.0 if v > 0.5 else v
        expected.append(v)
    np.testing.assert_allclose(trace.layers["n"].v_BTN[0, :, 0], expected)
    assert trace.layers["n"].spikes_BTN[0, :, 0].tolist() == fired
    assert any(fired)


def test_nested_graphs_are_inlined() -> None:
    inner = nir.NIRGraph(
        {
            "i": nir.Input({"input": np.array([2])}),
            "n": lif(2),
            "w": nir.Linear(np.eye(2) * 0.5),
            "o": nir.Output({"output": np.array([2])}),
        },
        [("i", "n"), ("n", "w"), ("w", "n"), ("n", "o")],
        type_check=False,
    )
    network = read(
        {
            "in": nir.Input({"input": np.array([3])}),
            "fc": nir.Linear(np.ones((2, 3))),
            "sub": inner,
            "out": nir.Output({"output": np.array([2])}),
        },
        [("in", "fc"), ("fc", "sub"), ("sub", "out")],
    )
    assert network.output == "sub.n"
    assert [(one.source, one.target, one.delayed) for one in network.synapses] == [
        ("input", "sub.n", False),
        ("sub.n", "sub.n", True),
    ]


@pytest.mark.parametrize(
    ("name", "stores", "asked", "rule"),
    [
        ("net_subtract", False, None, "subtract"),
        ("net_bias_zero", False, None, "zero"),
        ("net_subtract", True, None, "zero"),  # a file that stores v_reset says what it does
        ("net", False, None, "zero"),
        ("net_bias_zero", False, "subtract", "subtract"),
    ],
)
def test_the_reset_rule_and_its_source_are_stated(name: str, stores: bool, asked: str | None, rule: str) -> None:
    nodes = {
        "in": nir.Input({"input": np.array([1])}),
        "w": nir.Linear(np.eye(1)),
        "n": lif(1),
        "out": nir.Output({"output": np.array([1])}),
    }
    graph = nir.NIRGraph(nodes, [("in", "w"), ("w", "n"), ("n", "out")], type_check=False)
    network = discretised(GraphFile(Path(name), name, graph, stores), dt_s=1e-3, reset=asked)
    assert network.populations[0].reset == rule
    assert "n: reset rule" in network.notes[0]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("net_bias_zero", "'zero' taken from the file's name; the graph has none, give the reset rule to be sure"),
        ("net", "'zero' taken from NIR's definition (to v_reset); give the reset rule 'subtract' if it was trained o"),
    ],
)
def test_the_note_on_an_assumed_rule_says_what_changes_it_as_a_programs_file_keeps_it(name: str, says: str) -> None:
    nodes = {"in": nir.Input({"input": np.array([1])}), "w": nir.Linear(np.eye(1)), "n": lif(1)}
    graph = nir.NIRGraph(
        nodes | {"out": nir.Output({"output": np.array([1])})},
        [("in", "w"), ("w", "n"), ("n", "out")],
        type_check=False,
    )
    notes = discretised(GraphFile(Path(name), name, graph, False), dt_s=1e-3).notes
    assert notes[0].startswith(f"n: reset rule {says}")
    assert type(notes[0]) is str
    assert "--" not in notes[0]
