"""A graph written for a framework: the same spikes on our reference, and the same in the framework by its importer."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest

from neurodeploy.backends import reference
from neurodeploy.conformance.frameworks.cases import Case, all_cases
from neurodeploy.conformance.frameworks.nodes import Maker, chain, nested
from neurodeploy.errors import FrameworkError
from neurodeploy.frameworks.run import run_graph
from neurodeploy.frameworks.write.fit import PLANS, fitted
from neurodeploy.graph.files import read_graph, write_graph
from neurodeploy.graph.network import Network, discretised
from neurodeploy.graph.stored import read_tree
from neurodeploy.installed import installed

READERS = ("snntorch", "norse", "spikingjelly")
CANNOT = {
    "v_reset": READERS,  # NIR's neurons start at 0, a reset elsewhere is not read or also where they start
    "reset by subtraction": ("snntorch", "spikingjelly"),
    "CubaLIF, v_leak": READERS,  # through the synapse it would come gradually
    "tau of each": ("spikingjelly",),
    "taus of each": ("spikingjelly",),
    "two ways": ("norse",),
    "r = -8": READERS,  # a negative gain is in no unit of the potential
}
"""What stays a gap, by a part of the case's name."""
CASES = [one for one in all_cases() if not one.values and one.about in ("IF", "LIF", "CubaLIF", "Threshold")]


def of(case: Case, folder: Path) -> tuple[nir.NIRGraph, Network, np.ndarray]:
    path = folder / "case.nir"
    write_graph(path, case.graph)
    file = read_graph(path)
    network = discretised(file, dt_s=case.dt_s, reset=case.reset)
    inputs = (np.random.default_rng(3).random((2, 30, network.n_inputs)) < 0.5).astype(np.uint8)
    return file.graph, network, inputs


def can(case: Case, framework: str) -> bool:
    return not any(part in case.name and framework in lost for part, lost in CANNOT.items())


def spikes_in(framework: str, path: Path, inputs: np.ndarray, reset: str) -> dict[str, np.ndarray]:
    """Return a file's spikes in a framework, under an empty name what the graph gives; none where it is refused."""
    try:
        there = run_graph(framework, path, inputs, dt_s=None, reset=reset)
    except FrameworkError:
        return {}
    return there.spikes | {"": there.output_BTN}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_written_for_a_framework_it_has_the_files_spikes_there(case: Case, tmp_path: Path) -> None:
    graph, network, inputs = of(case, tmp_path)
    expected = reference.run(network, inputs, record=True).layers
    for framework in READERS:
        made = fitted(framework, graph, network)
        path = tmp_path / f"{framework}.nir"
        write_graph(path, made.graph)
        after = discretised(read_graph(path))  # the file carries its step and its reset
        ours = reference.run(after, inputs, record=True).layers
        assert {made.names[name] for name in ours} == set(expected)
        for name, layer in ours.items():
            np.testing.assert_array_equal(layer.spikes_BTN, expected[made.names[name]].spikes_BTN, err_msg=framework)
        if not installed(framework):
            continue
        there = spikes_in(framework, path, inputs, case.reset)
        wanted = {name: expected[made.names[name]].spikes_BTN for name in ours}
        wanted |= {"": expected[network.output].spikes_BTN}
        same = all(name in there and np.array_equal(there[name], spikes) for name, spikes in wanted.items())
        assert same == can(case, framework), (framework, made.lines)


@pytest.mark.parametrize("framework", PLANS)
def test_the_graph_that_is_given_stays_as_it_is(framework: str, tmp_path: Path) -> None:
    graph, network, _ = of(Case("loop", nested(Maker(1), Maker(1).cuba(6), 6, bias=0.3)), tmp_path)
    write_graph(tmp_path / "before.nir", deepcopy(graph))
    fitted(framework, graph, network)
    write_graph(tmp_path / "after.nir", graph)
    before, after = (read_tree(tmp_path / f"{name}.nir") for name in ("before", "after"))
    np.testing.assert_equal(before, after)


@pytest.mark.parametrize("framework", READERS)
def test_what_is_written_needs_nothing_more(framework: str, tmp_path: Path) -> None:
    case = next(one for one in CASES if one.name == "LIF, r of each")
    graph, network, _ = of(case, tmp_path)
    once = fitted(framework, graph, network)
    write_graph(tmp_path / "once.nir", once.graph)
    again = fitted(framework, once.graph, discretised(read_graph(tmp_path / "once.nir")), nudge=False)
    assert once.lines
    assert again.lines == ()


def windows() -> dict[str, nir.NIRGraph]:
    make = Maker(9)
    neurons = make.cuba(4, 6, 6, v_threshold=2.0)
    grouped = nir.Conv2d((8, 8), make.weights(4, 2, 3, 3), 1, 0, 1, 2, make.weights(4))
    pools: dict[str, Any] = {}
    for kind in (nir.SumPool2d, nir.AvgPool2d):
        pool = kind(np.array([3, 3]), np.array([2, 2]), np.array([1, 1]))
        flat = nir.Flatten({"input": np.array([2, 4, 4])}, 0, -1)
        high = 60.0 if kind is nir.SumPool2d else 4.0
        row = (pool, flat, make.linear(6, 32), make.cuba(6, v_threshold=high))
        pools[f"padded {kind.__name__}"] = chain((2, 8, 8), (6,), *row)
    scale = (nir.Scale(np.linspace(0.5, 1.5, 4)), make.linear(6, 4), make.cuba(6))
    return {"grouped": chain((4, 8, 8), (4, 6, 6), grouped, neurons), **pools, "Scale": chain((4,), (6,), *scale)}


@pytest.mark.parametrize("name", windows())
def test_stateless_nodes_that_importers_lack_are_written_as_weights(name: str, tmp_path: Path) -> None:
    case = Case(name, windows()[name])
    graph, network, inputs = of(case, tmp_path)
    (layer,) = reference.run(network, inputs, record=True).layers.values()
    assert 0.02 < layer.spikes_BTN.mean() < 0.98
    for framework in READERS:
        path = tmp_path / f"{framework}.nir"
        write_graph(path, fitted(framework, graph, network).graph)
        nir.read(path)  # with NIR's own type check
        if installed(framework):
            there = run_graph(framework, path, inputs, dt_s=None)
            assert not there.notes
            np.testing.assert_array_equal(there.output_BTN, layer.spikes_BTN.reshape(there.output_BTN.shape))


def test_dead_ends_are_left_out(tmp_path: Path) -> None:
    make = Maker(2)
    graph = chain((4,), (6,), make.linear(6, 4), make.cuba(6))
    graph.nodes |= {"side": make.linear(2, 6), "lone": make.cuba(2)}
    graph.edges += [("b_cubalif", "side"), ("side", "lone")]
    given, network, _ = of(Case("dead", graph), tmp_path)
    made = fitted("snntorch", given, network)
    assert set(made.graph.nodes) == {"input", "a_linear", "b_cubalif", "output"}
    assert made.lines[0].startswith("lone, side: left out")


def test_an_unknown_framework_is_one_line(tmp_path: Path) -> None:
    graph, network, _ = of(CASES[0], tmp_path)
    with pytest.raises(FrameworkError, match="did you mean 'norse'"):
        fitted("nors", graph, network)
