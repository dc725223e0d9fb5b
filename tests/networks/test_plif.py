"""The PLIF family against recorded runs of the paper's networks, its sizes, and what is folded for a chip."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from neurodeploy.backends import fixed
from neurodeploy.certificate.equations import first_violation
from neurodeploy.errors import NetworkError
from neurodeploy.graph.files import read_graph, write_graph
from neurodeploy.graph.network import discretised
from neurodeploy.mapping.compile import Compiled, compile_network
from neurodeploy.networks.families.plif import PlifNetwork, PlifSettings, build, deployable
from neurodeploy.pipeline.conversion import quantised, read_network
from neurodeploy.recipes import load_recipe
from tests.conformance.test_round_trips import PICTURES as SHAPES
from tests.networks.models import lively_plif
from tests.neurons.test_plif import golden

EVENTS = ("conv.0", "conv.1", "conv.2", "conv.4", "conv.5", "conv.6", "fc.2", "fc.3", "fc.5", "fc.6")
PICTURES = ("static_conv.0", "static_conv.1", "conv.0", "conv.2", "conv.3", "conv.4", "fc.1", "fc.2", "fc.3", "fc.4")
RECORDED: dict[str, tuple[dict[str, Any], tuple[int, ...], tuple[str, ...]]] = {
    "static_tiny": ({"channels": 4, "hidden": 64}, (1, 28, 28), PICTURES),
    "nmnist_tiny_maxpool": ({"channels": 3, "hidden": 48, "encoder": "each_step"}, (2, 34, 34), EVENTS),
    "nmnist_tiny_avgpool": (
        {"channels": 3, "hidden": 48, "encoder": "each_step", "pool": "average"},
        (2, 34, 34),
        EVENTS,
    ),
}


def recorded(name: str) -> tuple[PlifNetwork, torch.Tensor, dict[str, Any], dict[str, str]]:
    """Return the network of a recording, its input, the recording, and the recording's names of its parameters."""
    arrays, (settings, shape, order) = golden(f"plif_net_{name}"), RECORDED[name]
    network = build(PlifSettings(**settings), shape, 10, 1e-3).eval()
    state = network.state_dict()
    mine = [key for key in state if "num_batches" not in key]
    theirs = [
        key.removeprefix("param/")
        for module in order
        for key in arrays
        if key.startswith("param/") and key.rpartition(".")[0] == f"param/{module}"
    ]
    named = dict(zip(mine, theirs, strict=True))
    for key, other in named.items():
        state[key].copy_(torch.tensor(arrays[f"param/{other}"]))
    if "in_image" in arrays:
        x_BTI = torch.tensor(arrays["in_image"]).flatten(1)[:, None].expand(-1, 6, -1)
    else:
        x_BTI = torch.tensor(arrays["in_frames"]).float().flatten(2)
    return network, x_BTI, arrays, named


@pytest.mark.data
@pytest.mark.parametrize("name", RECORDED)
def test_recorded_networks_are_repeated_in_every_spike_and_gradient(name: str) -> None:
    network, x_BTI, arrays, named = recorded(name)
    with torch.no_grad():  # in parts
        answer = network(x_BTI)
    spikes = {key.removeprefix("spikes/"): value for key, value in arrays.items() if key.startswith("spikes/")}
    sent = [answer.hidden[0], answer.hidden[2], answer.hidden[4], answer.sent]
    for found, (layer, wanted) in zip(sent, spikes.items(), strict=True):
        assert wanted.any()
        mismatches = int((found.transpose(0, 1).numpy() != wanted.reshape(*wanted.shape[:2], -1)).sum())
        assert mismatches == 0, layer
    in_one = network(x_BTI)  # in one pass for each stage
    assert torch.equal(in_one.sent, answer.sent)
    for one in (answer, in_one):
        counted = one.output_BC.detach().numpy() * x_BTI.shape[1]
        np.testing.assert_allclose(counted, arrays["out_spike_counter"], atol=1e-6)
    if "labels" not in arrays:
        return
    wanted_BC = functional.one_hot(torch.tensor(arrays["labels"]), 10).float()
    loss = functional.mse_loss(in_one.output_BC, wanted_BC)
    assert float(loss.detach()) == pytest.approx(float(arrays["mse_loss"]), rel=1e-6)
    loss.backward()
    for key, parameter in network.named_parameters():
        wanted = torch.tensor(arrays[f"grad/{named[key]}"])
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad, wanted, rtol=0, atol=3e-6 * float(wanted.abs().max()))


