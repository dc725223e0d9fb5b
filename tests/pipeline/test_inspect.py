"""The doctor: what it finds, what it says of every target, and that a repaired graph does what the file did."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import pytest

import neurodeploy
from neurodeploy.backends import reference
from neurodeploy.errors import GraphError
from neurodeploy.graph.doctor.changes import CHANGES
from neurodeploy.graph.doctor.conditions import CONDITIONS
from neurodeploy.graph.doctor.frameworks import ORDER, frameworks
from neurodeploy.graph.files import read_graph
from neurodeploy.graph.network import discretised
from neurodeploy.graph.node_table import NODES as TYPES
from neurodeploy.pipeline import measured_targets
from neurodeploy.program.decode import Decode
from neurodeploy.verbs.inspect import targets
from tests.cli import graphs

DT_S = graphs.DT_S


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return graphs.write_good(tmp_path / "good.nir")


def written(folder: Path, **changed: nir.NIRNode) -> Path:
    return graphs.write_good(folder / "graph.nir", **changed)


def kinds(result: dict[str, Any], severity: str) -> set[tuple[str, str]]:
    return {(one["kind"], one["node"]) for one in result["problems"] if one["severity"] == severity}


def said(result: dict[str, Any], node: str, target: str) -> dict[str, Any]:
    return next(one for one in result["nodes"] if one["name"] == node)["targets"][target]


def test_a_missing_time_step_stops_and_a_given_one_does_not(good: Path) -> None:
    found = neurodeploy.inspect_graph(good)
    assert not found["ok"]
    assert kinds(found, "stops") == {("dt", "")}
    assert found["dt_source"] == "assumed"
    given = neurodeploy.inspect_graph(good, dt_s=DT_S)
    assert given["ok"]
    assert kinds(given, "stops") == set()
    assert ("dt", "") in kinds(given, "warns")


def test_every_node_has_a_verdict_of_every_target(good: Path) -> None:
    found = neurodeploy.inspect_graph(good, dt_s=DT_S)
    assert {one["name"] for one in found["nodes"]} == set(graphs.parts()[0])
    for one in found["nodes"]:
        assert set(one["targets"]) == set(targets()) == set(found["targets"])
        for verdict in one["targets"].values():
            assert verdict["status"] in ORDER
            assert verdict["reason"]


def test_errors_of_the_chips_integers_are_measured(good: Path) -> None:
    found = neurodeploy.inspect_graph(good, dt_s=DT_S)
    neurons, weights = said(found, "lif1", "fixed"), said(found, "fc1", "fixed")
    assert neurons["status"] == weights["status"] == "approximate"
    assert 0.5 < neurons["error"]["spike_agreement"] <= 1
    assert neurons["error"]["spikes"] > 0
    assert 0 < neurons["error"]["potential_rms"] < 0.5
    assert 0 < weights["error"]["weight_error"] < 0.02
    coarse = neurodeploy.inspect_graph(good, dt_s=DT_S, weight_bits=2)
    assert said(coarse, "fc1", "fixed")["error"]["weight_error"] > 5 * weights["error"]["weight_error"]
    assert said(found, "input", "fixed")["status"] == said(found, "lif1", "reference")["status"] == "exact"


UNEQUAL = np.linspace(0.01, 0.02, 6)
BAD: dict[str, tuple[dict[str, nir.NIRNode], tuple[str, str], str]] = {
    "tau below dt": ({"lif1": graphs.lif(5, tau=np.full(5, 1e-4))}, ("units", "lif1"), "shorter than a time step"),
    "negative tau": ({"lif1": graphs.lif(5, tau=-np.ones(5))}, ("units", "lif1"), "grows without bound"),
    "NaN": ({"fc1": graphs.linear(5, 4, weight=np.full((5, 4), np.nan))}, ("values", "fc1"), "20 of 20 values"),
    "threshold": ({"lif2": graphs.lif(3, v_threshold=np.zeros(3))}, ("values", "lif2"), "not above its reset"),
    "transposed": ({"fc1": graphs.linear(4, 5)}, ("shapes", "fc1"), r"weights are (4, 5), but 4 values arrive and 5"),
    "misfit": (
        {"lif1": graphs.lif(6, tau=np.linspace(0.01, 0.02, 6))},
        ("unsupported", "lif1"),
        "lif1 has 6 neurons, 5 inputs arrive",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_stops_a_deployment_is_found_once_at_its_node(tmp_path: Path, case: str) -> None:
    changed, problem, text = BAD[case]
    found = neurodeploy.inspect_graph(written(tmp_path, **changed), dt_s=DT_S)
    assert not found["ok"]
    assert kinds(found, "stops") == {problem}, found["problems"]
    assert text in next(one["text"] for one in found["problems"] if one["severity"] == "stops")
    for target in targets():
        assert said(found, problem[1], target)["status"] == "unsupported"


def test_milliseconds_are_suspected(tmp_path: Path) -> None:
    found = neurodeploy.inspect_graph(written(tmp_path, lif1=graphs.lif(5, tau=np.full(5, 20.0))), dt_s=DT_S)
    assert found["ok"]
    assert ("units", "lif1") in kinds(found, "warns")
    assert ("units", "lif2") not in kinds(found, "warns")


def test_dangling_edges_and_dead_nodes(tmp_path: Path) -> None:
    nodes, edges = graphs.parts()
    nodes |= {"side": graphs.linear(2, 5), "lone": graphs.lif(5), "lost": graphs.linear(5, 5)}
    file = graphs.write(tmp_path / "g.nir", nodes, [*edges, ("lif1", "side"), ("fc1", "ghost"), ("lone", "lost")])
    found = neurodeploy.inspect_graph(file, dt_s=DT_S)
    assert ("dead", "side") in kinds(found, "warns")
    assert {("edges", ""), ("dead", "lone"), ("dead", "lost")} <= kinds(found, "stops")


def test_a_file_that_is_no_graph_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "x.nir").write_text("words")
    with pytest.raises(GraphError, match="is not a NIR file"):
        neurodeploy.inspect_graph(tmp_path / "x.nir")


def test_the_table_of_frameworks_uses_known_words() -> None:
    for framework in frameworks():
        for rule in framework.rules:
            assert rule.when in CONDITIONS
            assert rule.status in ORDER
            assert rule.reason
            assert rule.source
            assert set(rule.nodes) <= set(framework.takes) <= set(TYPES)
            assert rule.change in ("", "own bias", *CHANGES)
            assert rule.unless in ("", "dt", "reset", "one sample")


def test_known_traps_of_the_frameworks_are_said_with_their_size(tmp_path: Path) -> None:
    ones = np.ones(5)
    neurons = nir.IF(r=ones, v_threshold=3 * ones, v_reset=0 * ones)
    found = neurodeploy.inspect_graph(written(tmp_path, lif1=neurons, lif2=nir.IF(ones[:3], ones[:3])), dt_s=1.0)
    assert "as a pair" in said(found, "lif1", "snntorch")["reason"]
    trap = said(found, "lif2", "snntorch")
    assert trap["status"] == "approximate"
    assert "beta=0.9" in trap["reason"]
    assert trap["error"]["spikes"] > 0
    assert trap["error"]["spike_agreement"] < 0.999
    assert said(found, "lif1", "norse")["status"] == "exact"  # r dt is 1, the reset is to 0
    assert ">=" in said(found, "lif1", "spikingjelly")["reason"]
    assert "random initial bias" in said(found, "fc1", "nirtorch")["reason"]
    assert said(found, "lif1", "nirtorch")["status"] == "unsupported"


def test_subtraction_is_lost_in_three_frameworks(good: Path) -> None:
    found = neurodeploy.inspect_graph(good, dt_s=DT_S, reset="subtract")
    zero = neurodeploy.inspect_graph(good, dt_s=DT_S, reset="zero")
    for target in ("snntorch", "norse", "spikingjelly"):
        assert "reset" in said(found, "lif2", target)["reason"] or "fall" in said(found, "lif2", target)["reason"]
        assert said(found, "lif2", target)["reason"] != said(zero, "lif2", target)["reason"]
    assert "own Lava process" in said(found, "lif2", "lava")["reason"]
    assert "second one" in said(found, "lif2", "loihi1")["reason"]


def test_recurrence_through_snntorch_is_another_network(tmp_path: Path) -> None:
    nodes, edges = graphs.parts()
    nodes["rec"] = graphs.linear(5, 5)
    file = graphs.write(tmp_path / "r.nir", nodes, [*edges, ("lif1", "rec"), ("rec", "lif1")])
    found = neurodeploy.inspect_graph(file, dt_s=1e-4)
    assert said(found, "lif1", "snntorch")["status"] == "unsupported"
    assert said(found, "lif2", "snntorch")["status"] == "exact"


def damaged(path: Path) -> Path:
    """Return a file with scalars, a stale edge name and a dead branch."""
    nodes, edges = graphs.parts()
    nodes["side"] = graphs.linear(2, 5)
    graphs.write(path, nodes, [*edges, ("lif1", "side")])
    with h5py.File(path, "a") as file:
        for key in ("tau", "r", "v_leak", "v_threshold", "v_reset"):
            first = float(file["node/nodes/lif2"][key][0])
            del file["node/nodes/lif2"][key]
            file["node/nodes/lif2"][key] = first
        file.move("node/nodes/lif1", "node/nodes/hidden")
    return path


def test_a_repaired_file_is_plain_nir_and_runs_as_before(tmp_path: Path) -> None:
    file, out = damaged(tmp_path / "damaged_subtract.nir"), tmp_path / "out.nir"
    with pytest.raises(Exception, match="does not exist"):
        nir.read(file)
    before = discretised(read_graph(file), dt_s=DT_S, reset="subtract")
    found = neurodeploy.inspect_graph(file, repair=out, dt_s=DT_S, reset="subtract")
    assert found["ok"]
    assert found["path"] == str(out)
    text = "\n".join(found["repaired"])
    for line in ("parameters given once", "read as 'hidden'", "side: left out", "time step of 0.001 s written"):
        assert line in text
    assert "every spike, current and potential as before" in text
    assert "NIR's own reader takes it" in text
    assert "side" not in nir.read(out).nodes
    after = discretised(read_graph(out))  # no --dt, no --reset: the file carries both now
    sent = graphs.spikes()
    mine, theirs = (reference.run(one, sent, record=True) for one in (before, after))
    for name, layer in mine.layers.items():
        np.testing.assert_array_equal(layer.spikes_BTN, theirs.layers[name].spikes_BTN)
        np.testing.assert_array_equal(layer.v_BTN, theirs.layers[name].v_BTN)
    again = neurodeploy.inspect_graph(out)
    assert again["ok"]
    assert not again["problems"]


def test_a_repair_that_would_change_the_network_is_not_written(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("neurodeploy.pipeline.repair.same_states", lambda run, other: False)
    with pytest.raises(GraphError, match="would not run as the file does"):
        neurodeploy.inspect_graph(good, repair=tmp_path / "out.nir", dt_s=DT_S)
    assert not (tmp_path / "out.nir").exists()


def test_a_class_that_is_read_from_some_steps_is_tried_on_as_many(good: Path) -> None:
    network = replace(discretised(read_graph(good), dt_s=DT_S), decode=Decode((0.0, 1.0, 1.0)))
    run = measured_targets.random_run(network)
    assert run is not None
    assert run.spikes_BTI.shape[1] == len((0.0, 1.0, 1.0))


def test_same_states_sees_a_changed_weight(good: Path) -> None:
    network = discretised(read_graph(good), dt_s=DT_S)
    run = measured_targets.random_run(network)
    assert run is not None
    assert measured_targets.same_states(run, network)
    other = discretised(
        read_graph(graphs.write_good(good.parent / "o.nir", fc2=graphs.linear(3, 5, weight=graphs.weights(3, 5, 1)))),
        dt_s=DT_S,
    )
    assert not measured_targets.same_states(run, other)


OURS = {"SpikeProducts"}
"""Not NIR's."""
NODES = sorted(set(TYPES) - {"Input", "Output"} - OURS)


