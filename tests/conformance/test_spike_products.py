"""Spikformer and QKFormer with products of spikes as integers: the products are the host's, all else is neurons.

Axes: B sample, T step, I input, N number of the products.
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

from neurodeploy.backends import fixed, lava, reference
from neurodeploy.certificate.equations import first_violation
from neurodeploy.data.spikes import SpikeData
from neurodeploy.data.stream import from_memory
from neurodeploy.errors import NetworkError, ProgramError
from neurodeploy.fixedpoint import spike_products
from neurodeploy.formats.program_to_nir import program_graph
from neurodeploy.graph.files import read_graph, write_graph
from neurodeploy.graph.network import discretised
from neurodeploy.hardware.chips import chip_named
from neurodeploy.mapping.compile import Compiled, compile_network
from neurodeploy.mapping.placement.place import place
from neurodeploy.networks.families.transformer import deployable
from neurodeploy.pipeline.conversion import graph_of, quantised
from neurodeploy.pipeline.costs import measured
from neurodeploy.program.file import read_program, write_program
from neurodeploy.program.plan import MESSAGE_EXP
from neurodeploy.program.products import SpikeProducts
from neurodeploy.recipes import validated
from tests.backends.lava_support import assert_same_states
from tests.conformance.test_transformers import QK, SMALL, WITH_PRODUCTS, events, trained
from tests.networks.transformers import tiny

RECIPE = validated({"data": {"dataset": "mnist", "n_steps": 6}, "network": {"family": "transformer"}, "name": "x"}, "t")
DATA_BTI = events().flatten(2).numpy().astype(np.int32)


@cache
def made(kind: str, folder: Path) -> tuple[Any, Any, Compiled]:
    """Return a network on its grid, what its file says, and what was compiled of that."""
    network = trained(kind)
    for name, one in network.named_modules():
        if name.split(".")[-1] in "qkv" and isinstance(one, nn.Sequential):
            nn.init.uniform_(one.map.bn.bias, 1.0, 2.5)  # type: ignore[union-attr, arg-type]
    on_grid = quantised(deployable(network), RECIPE, events().flatten(2).numpy()).network.eval()
    write_graph(folder / f"{kind}.nir", graph_of(on_grid, RECIPE))
    real = discretised(read_graph(folder / f"{kind}.nir"))
    return on_grid, real, compile_network(real)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("products")


def products_in(compiled: Compiled) -> SpikeProducts:
    (found,) = (one for one in compiled.program.layers if isinstance(one, SpikeProducts))
    return found


def test_counts_are_those_of_every_pair_of_places() -> None:
    rng = np.random.default_rng(0)
    q, k, v = rng.random((3, 2, 6, 4)) < 0.5  # samples, channels, places; two heads of three channels
    wanted = np.zeros((2, 6, 4), int)
    for b, c, n in np.ndindex(wanted.shape):
        head = range(3) if c < 3 else range(3, 6)
        wanted[b, c, n] = sum(q[b, d, n] and k[b, d, m] and v[b, c, m] for d in head for m in range(4))
    arrived = (q + 2 * k + 4 * v).reshape(2, -1)
    assert wanted.max() == 3
    np.testing.assert_array_equal(spike_products.counts(arrived, 2, 6), wanted.reshape(2, -1))
    of_torch = spike_products.counts(torch.from_numpy(arrived), 2, 6)
    assert of_torch.dtype == torch.int64
    np.testing.assert_array_equal(of_torch.numpy(), wanted.reshape(2, -1))


def test_additions_are_those_of_a_walk_over_every_spike() -> None:
    rng = np.random.default_rng(1)
    q, k, v = rng.random((3, 2, 6, 4)) < 0.4
    wanted = np.zeros(2, int)
    for b, h in np.ndindex(2, 2):
        head = range(3 * h, 3 * h + 3)
        for c in head:
            for d in head:
                together = sum(v[b, c, m] and k[b, d, m] for m in range(4))
                wanted[b] += together + (q[b, d].sum() if together else 0)
    arrived = (q + 2 * k + 4 * v).reshape(2, -1)
    np.testing.assert_array_equal(spike_products.accumulates(arrived, 2, 6), wanted)
    assert wanted.min() > 9


def test_products_are_counted_and_priced_beside_the_chip(folder: Path) -> None:
    _, _, compiled = made("spikformer", folder)
    samples = from_memory(SpikeData("x", DATA_BTI, np.zeros(len(DATA_BTI), np.int64), kind="counts"))
    *_, cost = measured(compiled.program, samples, chip_named("loihi2"))
    layer = products_in(compiled)
    trace = fixed.run(compiled.program, DATA_BTI, record=True)
    arrived = trace.layers[layer.name].u_BTN >> MESSAGE_EXP
    by_step = [spike_products.accumulates(one, layer.n_heads, layer.shape[0]).sum() for one in arrived]
    assert cost.products is not None
    assert cost.products["accumulates_per_sample"] == np.mean(by_step) > 0
    size, steps = layer.n_neurons, compiled.program.n_steps(DATA_BTI.shape[1])
    bits = size * (3 + int(np.ceil(np.log2(size // layer.n_heads + 1))))
    assert cost.products["bytes_per_sample"] == -(-steps * bits // 8)
    assert cost.products["energy_j"]["low"] > 0
    assert cost.energy.notes[-1] == cost.products["text"]
    assert cost.to_dict()["products"] == cost.products


def test_counts_may_fill_a_message_and_no_more() -> None:
    SpikeProducts("p", 1, 1, (1, 1, spike_products.LARGEST)).check()
    full = spike_products.counts(np.full((1, spike_products.LARGEST), 7), 1, 1)
    assert (full == spike_products.LARGEST).all()
    with pytest.raises(ProgramError, match=r"^p: counts of up to 32,768 leave the 16 bits of a message, .*; use more"):
        SpikeProducts("p", 1, 1, (1, 1, 1 << 15)).check()
    with pytest.raises(ProgramError, match=r"^p: 2 heads do not share the channels"):
        SpikeProducts("p", 2, 1, (3, 2, 2)).check()


@pytest.mark.parametrize("kind", WITH_PRODUCTS)
def test_the_whole_network_is_integers_that_obey_their_equations(kind: str, folder: Path) -> None:
    on_grid, real, compiled = made(kind, folder)
    float64 = reference.run(real, DATA_BTI, record=True)
    runs = {engine: fixed.run(compiled.program, DATA_BTI, record=True, engine=engine) for engine in ("plain", "torch")}
    with torch.no_grad():
        answer = on_grid(torch.from_numpy(DATA_BTI).float())
    for name, sent in zip(on_grid.layer_names, answer.hidden, strict=False):
        np.testing.assert_array_equal(float64.layers[name].spikes_BTN, sent.numpy(), err_msg=name)
        start = compiled.program.layer(name).start
        whole = runs["plain"].layers[name].spikes_BTN
        assert whole.any()
        assert (whole[:, start : start + 6] == sent.numpy()).mean() > 0.98, name
        np.testing.assert_array_equal(runs["torch"].layers[name].v_BTN, runs["plain"].layers[name].v_BTN)
        np.testing.assert_array_equal(runs["torch"].layers[name].spikes_BTN, whole)
    assert runs["plain"].layers[products_in(compiled).name].spikes_BTN.max() > 4
    assert first_violation(compiled.quantised, compiled.plan, runs["plain"], DATA_BTI) is None


def test_the_certificate_finds_one_wrong_count(folder: Path) -> None:
    _, _, compiled = made("spikformer", folder)
    trace = fixed.run(compiled.program, DATA_BTI, record=True)
    name = products_in(compiled).name
    trace.layers[name].v_BTN[2, 10, 5] += 1
    found = first_violation(compiled.quantised, compiled.plan, trace, DATA_BTI)
    assert found is not None
    assert (found.layer, found.step) == (name, 10)


@pytest.mark.parametrize("kind", WITH_PRODUCTS)
def test_a_batch_gives_each_sample_what_it_gets_alone(kind: str, folder: Path) -> None:
    program = made(kind, folder)[2].program
    whole = fixed.run(program, DATA_BTI, record=True)
    for number in range(len(DATA_BTI)):
        alone = fixed.run(program, DATA_BTI[number : number + 1], record=True)
        for name, states in alone.layers.items():
            np.testing.assert_array_equal(states.v_BTN[0], whole.layers[name].v_BTN[number])


def test_a_program_comes_back_from_its_file_and_the_reader_of_nir_refuses_the_graph(folder: Path) -> None:
    program = made("spikformer", folder)[2].program
    write_program(folder / "p.npz", program)
    assert read_program(folder / "p.npz").digest == program.digest
    with pytest.raises(AssertionError):  # of NIR's reader: the type is none of its own
        nir.read(folder / "spikformer.nir")
    with pytest.raises(ProgramError, match="spike_products neurons are said by the graph that the Program was"):
        program_graph(program)


def test_fit_shows_the_rest_and_says_what_the_host_does(folder: Path) -> None:
    compiled = made("spikformer", folder)[2]
    layer, placed = products_in(compiled), place(compiled.program, chip_named("loihi2"))
    assert placed.fits
    assert len(placed.layers) == len(compiled.program.layers) - 1
    (line,) = (one for one in placed.notes if one.startswith(layer.name))
    # 16 channels of 2 by 2 places: three spikes of each go, and counts of up to 8 channels times 4 places come back.
    assert "no chip of this kind multiplies spikes" in line
    assert "192 bits go to it and 64 counts of 6 bits come back in every step; it holds k and v, 128 bits" in line
    assert line in compiled.program.notes


def test_the_chip_holds_the_three_spikes_apart(folder: Path) -> None:
    compiled = made("spikformer", folder)[2]
    name, program = products_in(compiled).name, compiled.program
    trace = fixed.run(program, DATA_BTI, record=True)
    names = [one.source for one in program.into(name)]
    spikes = {one[one.index("attn.") + 5]: trace.layers[one].spikes_BTN[:, :-1].astype(int) for one in names}
    wanted = (spikes["q"] + 2 * spikes["k"] + 4 * spikes["v"]) << MESSAGE_EXP
    np.testing.assert_array_equal(trace.layers[name].u_BTN[:, 1:], wanted)


@pytest.mark.lava
@pytest.mark.slow
@pytest.mark.parametrize("kind", WITH_PRODUCTS)
def test_lava_gives_every_spike_count_and_state_of_four_samples(kind: str, folder: Path, worker: lava.Worker) -> None:
    program = made(kind, folder)[2].program
    assert_same_states(fixed.run(program, DATA_BTI, record=True), worker.run(program, DATA_BTI, record=True))


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (
            {"model": "tim", "pools_spikes": False},
            r"block\.0\.attn \(SpikingSelfAttention\) mixes q of a step with the one b",
        ),
        (QK | {"attention": None, "uncorrected": True}, r"stage2\.0\.attn .* mixes the samples of a batch, as netw"),
    ],
)
def test_what_products_are_not_made_of_is_one_line(settings: dict[str, Any], line: str) -> None:
    with pytest.raises(NetworkError, match=rf"^network: {line}"):
        deployable(tiny(image=(2, 16, 16), **SMALL | settings))


def test_gradients_go_through_the_products() -> None:
    network = deployable(trained("spikformer"))
    x = events(2).flatten(2)
    with torch.no_grad():
        silent = network(x).output_BC
    found = network(x).output_BC
    torch.testing.assert_close(found.detach(), silent, rtol=0, atol=1e-6)
    found.sum().backward()
    at = network.layer_names.index("block.0.attn.q.lif")
    step: Any = network.steps[at]
    assert step.taps[0].weight.grad.any()
