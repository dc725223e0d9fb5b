"""Files that are old or damaged and can mean one thing only are read so; those that could mean two are not."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import pytest

from neurodeploy.backends import reference
from neurodeploy.errors import GraphError
from neurodeploy.graph.files import GraphFile, read_graph
from neurodeploy.graph.network import Network, discretised
from tests.cli import graphs
from tests.graph import images


def network(file: Path | GraphFile, **options: Any) -> Network:
    return discretised(read_graph(file) if isinstance(file, Path) else file, dt_s=graphs.DT_S, **options)


def states(of: Network) -> list[np.ndarray]:
    """Return every spike and state on random input."""
    trace = reference.run(of, graphs.spikes(n_channels=of.n_inputs), record=True)
    return [getattr(one, key) for one in trace.layers.values() for key in ("spikes_BTN", "u_BTN", "v_BTN")]


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return graphs.write_good(tmp_path / "good.nir")


def rewritten(path: Path, change: Callable[[h5py.Group], None]) -> Path:
    """Return the file with its stored graph changed by hand."""
    with h5py.File(path, "a") as file:
        change(file["node"])
    return path


def replaced(group: h5py.Group, name: str, value: Any) -> None:
    del group[name]
    group[name] = value


def renamed_edges(group: h5py.Group, new: dict[str, str]) -> None:
    edges = [[new.get(end.decode(), end.decode()) for end in edge] for edge in group["edges"][()]]
    replaced(group, "edges", np.array(edges, dtype=object))


def same(found: Network, wanted: Network) -> None:
    for mine, theirs in zip(states(found), states(wanted), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_good_file_needs_no_mending(good: Path) -> None:
    assert read_graph(good).mends == ()


def test_numbers_given_once_are_those_of_all_that_arrive(good: Path, tmp_path: Path) -> None:
    wanted = network(good)

    def scalars(node: h5py.Group) -> None:
        for key in ("tau", "r", "v_leak", "v_threshold", "v_reset"):
            replaced(node["nodes/lif1"], key, float(node["nodes/lif1"][key][0]))

    found = read_graph(rewritten(good, scalars))
    same(network(found), wanted)
    assert [str(one) for one in found.mends] == ["lif1: parameters given once; read as those of 5"]
    assert "lif1: parameters given once; read as those of 5" in network(found).notes


def test_one_number_beside_others_in_full(good: Path) -> None:
    wanted = network(good)
    found = read_graph(rewritten(good, lambda node: replaced(node["nodes/lif1"], "r", 10.0)))
    same(network(found), wanted)
    assert [str(one) for one in found.mends] == ["lif1: r given once, read as the same for all 5"]


def test_two_lengths_in_one_node_are_refused(good: Path) -> None:
    rewritten(good, lambda node: replaced(node["nodes/lif1"], "r", np.ones(3)))
    with pytest.raises(GraphError, match=r"node lif1 \(LIF\): r holds 3 values where others hold 5"):
        read_graph(good)


def test_the_old_name_of_a_renamed_node(good: Path) -> None:
    wanted = network(good)
    found = read_graph(rewritten(good, lambda node: renamed_edges(node, {"lif1": "lif"})))
    same(network(found), wanted)
    assert "edges name 'lif', which is not a node; read as 'lif1'" in str(found.mends[0])


def parts_of_a_layer(extra: list[tuple[str, str]]) -> tuple[graphs.Nodes, graphs.Edges]:
    nodes, edges = graphs.parts()
    size = np.array([graphs.HIDDEN])
    nodes["lif1.input"], nodes["lif1.output"] = nir.Input({"input": size}), nir.Output({"output": size})
    nodes["lif1.lif"] = nodes.pop("lif1")
    return nodes, [*edges, ("lif1.input", "lif1.lif"), ("lif1.lif", "lif1.output"), *extra]


def test_a_layer_that_is_there_in_parts_only(good: Path, tmp_path: Path) -> None:
    found = read_graph(graphs.write(tmp_path / "parts.nir", *parts_of_a_layer([])))
    same(network(found), network(good))
    assert "read as lif1.input and lif1.output" in str(found.mends[0])


def test_a_layer_in_parts_that_feeds_itself_is_refused(tmp_path: Path) -> None:
    file = graphs.write(tmp_path / "parts.nir", *parts_of_a_layer([("lif1", "lif1")]))
    with pytest.raises(GraphError, match="edge lif1 -> lif1 names a layer that is there in parts only"):
        read_graph(file)


def test_two_nodes_without_edges_are_not_guessed_at(tmp_path: Path) -> None:
    nodes, edges = graphs.parts()
    nodes |= {"a": graphs.lif(5), "b": graphs.lif(5)}
    file = graphs.write(tmp_path / "lost.nir", nodes, [*edges, ("fc1", "ghost")])
    with pytest.raises(GraphError, match="names 'ghost', which is not a node"):
        network(file)


def test_a_sub_graph_that_states_a_wrong_size(good: Path, tmp_path: Path) -> None:
    inner = nir.NIRGraph(
        {
            "input": nir.Input({"input": np.array([99])}),
            "lif": graphs.lif(graphs.HIDDEN),
            "output": nir.Output({"output": np.array([graphs.HIDDEN])}),
        },
        [("input", "lif"), ("lif", "output")],
        type_check=False,
    )
    found = read_graph(graphs.write(tmp_path / "inner.nir", *graphs.parts(lif1=inner)))
    same(network(found), network(good))
    assert str(found.mends[0]) == "lif1.input: has shape (99,); (5,) arrive, and are read so"


def test_an_input_with_a_time_axis(good: Path) -> None:
    wanted = network(good)
    found = read_graph(rewritten(good, lambda node: replaced(node["nodes/input"], "shape", np.array([256, 4]))))
    same(network(found), wanted)
    assert "shape (256, 4) begins with (256,) samples or steps; read as (4,)" in str(found.mends[0])


@pytest.mark.parametrize("size", [1, 4])
def test_neurons_that_were_exported_with_their_steps(size: int, tmp_path: Path) -> None:
    """Input and Output both say (100, N), the neurons N: 100 steps of them, as of an exporter's sample."""
    nodes: graphs.Nodes = {"input": nir.Input({"input": np.array([100, size])}), "lif": graphs.lif(size)}
    nodes["output"] = nir.Output({"output": np.array([100, size])})
    file = graphs.write(tmp_path / "steps.nir", nodes, [("input", "lif"), ("lif", "output")])
    found = read_graph(file)
    assert (network(found).n_inputs, network(found).populations[0].n_neurons) == (size, size)
    assert f"shape (100, {size}) begins with (100,) samples or steps; read as ({size},)" in str(found.mends[0])
    asked = read_graph(file, input_shape=(100, size))
    if size == 1:
        assert network(asked).populations[0].n_neurons == 100


