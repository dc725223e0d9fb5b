"""The table of NIR's types: complete, the only place that tells them apart, and open to a layer kind from outside."""

from __future__ import annotations

import inspect
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest

import neurodeploy
from neurodeploy.backends import fixed, reference
from neurodeploy.errors import GraphError
from neurodeploy.graph import node_table
from neurodeploy.graph.files import read_graph
from neurodeploy.graph.linear import LinearMap
from neurodeploy.graph.network import discretised
from neurodeploy.graph.node_table import NODES
from neurodeploy.graph.node_type import POOL, Fields, Operation, Shape, Stateless
from neurodeploy.graph.products import SpikeProducts
from neurodeploy.mapping.compile import compile_network
from neurodeploy.program.plan import ConnectionPlan, Plan
from tests.graph.images import chained, conv2d, network

MS = 1e-3


def test_every_type_of_nir_has_an_entry() -> None:
    types = {name for name, one in vars(nir).items() if inspect.isclass(one) and issubclass(one, nir.NIRNode)}
    assert set(NODES) - {"SpikeProducts"} == types - {"NIRNode", "NIRGraph"}
    assert all(entry.type is getattr(nir, name, SpikeProducts) for name, entry in NODES.items())


def test_nothing_else_in_the_room_asks_a_node_for_its_class() -> None:
    """But for the ends of a graph, and sub-graphs, which are no nodes of their own."""
    asked = re.compile(r"isinstance\([^()]*, *\(?nir\.(?!NIRGraph|Input|Output)\w+")
    with_entries = {Path(str(one.__file__)) for one in (node_table.stateless, node_table.euler)}
    for path in Path(str(node_table.__file__)).parent.rglob("*.py"):
        found = asked.search(path.read_text(encoding="utf-8"))
        assert path in with_entries or not found, f"{path}: {found}"


# A layer kind from outside: every value of an image copied to a square of values.


@dataclass(eq=False)
class Copies(nir.NIRNode):
    factor: int

    def __post_init__(self) -> None:
        self.input_type: dict[str, Any] = {"input": None}
        self.output_type: dict[str, Any] = {"output": None}


def copies(where: str, node: Any, shape: Shape, dt_s: float) -> tuple[Operation, Shape]:
    if len(shape) != 3:
        raise GraphError(f"{where}: values of shape {shape} arrive, an image is needed; copy before flattening")
    factor = int(node.factor)
    places = np.arange(math.prod(shape)).reshape(shape).repeat(factor, 1).repeat(factor, 2)
    return LinearMap(np.eye(places.max() + 1)[places.ravel()]), places.shape


COPIES = Stateless(
    type=Copies, fields=Fields(("factor",)), operation=copies, role=POOL, axes=3, integers="as weights, all alike"
)


def integrators(*shape: int) -> nir.IF:
    ones = np.ones(shape)
    return nir.IF(r=ones / MS, v_threshold=ones, v_reset=0 * ones)


def test_a_layer_kind_from_outside_goes_the_whole_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    kernel = rng.integers(-6, 16, (3, 2, 3, 3)) / 32
    graph = chained(
        (2, 3, 4),
        w=nir.Scale(np.full((2, 3, 4), 1.25)),
        n=integrators(2, 3, 4),
        up=Copies(2),
        conv=conv2d(kernel, input_shape=(6, 8), padding=1),
        m=integrators(3, 6, 8),
    )
    file = tmp_path / "up.nir"
    nir.write(file, graph)
    with pytest.raises(GraphError, match="node up is a 'Copies', which NIR does not have"):
        read_graph(file)
    monkeypatch.setitem(NODES, "Copies", COPIES)
    found = discretised(read_graph(file), dt_s=MS, reset="zero")
    assert [one.shape for one in found.populations] == [(2, 3, 4), (3, 6, 8)]
    data = (rng.random((2, 20, 24)) < 0.5).astype(np.uint8)
    real = reference.run(found, data, record=True)

    # By hand: the copies of the first layer's spikes, correlated with the kernel, summed up to a threshold of 1.
    first = real.layers["n"].spikes_BTN.reshape(2, 20, 2, 3, 4).repeat(2, 3).repeat(2, 4)
    v = np.zeros((2, 3, 6, 8))
    for step in range(20):
        padded = np.pad(first[:, step], ((0, 0), (0, 0), (1, 1), (1, 1)))
        for row, column in np.ndindex(3, 3):
            v += np.einsum("kc,bcyx->bkyx", kernel[:, :, row, column], padded[:, :, row : row + 6, column : column + 8])
        fired = v > 1
        np.testing.assert_array_equal(real.layers["m"].spikes_BTN[:, step], fired.reshape(2, -1))
        v[fired] = 0

    plan = Plan({"n": 64, "m": 64}, {one.name: ConnectionPlan(8, 0) for one in found.synapses})
    program = compile_network(found, plan=plan).program
    trace = fixed.run(program, data, record=True)
    np.testing.assert_array_equal(trace.layers["m"].spikes_BTN[:, 2:], real.layers["m"].spikes_BTN)
    assert 0.02 < real.layers["m"].spikes_BTN.mean() < 0.9

    said = {one["name"]: one for one in neurodeploy.inspect_graph(file, dt_s=MS)["nodes"]}["up"]
    assert said["targets"]["reference"]["status"] == "exact"
    assert said["targets"]["fixed"]["reason"].startswith("as weights, all alike")
    assert said["targets"]["snntorch"]["status"] == "unsupported"


def test_a_threshold_is_a_gate_of_any_and_of_all() -> None:
    """OR of a square of spikes, the maximum that pooling takes; and AND of two populations, as a sum above 1.5."""
    ends = {"in": nir.Input({"input": np.array([2, 2, 4])}), "out": nir.Output({"output": np.array([2, 1, 2])})}
    square = np.array([2, 2])
    nodes: dict[str, nir.NIRNode] = ends | {
        "a": nir.Threshold(np.full((2, 2, 4), 0.5)),
        "sum": nir.SumPool2d(square, square, np.array([0, 0])),
        "any": nir.Threshold(np.full((2, 1, 2), 0.5)),
        "corner": nir.Conv2d((2, 4), np.eye(4)[:2, :2, None, None].reshape(2, 2, 1, 1), 2, 0, 1, 1, np.zeros(2)),
        "first": nir.Threshold(np.full((2, 1, 2), 0.5)),
        "all": nir.Threshold(np.full((2, 1, 2), 1.5)),
    }
    edges = [("in", "a"), ("a", "sum"), ("sum", "any"), ("a", "corner"), ("corner", "first")]
    edges += [("any", "all"), ("first", "all"), ("all", "out")]
    found = network(nir.NIRGraph(nodes, edges, type_check=False), reset="zero")
    data = (np.random.default_rng(1).random((3, 30, 16)) < 0.4).astype(np.uint8)
    image = data.reshape(3, 30, 2, 1, 2, 2, 2).astype(bool)
    anything, corner = image.any(axis=(4, 6)), image[:, :, :, :, 0, :, 0]
    expected = {"any": anything, "first": corner, "all": anything & corner}
    program = compile_network(found).program
    trace, real = fixed.run(program, data, record=True), reference.run(found, data, record=True)
    for name, spikes in expected.items():
        spikes = spikes.reshape(3, 30, -1)
        start = program.layer(name).start
        np.testing.assert_array_equal(real.layers[name].spikes_BTN, spikes, name)
        np.testing.assert_array_equal(trace.layers[name].spikes_BTN[:, start : start + 30], spikes, name)
    assert (program.layer("all").dv == 4096).all(), "nothing is kept of a step"
