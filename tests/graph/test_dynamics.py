"""Sub-graphs that are neurons: what they say, that plain nir reads them, and what makes them something else."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest
import torch

from neurodeploy.backends import fixed, reference
from neurodeploy.certificate.equations import first_violation
from neurodeploy.errors import GraphError
from neurodeploy.fixedpoint.dynamics.table import ADAPTIVE, INTEGRATOR, RESONATOR, TABLE
from neurodeploy.graph.dynamics import DynamicsPopulation, as_neurons, subgraph
from neurodeploy.graph.files import GraphFile, read_graph, write_graph
from neurodeploy.graph.network import Network, discretised
from neurodeploy.mapping.compile import choose_plan, compile_network
from neurodeploy.networks.families.folded import FoldedNetwork, deployable
from neurodeploy.networks.families.silif import LAYERS, FamilyNetwork, SilifSettings, build
from neurodeploy.pipeline.conversion import read_network
from neurodeploy.reading.precision import put_on_grid

DT_S = 0.004
N_INPUTS, N_CLASSES = 10, 5


def trained(model: Any, seed: int = 0) -> FamilyNetwork:
    """Return a network with batch norms that have seen data."""
    torch.manual_seed(seed)
    network = build(SilifSettings(model=model, hidden=(14, 12), dropout=0.0), (N_INPUTS,), N_CLASSES, 4e-3)
    if "adlif" in model:  # half of its start is unstable
        with torch.no_grad():
            for layer in network.layers:
                layer.a.abs_()  # type: ignore[operator]
    with torch.no_grad():
        for layer in network.layers:
            layer.norm.weight.fill_(400.0 if model == "rf" else 20.0)  # input enough to spike
        for _ in range(20):
            network(counts(seed).float())
    return network.eval()


def counts(seed: int) -> torch.Tensor:
    return torch.poisson(torch.full((8, 40, N_INPUTS), 0.4), generator=torch.Generator().manual_seed(seed)).byte()


def discretise(folded: FoldedNetwork, path: Path) -> Network:
    write_graph(path, read_network(folded, DT_S, name="x", counts=True).graph)
    return discretised(read_graph(path))


@pytest.mark.parametrize("model", LAYERS)
def test_the_graph_in_float64_is_the_folded_network_is_the_trained_one(model: str, tmp_path: Path) -> None:
    network, spikes = trained(model), counts(1)
    folded = deployable(network.double())
    graph = discretise(folded, tmp_path / "m.nir")
    with torch.no_grad():
        expected, mine = network(spikes), folded(spikes)
    trace = reference.run(graph, spikes.numpy().astype(np.int32), record=True)
    assert sum(float(one.sum()) for one in expected.hidden) > 200
    names = [one.name for one in graph.populations]
    for name, wanted, found in zip(names, expected.hidden, mine.hidden, strict=False):
        assert torch.equal(wanted, found)
        np.testing.assert_array_equal(trace.layers[name].spikes_BTN, wanted.bool().numpy())
    np.testing.assert_allclose(trace.output_BN, expected.output_BC.numpy(), rtol=1e-9)
    np.testing.assert_allclose(mine.output_BC.numpy(), expected.output_BC.numpy(), rtol=1e-9)


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("model", LAYERS)
def test_a_quantised_file_comes_back_as_the_identical_program(model: str, bits: int, tmp_path: Path) -> None:
    folded = deployable(trained(model).double())
    before = discretise(folded, tmp_path / "float.nir")
    plan = choose_plan(before, bits, None)
    wanted = compile_network(before, plan=plan)
    put_on_grid(folded, read_network(folded, DT_S), plan)
    network = discretise(folded, tmp_path / "m.nir")
    made = compile_network(network)
    assert made.program.digest == wanted.program.digest
    spikes = counts(2).numpy().astype(np.int32)
    trace = fixed.run(made.program, spikes, record=True)
    assert first_violation(made.quantised, made.plan, trace, spikes) is None
    with torch.no_grad():
        chip = folded(torch.from_numpy(spikes))
    agreement = (chip.output_BC.argmax(1).numpy() == trace.predictions_B).mean()
    assert agreement >= 0.75


def test_the_certificate_finds_a_changed_coefficient_at_the_first_step_it_matters(tmp_path: Path) -> None:
    made = compile_network(discretise(deployable(trained("silif").double()), tmp_path / "m.nir"))
    spikes = counts(3).numpy().astype(np.int32)
    layer: Any = made.program.layers[0]
    assert layer.kind == "adaptive"
    changed = dataclasses.replace(layer, alpha=layer.alpha - 40 * (np.arange(14) == 3))
    program = dataclasses.replace(made.program, layers=(changed, *made.program.layers[1:]))
    trace = fixed.run(program, spikes, record=True)
    found = first_violation(made.quantised, made.plan, trace, spikes)
    assert found is not None
    assert (found.what, found.layer, found.neuron) == ("v", "silif1", 3)


def test_plain_nir_reads_the_file(tmp_path: Path) -> None:
    write_graph(tmp_path / "m.nir", read_network(deployable(trained("csilif").double()), DT_S, name="x").graph)
    graph: Any = nir.read(tmp_path / "m.nir")
    assert list(graph.nodes) == ["csilif1", "csilif2", "fc1", "fc2", "fc3", "input", "output", "readout"]
    kinds = {type(node).__name__ for node in graph.nodes["csilif1"].nodes.values()}
    assert kinds == {"Input", "Output", "Scale", "Delay", "Threshold"}


def resonators(**changed: np.ndarray) -> nir.NIRGraph:
    numbers = {"re": 0.9, "im": 0.3, "drop": 0.5, "drop_y": 0.1}
    arrays = {key: np.full(3, value) for key, value in numbers.items()} | changed
    return subgraph(RESONATOR, arrays, np.ones(3), DT_S, {"neurodeploy": {"cell": RESONATOR.name}})


def test_a_sub_graph_is_known_by_its_nodes_and_edges_alone() -> None:
    graph = resonators()
    graph.metadata = {}
    found = as_neurons("x", graph)
    assert found is not None
    assert found.dynamics is RESONATOR
    graph.edges = graph.edges[:-1]
    assert as_neurons("x", graph) is None
    assert {one.potential for one in TABLE.values()} == {"v", "x", "m"}
    assert set(TABLE.values()) == {ADAPTIVE, RESONATOR, INTEGRATOR}


def test_a_changed_sub_graph_is_refused() -> None:
    graph = resonators()
    graph.edges = [edge for edge in graph.edges if tuple(edge) != ("y_before", "im_y")]
    with pytest.raises(GraphError, match="x: its metadata say 'resonator' neurons, but its nodes or edges are others"):
        as_neurons("x", graph)
    graph = resonators()
    graph.nodes["im_y"].scale = np.full(3, -0.4)
    with pytest.raises(GraphError, match="x: nodes of 'im' differ, they must be one number"):
        as_neurons("x", graph)
    graph = resonators(re=np.array([0.9, np.nan, 0.9]))
    with pytest.raises(GraphError, match="x: node re_x: scale holds NaN"):
        as_neurons("x", graph)
    graph = resonators()
    graph.nodes["y_before"].delay = np.full(3, 2 * DT_S)
    with pytest.raises(GraphError, match=r"x: its delays are 0\.004 to 0\.008 s, all must be one time step"):
        as_neurons("x", graph)


def test_another_time_step_is_refused(tmp_path: Path) -> None:
    graph = read_network(deployable(trained("rf").double()), DT_S, name="x").graph
    graph.metadata["neurodeploy"].pop("dt_s")
    with pytest.raises(GraphError, match=r"rf1 steps every 0\.004 s, the time step is 0\.001 s"):
        discretised(GraphFile(tmp_path, "x", graph, stores_reset=True), dt_s=0.001)


def test_populations_say_their_precision_or_none(tmp_path: Path) -> None:
    folded = deployable(trained("silif").double())
    network = discretise(folded, tmp_path / "m.nir")
    one = network.population("silif1")
    assert isinstance(one, DynamicsPopulation)
    assert (one.model, one.vth_mant, one.fraction_bits) == ("silif", None, None)
    assert not network.quantised
    put_on_grid(folded, read_network(folded, DT_S), choose_plan(network, 6, None, coefficient_bits=10))
    one = discretise(folded, tmp_path / "q.nir").population("silif1")
    assert isinstance(one, DynamicsPopulation)
    assert (one.vth_mant, one.fraction_bits) == (4096, 10)
