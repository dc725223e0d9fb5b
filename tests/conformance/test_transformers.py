"""Spiking transformers of AND and OR as graphs and as integers: the module's spikes, the engines' and Lava's states.

Axes: B sample, T step, I input.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest
import torch
from torch import nn

from neurodeploy.backends import fixed, lava
from neurodeploy.certificate.equations import first_violation
from neurodeploy.errors import FrameworkError, NetworkError
from neurodeploy.fixedpoint import rules
from neurodeploy.formats.nir_to_program import carried_program
from neurodeploy.formats.program_to_nir import program_graph
from neurodeploy.graph.files import read_graph, write_graph
from neurodeploy.graph.network import discretised
from neurodeploy.mapping.compile import compile_network
from neurodeploy.networks.families.transformer import SpikingTransformer, deployable
from neurodeploy.pipeline.conversion import graph_of as graph_of_run
from neurodeploy.pipeline.conversion import matrices, quantised
from neurodeploy.pipeline.costs import synops_of
from neurodeploy.program.host import UNIT
from neurodeploy.reading import graph_of
from neurodeploy.recipes import validated
from neurodeploy.verbs.deploy import deploy
from neurodeploy.verbs.deployment import Deployment
from tests.backends.lava_support import assert_same_states
from tests.networks.transformers import tiny
from tests.reading.same import DT_S, check_same, spikes

SMALL: dict[str, Any] = {"width": 16, "heads": 2, "mlp_ratio": 2.0, "pools_spikes": True}
QK = SMALL | {"model": "qkformer", "layout": "small", "depth": 2}
KINDS: dict[str, dict[str, Any]] = {
    "sdt": SMALL | {"model": "sdt", "layout": "cifar", "depth": 2},
    "sdt-dvs": SMALL | {"model": "sdt", "layout": "dvs", "pools": "0011", "depth": 1},
    "token": QK | {"attention": ["token", "token"]},
    "channel": QK | {"attention": ["channel", "token"]},
}
WITH_PRODUCTS: dict[str, dict[str, Any]] = {
    "spikformer": SMALL | {"model": "spikformer", "layout": "cifar", "depth": 1, "pools_spikes": False},
    "ssa": QK | {"attention": ["token", "ssa"]},
}
"""Whose products of spikes the host computes, see `test_spike_products`."""
GATES = "both_neurons", "attn_lif_neurons", "gated_neurons"
"""Ends of the names of units that gate."""


def trained(kind: str, **settings: Any) -> SpikingTransformer:
    """Return a network whose batch norms have seen events: all of its neurons spike."""
    torch.manual_seed(0)
    network = tiny(image=(2, 8, 8), **(KINDS | WITH_PRODUCTS)[kind] | settings)
    for one in network.modules():
        if isinstance(one, nn.Conv2d):
            nn.init.kaiming_normal_(one.weight)
        if isinstance(one, nn.BatchNorm2d):
            one.momentum = None
            nn.init.constant_(one.weight, 1.5)
            nn.init.uniform_(one.bias, 0.0, 0.8)
    with torch.no_grad():
        network.train()(events(16))
    return network.eval()


def events(n_samples: int = 4) -> torch.Tensor:
    return spikes(n_samples, 6, 128)


OTHERS = [(kind, neuron) for kind in ("sdt", "token") for neuron in ("plif", "if", "cuba")]


@pytest.mark.parametrize(("kind", "neuron"), [*((kind, "lif") for kind in KINDS), *OTHERS])
def test_the_graph_has_every_spike_of_the_module(kind: str, neuron: str, tmp_path: Path) -> None:
    read, _ = check_same(trained(kind, neuron=neuron), events(), tmp_path, time_axis=1)
    assert {type(one) for one in read.graph.nodes.values()} <= {getattr(nir, name) for name in nir.ir.__all__}


@cache
def deployed(kind: str) -> Deployment:
    return deploy(trained(kind), events(), dt_s=DT_S, time_axis=1, max_accuracy_drop=1.0, name=kind)


@pytest.mark.parametrize("kind", KINDS)
def test_integers_obey_their_equations_and_come_back_from_a_file(kind: str, tmp_path: Path) -> None:
    made = deployed(kind)
    assert made.agreement["equal"]
    assert made.passed, made.certificate["failures"]
    stage = made.certificate["stages"][-1]
    assert stage["equations"]["holds"]
    gates: list[Any] = [one for one in made.program.layers if one.name.endswith(GATES)]
    assert len(gates) >= 3
    for one in gates:
        assert not rules.kept_of_current(one.du).any()
        assert not rules.kept_of_potential(one.dv).any()
        assert (one.vth > 0).all()
    agreed = [one["spike_agreement"] for one in stage["layers"]]
    assert min(agreed[:4]) > 0.9, agreed  # errors grow from layer to layer, of weights that nothing trained
    if kind == "sdt-dvs":
        return  # read from the module its dilation is a matrix; its form for the chip comes back, see below
    write_graph(tmp_path / "m.nir", program_graph(made.program))
    assert carried_program(read_graph(tmp_path / "m.nir")).digest == made.program.digest  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", KINDS)
def test_synops_of_gates_and_of_pools_are_logic(kind: str) -> None:
    """Spikes times the entries that are not zero of each connection's whole matrix."""
    program, some = deployed(kind).program, events().flatten(2).numpy().astype(np.int32)
    run = fixed.run(program, some, record=True)
    counts, logic = synops_of(program, run), 0
    gates = [one.name for one in program.layers if one.name.endswith((*GATES, "pool"))]
    for one in program.connections:
        if one.target in gates:
            matrix_OI = one.weight if one.window is None else one.window.unrolled(one.weight)
            logic += int((run.counts[one.source].sum(0) @ (matrix_OI != 0).T).sum())
    assert [one.name for one in counts.layers if one.gate] == gates
    assert counts.logic_per_sample == logic / len(some) > 0
    assert counts.logic_per_sample < counts.synops_per_sample