@pytest.mark.parametrize(
    ("recipe", "parameters", "layers"),
    [
        ("mnist_plif_paper", 13_198_980, 4),
        ("fashion_plif_paper", 13_198_980, 4),
        ("cifar10_plif_paper", 36_718_344, 8),
        ("nmnist_plif_paper", 17_132_292, 4),
        ("cifar10dvs_plif_paper", 17_427_718, 6),
        ("dvs128_plif_paper", 1_698_311, 7),
    ],
)
def test_the_papers_recipes_have_the_papers_networks(recipe: str, parameters: int, layers: int) -> None:
    told = load_recipe(recipe)
    assert isinstance(told.network, PlifSettings)
    n_classes = 11 if recipe.startswith("dvs128") else 10
    network = build(told.network, SHAPES[told.data.dataset], n_classes, 1e-3)
    assert sum(one.numel() for one in network.parameters()) == parameters
    assert len(network.stages) == layers


def small(**settings: Any) -> PlifNetwork:
    return lively_plif(pictures(), seed=3, n_channels=1, **settings)


def pictures() -> torch.Tensor:
    x_BI = torch.randint(0, 256, (6, 1, 144), generator=torch.Generator().manual_seed(0)).float()
    return x_BI.expand(-1, 5, -1)


@pytest.mark.parametrize(
    "settings", [{}, {"reset": "subtract"}, {"pool": "average", "tau0": 1.2}, {"bias": True, "neuron": "lif"}]
)
def test_folded_networks_send_the_same_spikes(settings: dict[str, Any]) -> None:
    network = small(**settings).double()
    folded = deployable(network)
    assert all(one.norm is None for one in folded.stages)
    with torch.no_grad():
        wanted, found = network(pictures()), folded(pictures())
    for mine, its in zip((*wanted.hidden, wanted.sent), (*found.hidden, found.sent), strict=True):
        assert 0 < mine.mean() < 1
        assert torch.equal(mine, its)


def on_grid(network: PlifNetwork, data_BTI: np.ndarray, folder: Path, **entries: Any) -> tuple[Any, Compiled]:
    """Return a folded network on the chip's grid, and what its file becomes."""
    recipe = load_recipe("mnist_plif" if entries else "digits")
    found = quantised(deployable(network), recipe, data_BTI).network
    write_graph(folder / "model.nir", read_network(found, 1e-3, **entries).graph)
    return found, compile_network(discretised(read_graph(folder / "model.nir")))


def average_pooled(folder: Path) -> tuple[Any, Compiled, np.ndarray]:
    """Return a network with average pools, what its file becomes, and spikes for it."""
    raw = small(pool="average", tau0=1.2)
    with torch.no_grad():
        raw.stages[0].weights.weight.mul_(200)  # type: ignore[union-attr, operator]
    spikes_BTI = (pictures() > 128).numpy().astype(np.uint8)
    return *on_grid(raw, spikes_BTI, folder), spikes_BTI