def test_there_are_sixteen_kinds_of_nodes() -> None:
    assert len(NODES) == 16


def every_kind() -> tuple[graphs.Nodes, graphs.Edges]:
    """Return one graph with all of NIR's sixteen nodes but the readouts that cannot be together."""
    full = lambda shape, value=1.0: np.full(shape, value)  # noqa: E731
    nodes: graphs.Nodes = {
        "input": nir.Input({"input": np.array([1, 12])}),
        "conv1d": nir.Conv1d(12, graphs.weights(2, 3).reshape(2, 1, 3), 1, 1, 1, 1, np.zeros(2, np.float32)),
        "threshold": nir.Threshold(full((2, 12), 0.2)),
        "flat1": nir.Flatten(np.array([2, 12]), 0),
        "dense": graphs.linear(32, 24),
        "if": nir.IF(r=full(32, 1e3), v_threshold=full(32), v_reset=full(32, 0.0)),
        "delay": nir.Delay(full(32, 2e-3)),
        "scale": nir.Scale(full(32, 0.7)),
        "affine": graphs.affine(32, 32),
        "cuba": graphs.cuba(32),
        "last": graphs.linear(3, 32),
        "out": nir.LI(tau=full(3, 1e-2), r=full(3, 10.0), v_leak=full(3, 0.0)),
        "output": nir.Output({"output": np.array([3])}),
    }
    names = list(nodes)
    return nodes, list(pairwise(names))