def test_one_neuron_s_numbers_are_those_of_all_that_something_behind_them_wants(tmp_path: Path) -> None:
    nodes: graphs.Nodes = {"input": nir.Input({"input": np.array([7, 1])}), "lif": graphs.lif(1)}
    nodes |= {"fc": graphs.linear(3, 7), "last": graphs.lif(3), "output": nir.Output({"output": np.array([3])})}
    found = network(graphs.write(tmp_path / "seven.nir", nodes, list(pairwise(nodes))))
    assert [one.n_neurons for one in found.populations] == [7, 3]


def test_equal_neurons_of_a_wrong_number_are_those_that_both_sides_want(good: Path) -> None:
    wanted = network(good)

    def seven(node: h5py.Group) -> None:
        for key in ("tau", "r", "v_leak", "v_threshold", "v_reset"):
            replaced(node["nodes/lif1"], key, np.full(7, node["nodes/lif1"][key][0]))

    found = read_graph(rewritten(good, seven))
    same(network(found), wanted)
    assert "parameters given for 7 neurons, all the same; read as those of 5" in str(found.mends[0])


def test_an_input_without_a_shape_is_what_comes_after_takes(good: Path) -> None:
    wanted = network(good)
    found = read_graph(rewritten(good, lambda node: node["nodes/input"].__delitem__("shape")))
    same(network(found), wanted)


def image(tmp_path: Path, shape: list[int] | None) -> Path:
    """Write an image network of 2 x 6 x 6 whose input states `shape`."""
    ones = np.ones((3, 4, 4), np.float32)
    nodes: graphs.Nodes = {
        "input": nir.Input({"input": np.array([2, 6, 6] if shape is None else shape)}),
        "conv": nir.Conv2d(None, graphs.weights(3, 18).reshape(3, 2, 3, 3), 1, 0, 1, 1, np.zeros(3, np.float32)),
        "lif": nir.LIF(tau=1e-2 * ones, r=10 * ones, v_leak=0 * ones, v_threshold=ones),
        "output": nir.Output({"output": np.array([3, 4, 4])}),
    }
    nodes["conv"].input_shape = (6, 6)  # type: ignore[attr-defined]
    names = list(nodes)
    file = graphs.write(tmp_path / "image.nir", nodes, list(pairwise(names)))

    def without(node: h5py.Group) -> None:
        del node["nodes/conv/input_shape"]
        if shape is None:
            del node["nodes/input/shape"]

    return rewritten(file, without)


def test_an_image_without_a_shape_asks_for_one_and_takes_it(tmp_path: Path) -> None:
    file = image(tmp_path, None)
    with pytest.raises(GraphError, match=r"input has no shape, .* give input_shape=, for example 1,28,28"):
        read_graph(file)
    assert network(read_graph(file, input_shape=(2, 6, 6))).input_shape == (2, 6, 6)