def test_weights_of_pixels_have_all_their_bits(tmp_path: Path) -> None:
    """At exponent 0 the sums of nine pixels would leave 24 bits first."""
    raw = small()
    pixels_BTI = np.random.default_rng(1).integers(0, 256, (32, 1, 144)).astype(np.uint8).repeat(5, axis=1)
    with torch.no_grad():
        raw.stages[0].norm.weight.mul_(20)  # type: ignore[union-attr, operator]
    network, made = on_grid(raw, pixels_BTI, tmp_path, counts=True)
    (first,) = made.program.into("plif1")
    assert first.weight_exp < 0
    assert np.abs(first.weight).max() > 127
    assert all((one.weight_exp >= 0).all() for one in made.program.connections[1:])
    whole = fixed.run(made.program, pixels_BTI, record=True)
    assert first_violation(made.quantised, made.plan, whole, pixels_BTI) is None
    with torch.no_grad():
        sent = network(torch.tensor(pixels_BTI).float()).hidden[0]
    assert 0 < sent.mean() < 1
    own = whole.layers["plif1"].spikes_BTN[:, made.program.layer("plif1").start :][:, :5]
    assert (own == sent.numpy()).mean() > 0.9995  # leaks and sums are rounded in integers


def test_average_pools_go_into_the_next_weights_on_a_grid_and_in_the_chips_integers(tmp_path: Path) -> None:
    network, made, spikes_BTI = average_pooled(tmp_path)
    assert [one.name for one in made.program.connections] == ["conv1", "plif1_pool+conv2", "plif2_pool+fc3", "fc4"]
    kernels = made.program.connections[1].weight  # each weight of a kernel acts on a whole window
    np.testing.assert_array_equal(kernels, kernels[:, :, ::2, ::2].repeat(2, 2).repeat(2, 3))
    whole = fixed.run(made.program, spikes_BTI, record=True)
    assert first_violation(made.quantised, made.plan, whole, spikes_BTI) is None
    with torch.no_grad():
        answer = network(torch.tensor(spikes_BTI).float())
    for sent, name in zip(
        (answer.hidden[0], answer.hidden[2], answer.hidden[4], answer.sent), whole.layers, strict=True
    ):
        own = whole.layers[name].spikes_BTN[:, made.program.layer(name).start :][:, :5]
        np.testing.assert_array_equal(own[:, : sent.shape[1]], sent.numpy()[:, : own.shape[1]], err_msg=name)


def test_dropout_is_kept_over_time_and_drawn_for_each_sample() -> None:
    stage = small(dropout=[0.5, 0.0]).stages[2].train()
    current_BTN = stage.drive(torch.ones(3, 5, 4, 3, 3))  # type: ignore[operator]
    assert torch.equal(current_BTN[:, :1].expand_as(current_BTN), current_BTN)
    assert not torch.equal(current_BTN[0], current_BTN[1])


def test_norms_take_a_step_alone_or_all_together() -> None:
    x_BTN = torch.randn(8, 3, 1, 12, 12) + torch.arange(3.0)[:, None, None, None]
    alone, together = (small(norm=one).stages[0].train().drive(x_BTN).detach() for one in ("step", "batch"))  # type: ignore[operator]
    assert alone.mean(dim=(0, 2, 3, 4)) == pytest.approx([float(alone.mean())] * 3, abs=1e-5)
    assert together.mean(dim=(0, 2, 3, 4)).diff().abs().min() > 0.1


def test_tau_stays_where_it_is_not_learned() -> None:
    assert not any(one.neurons.w.requires_grad for one in small(neuron="lif").stages)  # type: ignore[union-attr]
    with pytest.raises(ValueError, match="greater than 1"):
        PlifSettings(tau0=1.0)


def test_stages_have_channels_of_their_own() -> None:
    network = build(PlifSettings(channels=(3, 5), stages=(2, 1), hidden=8), (1, 8, 8), 2, 1e-3)
    assert [one.weights.out_channels for one in network.stages[:3]] == [3, 3, 5]  # type: ignore[index]
    with pytest.raises(ValueError, match="one number, or 2 as there are stages"):
        PlifSettings(channels=(3, 4, 5))


def test_data_that_are_no_pictures_are_refused() -> None:
    for shape in ((40,), (1, 3, 28)):
        with pytest.raises(NetworkError, match=r"a step of the data is \(.*take fewer stages"):
            build(PlifSettings(), shape, 10, 1e-3)