def image_kinds() -> tuple[graphs.Nodes, graphs.Edges]:
    """Return a graph of the two-dimensional ones, ending in an integrator."""
    nodes: graphs.Nodes = {
        "input": nir.Input({"input": np.array([2, 8, 8])}),
        "conv2d": nir.Conv2d((8, 8), graphs.weights(4, 18).reshape(4, 2, 3, 3), 1, 1, 1, 1, np.zeros(4, np.float32)),
        "lif": nir.LIF(*(np.full((4, 8, 8), value) for value in (1e-2, 10.0, 0.0, 1.0))),
        "sum": nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
        "avg": nir.AvgPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
        "flat": nir.Flatten(np.array([4, 2, 2]), 0),
        "dense": graphs.linear(3, 16),
        "out": nir.I(r=np.full(3, 100.0)),
        "output": nir.Output({"output": np.array([3])}),
    }
    names = list(nodes)
    return nodes, list(pairwise(names))


def cuba_readout() -> tuple[graphs.Nodes, graphs.Edges]:
    out = nir.CubaLI(*(np.full(3, value) for value in (2e-3, 1e-2, 10.0, 0.0, 2.0)))
    return graphs.parts(lif2=out)


def test_all_sixteen_run_on_the_reference_and_on_every_chip_or_say_why(tmp_path: Path) -> None:
    seen = set()
    for name, (nodes, edges) in {"a": every_kind(), "b": image_kinds(), "c": cuba_readout()}.items():
        found = neurodeploy.inspect_graph(graphs.write(tmp_path / f"{name}.nir", nodes, edges), dt_s=DT_S)
        assert found["ok"], found["problems"]
        for one in found["nodes"]:
            seen.add(one["type"])
            for target in ("reference", "fixed", "lava", "loihi1", "loihi2"):
                assert one["targets"][target]["status"] != "unsupported", (one["name"], target)
    assert seen == set(TYPES) - OURS
