"""A network leaves as NIR and comes back as the same numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest
import torch

from neurodeploy.backends import fixed, reference, torch_model
from neurodeploy.certificate.difference import spike_agreement
from neurodeploy.errors import MappingError
from neurodeploy.graph.files import GraphFile, read_graph, write_graph
from neurodeploy.graph.metadata import ours, wrapped
from neurodeploy.graph.network import Network, discretised
from neurodeploy.mapping.compile import choose_plan, compile_network
from neurodeploy.mapping.discretize import integers
from neurodeploy.networks.families.lif import LifSettings, SpikingNetwork, build
from neurodeploy.networks.spiking_layer import SpikingLayer
from neurodeploy.pipeline.conversion import read_network
from neurodeploy.program.plan import Plan
from neurodeploy.program.program import Program
from neurodeploy.reading.precision import put_on_grid

DT_S = 1e-3
VARIANTS = {
    "lif": LifSettings(neuron="lif", hidden=(12,), weight_gain=4.0),
    "cuba": LifSettings(neuron="cuba_lif", hidden=(12, 7), recurrent=True, weight_gain=4.0),
    "subtract": LifSettings(neuron="cuba_lif", hidden=(12,), reset="subtract", bias=False, weight_gain=4.0),
}


def network_of(settings: LifSettings, seed: int = 3) -> SpikingNetwork:
    torch.manual_seed(seed)
    network = build(settings, (9,), 4, DT_S)
    with torch.no_grad():
        for layer in network.layers:
            assert isinstance(layer, SpikingLayer)
            if layer.bias is not None:
                layer.bias.uniform_(-0.2, 0.2)
    return network


def read_back(network: SpikingNetwork, path: Path) -> Network:
    write_graph(path, read_network(network, DT_S, name="x").graph)
    return discretised(read_graph(path))


def with_plan(network: SpikingNetwork, path: Path, bits: int) -> Plan:
    plan = choose_plan(read_back(network, path), bits, None)
    put_on_grid(network, read_network(network, DT_S), plan)
    return plan


def spikes(n_samples: int = 6, n_steps: int = 40) -> np.ndarray:
    return (np.random.default_rng(5).random((n_samples, n_steps, 9)) < 0.3).astype(np.uint8)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_float_network_spikes_alike_in_torch_and_as_nir(name: str, tmp_path: Path) -> None:
    network = network_of(VARIANTS[name])
    back = read_back(network, tmp_path / "model.nir")
    layers = [one.name for one in back.populations]
    ours_ = torch_model.run(network, layers, spikes(), "float")
    theirs = reference.run(back, spikes(), record=True)
    for layer in layers:
        assert theirs.counts[layer].sum() > 0
        mine = ours_.layers[layer].spikes_BTN
        # float32 against float64: a potential within 1e-6 of the threshold may fall on either side.
        assert (mine != theirs.layers[layer].spikes_BTN).mean() < 1e-3


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("name", VARIANTS)
def test_the_round_trip_gives_the_identical_program(name: str, bits: int, tmp_path: Path) -> None:
    network = network_of(VARIANTS[name])
    plan = with_plan(network, tmp_path / "float.nir", bits)
    graph = read_network(network, DT_S, name="x").graph
    direct = compile_network(discretised(GraphFile(tmp_path / "model.nir", "model", graph, True)))
    back = read_back(network, tmp_path / "model.nir")
    assert back.quantised
    again = compile_network(back)
    assert again.plan == plan
    assert again.program.digest == direct.program.digest
    assert integers(again.quantised, plan, "loihi2").digest == direct.program.digest


@pytest.mark.parametrize("name", VARIANTS)
def test_the_quantised_network_and_the_integers_spike_alike(name: str, tmp_path: Path) -> None:
    network = network_of(VARIANTS[name])
    with_plan(network, tmp_path / "float.nir", 8)
    made = compile_network(read_back(network, tmp_path / "model.nir"))
    real = reference.run(made.quantised, spikes(), record=True)
    whole = fixed.run(made.program, spikes(), record=True)
    for layer in made.program.layers:
        mine = whole.layers[layer.name]
        assert not mine.spikes_BTN[:, : layer.start].any()
        spikes_there = mine.steps(layer.start, layer.start + real.n_input_steps).spikes_BTN
        assert (spike_agreement(spikes_there, real.layers[layer.name].spikes_BTN) or 0) > 0.97


def test_plain_nir_reads_our_files_and_keeps_what_it_has_words_for(tmp_path: Path) -> None:
    network = network_of(VARIANTS["cuba"])
    with_plan(network, tmp_path / "float.nir", 8)
    write_graph(tmp_path / "model.nir", read_network(network, DT_S, name="x", chip="loihi2").graph)
    graph = nir.read(tmp_path / "model.nir")
    assert isinstance(graph.nodes["fc1"], nir.Affine)
    assert isinstance(graph.nodes["lif1"], nir.CubaLIF)
    assert ours(graph.metadata) | {"dt_s": DT_S, "integration": "forward_euler"} == ours(graph.metadata)
    assert ours(graph.nodes["fc1"].metadata)["weight_bits"] == 8
    assert ours(graph.nodes["lif1"].metadata)["reset"] == "zero"


def test_the_same_network_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.nir", "b.nir"):
        write_graph(tmp_path / name, read_network(network_of(VARIANTS["cuba"]), DT_S, name="x").graph)
    assert (tmp_path / "a.nir").read_bytes() == (tmp_path / "b.nir").read_bytes()


def test_weights_changed_after_quantisation_are_not_taken_for_quantised(tmp_path: Path) -> None:
    network = network_of(VARIANTS["lif"])
    with_plan(network, tmp_path / "float.nir", 4)

    def refused(says: str, change: Callable[[Any], None]) -> None:
        graph = read_network(network, DT_S, name="x").graph
        change(graph.nodes)
        write_graph(tmp_path / "model.nir", graph)
        with pytest.raises(MappingError, match=says):
            compile_network(discretised(read_graph(tmp_path / "model.nir")))

    def of_one_neuron(nodes: Any) -> None:
        nodes["lif1"].v_threshold = nodes["lif1"].v_threshold * np.where(np.arange(nodes["lif1"].r.size) == 2, 1.25, 1)

    def one(nodes: Any) -> None:
        nodes["fc2"].weight = nodes["fc2"].weight.copy()
        nodes["fc2"].weight[1, 3] += 0.3 * np.abs(nodes["fc2"].weight[1]).max()

    def all_of_them(nodes: Any) -> None:
        nodes["fc2"].weight = nodes["fc2"].weight * np.float32(1.07)

    refused(
        r"fc1: neuron 2 of lif1 takes all its weights 0\.8 times as strong as they were .* its v_threshold",
        of_one_neuron,
    )
    refused(r"fc2: weights are not on the 4-bit grid that the file states \(first at \[1, 3\], 1 of ", one)
    refused(r"fc2: neuron 0 of lif2 takes all its weights 1\.07 times as strong", all_of_them)


def test_metadata_of_other_tools_is_left_alone() -> None:
    assert ours({"theirs": {"x": 1}}) == {}
    assert ours({**wrapped(a=1, b=None), "theirs": 2}) == {"a": 1}


def test_a_program_knows_when_it_is_another() -> None:
    network = network_of(VARIANTS["lif"])
    graph = read_network(network, DT_S).graph
    real = discretised(GraphFile(Path("x"), "x", graph, True))
    digests = {compile_network(real, weight_bits=bits).program.digest for bits in (8, 8, 5)}
    assert len(digests) == 2
    assert isinstance(compile_network(real).program, Program)