def test_a_flat_image_gets_its_axes_back(tmp_path: Path) -> None:
    assert network(read_graph(image(tmp_path, [72]), input_shape=(2, 6, 6))).input_shape == (2, 6, 6)
    with pytest.raises(GraphError, match=r"input has shape \(72,\), input_shape= says \(2, 5, 5\)"):
        read_graph(image(tmp_path, [72]), input_shape=(2, 5, 5))


@pytest.mark.parametrize("once", [(1,), (1, 1, 1)], ids=str)
@pytest.mark.parametrize(
    ("after", "shape"),
    [
        (images.conv2d(graphs.weights(5, 12).reshape(5, 3, 2, 2), input_shape=(4, 4)), (5, 3, 3)),
        (images.pool(nir.SumPool2d, 2), (3, 2, 2)),
    ],
)
def test_numbers_given_once_before_windows(
    tmp_path: Path, once: tuple[int, ...], after: nir.NIRNode, shape: tuple[int, ...]
) -> None:
    """4 x 4 values of three channels arrive at the neurons whatever stands behind them."""
    conv = images.conv2d(8 * graphs.weights(3, 18).reshape(3, 2, 3, 3), input_shape=(6, 6))

    def made(name: str, held: tuple[int, ...]) -> Network:
        nodes: graphs.Nodes = {"input": nir.Input({"input": np.array([2, 6, 6])}), "conv": conv}
        nodes |= {"lif": images.neurons(*held), "after": after, "last": images.neurons(*shape)}
        nodes["output"] = nir.Output({"output": np.array(shape)})
        return network(graphs.write(tmp_path / name, nodes, list(pairwise(nodes))))

    found = made("once.nir", once)
    same(found, made("full.nir", (3, 4, 4)))
    assert found.population("lif").n_neurons == 48
    assert states(found)[0].any()


@pytest.mark.parametrize("lead", [[1], [4], [1, 4]])
def test_batch_and_time_axes_before_an_image(tmp_path: Path, lead: list[int]) -> None:
    assert network(image(tmp_path, [*lead, 2, 6, 6])).input_shape == (2, 6, 6)


def test_a_threshold_of_its_own_fires_in_the_step_of_its_input_and_forgets(tmp_path: Path) -> None:
    nodes, edges = graphs.parts(lif1=nir.Threshold(np.full(graphs.HIDDEN, 0.4)))
    found = network(graphs.write(tmp_path / "t.nir", nodes, edges))
    sent = graphs.spikes()
    trace = reference.run(found, sent, record=True)
    drive = sent @ found.synapses[0].weight.T + found.population("lif1").bias
    np.testing.assert_array_equal(trace.layers["lif1"].spikes_BTN, drive > 0.4)
    assert trace.layers["lif1"].spikes_BTN.any()


@pytest.mark.parametrize(("end", "side", "way"), [("input", "start", "from"), ("output", "end", "to")])
def test_a_graph_without_an_end_is_told_which(tmp_path: Path, end: str, side: str, way: str) -> None:
    nodes, edges = graphs.parts()
    del nodes[end]
    file = graphs.write(tmp_path / "g.nir", nodes, [edge for edge in edges if end not in edge])
    says = f"g.nir: has no {end.title()} node at its {side}; add nir.{end.title()} with .*, and an edge {way} it$"
    with pytest.raises(GraphError, match=says):
        network(file)


FIELDS: dict[str, tuple[Callable[[h5py.Group], None], str]] = {
    "a missing field": (
        lambda node: node["nodes/lif1"].__delitem__("tau"),
        r"node lif1 \(LIF\) lacks tau; export the graph again",
    ),
    "a field too many": (
        lambda node: node["nodes/lif1"].__setitem__("colour", 3),
        r"node lif1 \(LIF\) has colour, which NIR's LIF has not",
    ),
    "an unknown type": (
        lambda node: replaced(node["nodes/lif1"], "type", "LiF"),
        "node lif1 is a 'LiF', which NIR does not have; did you mean 'L",
    ),
    "no edges": (lambda node: node.__delitem__("edges"), "has no edges entry, so nothing says what is connected"),
    "an edge of three": (
        lambda node: replaced(node, "edges", np.array([["a", "b", "c"]], dtype=object)),
        r"its edges are \(1, 3\), pairs of names are needed",
    ),
    "an edge listed twice": (
        lambda node: replaced(node, "edges", np.concatenate([node["edges"][()], node["edges"][:1]])),
        "is listed more than once, which NIR does not allow",
    ),
}


@pytest.mark.parametrize("case", FIELDS)
def test_fields_that_are_not_nir_are_refused_with_their_node(good: Path, case: str) -> None:
    change, says = FIELDS[case]
    rewritten(good, change)
    with pytest.raises(GraphError, match=says):
        read_graph(good)


def test_an_affine_without_a_bias_is_linear(good: Path) -> None:
    found = read_graph(rewritten(good, lambda node: node["nodes/fc1"].__delitem__("bias")))
    assert isinstance(found.graph.nodes["fc1"], nir.Linear)
    assert str(found.mends[0]) == "fc1: an Affine without a bias, read as Linear"