@pytest.mark.lava
@pytest.mark.parametrize("kind", KINDS)
def test_lava_gives_every_spike_and_state_of_four_samples(kind: str, worker: lava.Worker) -> None:
    program, some = deployed(kind).program, events().flatten(2).numpy().astype(np.int32)
    expected = fixed.run(program, some, record=True)
    assert all(one.spikes_BTN.any() for name, one in expected.layers.items() if name != program.output)
    assert_same_states(expected, worker.run(program, some, record=True))


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_gives_each_sample_what_it_gets_alone_in_integers(kind: str) -> None:
    program, some = deployed(kind).program, events().flatten(2).numpy().astype(np.int32)
    whole = fixed.run(program, some, record=True)
    for number in range(len(some)):
        alone = fixed.run(program, some[number : number + 1], record=True)
        for name, states in alone.layers.items():
            np.testing.assert_array_equal(states.v_BTN[0], whole.layers[name].v_BTN[number])


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (
            {"model": "spikformer", "pools_spikes": False},
            r"^parts\.block\.0\.attn\.path\.products \(SpikeProducts\): .*; take attention of AND",
        ),
        (QK | {"attention": None}, r"^parts\.stage2\.0\.attn\.path\.products \(SpikeProducts\): .*; take attention"),
        (
            KINDS["sdt"] | {"pools_spikes": False},
            r"^parts\.patch_embed\.proj3\.map\.pool \(MaxPool2d\): takes the maximum of currents, .*; put neurons bef",
        ),
    ],
)
def test_what_multiplies_activations_or_pools_currents_is_one_line(settings: dict[str, Any], line: str) -> None:
    network = tiny(image=(2, 8, 8), **SMALL | settings)
    with pytest.raises(FrameworkError, match=line):
        graph_of(network, events(2), dt_s=DT_S, time_axis=1)


@pytest.mark.parametrize(("kind", "neuron"), [*((kind, "lif") for kind in KINDS), ("sdt", "plif"), ("token", "if")])
def test_the_form_for_the_chip_has_the_modules_scores(kind: str, neuron: str) -> None:
    network = trained(kind, neuron=neuron, input_scale=[2.0])
    made, x_BTI = deployable(network), events().flatten(2)
    with torch.no_grad():
        found, wanted = made(x_BTI), network(x_BTI)
    torch.testing.assert_close(found.output_BC, wanted.output_BC, rtol=0, atol=1e-6)
    assert len(found.hidden) == len(made.layer_names) - 1
    assert len({*made.layer_names}) == len(made.layer_names)
    assert all(0 < one.mean() < 1 for one in found.hidden)


@pytest.mark.parametrize("kind", ["sdt", "sdt-dvs", "token", "channel"])
def test_networks_are_put_on_a_grid_behind_a_host(kind: str, tmp_path: Path) -> None:
    network = trained(kind, host_encoder=True, encoder="each_step", input_mean=[0.3, 0.4], input_scale=[0.5])
    made, data = deployable(network), events().flatten(2)
    assert made.host is not None
    sent = made.host.currents(data.numpy())
    first: Any = network.parts[0][0]  # type: ignore[index]
    with torch.no_grad():
        x = (data.unflatten(2, network.image) - network.input_mean) / network.input_scale
        wanted = first.lif.k * first.map(x).flatten(2).numpy()
    np.testing.assert_allclose(sent * UNIT, wanted, rtol=0, atol=0.55 * UNIT)  # the edges of the picture too
    recipe = validated(
        {"data": {"dataset": "mnist", "n_steps": 6}, "network": {"family": "transformer"}, "name": "x"}, "t"
    )
    before = matrices(made, 1e-3)
    on_grid = quantised(made, recipe, sent).network.eval()
    assert any((one != before[name]).any() for name, one in matrices(on_grid, 1e-3).items())
    write_graph(tmp_path / "m.nir", graph_of_run(on_grid, recipe))
    whole = compile_network(discretised(read_graph(tmp_path / "m.nir")))
    write_graph(tmp_path / "p.nir", program_graph(whole.program))
    assert carried_program(read_graph(tmp_path / "p.nir")).digest == whole.program.digest  # type: ignore[union-attr]
    assert whole.program.host == made.host
    trace = fixed.run(whole.program, sent, record=True)
    assert first_violation(whole.quantised, whole.plan, trace, sent) is None
    with torch.no_grad():
        answer = on_grid(torch.from_numpy(sent).float())
    for name, own in zip(made.layer_names, answer.hidden, strict=False):
        start = whole.program.layer(name).start
        agreed = (trace.layers[name].spikes_BTN[:, start : start + 6] == own.numpy()).mean()
        assert agreed > 0.95, (name, agreed)


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (KINDS["sdt"] | {"pools_spikes": False}, r"patch_embed\.proj3 takes the maximum of currents, .*; set netw"),
        (KINDS["sdt"] | {"neuron": "cuba"}, r"patch_embed\.proj\.lif \(CubaLIFNode\) .*; set network\.neuron"),
        (KINDS["sdt"] | {"input_mean": [3.0]}, r"a chip takes no mean off its input; set network\.host_encoder = t"),
    ],
)
def test_what_has_no_integers_is_one_line(settings: dict[str, Any], line: str) -> None:
    with pytest.raises(NetworkError, match=rf"^network(\.input_mean)?: {line}"):
        deployable(tiny(image=(2, 8, 8), **SMALL | settings))
