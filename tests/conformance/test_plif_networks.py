"""Small PLIF networks trained on real pictures and real events, on the chip's grid: torch, the engines and Lava.

Axes: B sample, T step, I input channel, C class.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch.nn import functional

from neurodeploy.backends import fixed, lava
from neurodeploy.certificate.equations import first_violation
from neurodeploy.data.load import open_part
from neurodeploy.graph.files import read_graph, write_graph
from neurodeploy.graph.network import discretised
from neurodeploy.mapping.compile import Compiled, compile_network
from neurodeploy.networks.families.plif import PlifNetwork, build, deployable
from neurodeploy.pipeline.conversion import graph_of, quantised
from neurodeploy.recipes import validated
from neurodeploy.verbs.deploy import deploy
from tests.backends.lava_support import assert_same_states
from tests.networks.test_plif import average_pooled, pictures, small

SIZES = {"mnist": ((1, 28, 28), 4), "nmnist_frames": ((2, 34, 34), 5)}
N_TRAIN, N_TEST, BATCH = 320, 200, 32


class Trained(NamedTuple):
    """Accuracies of test samples, float and fine-tuned on the grid; and what is exported."""

    float_: float
    tuned: float
    network: Any
    made: Compiled
    test_BTI: np.ndarray
    labels_B: np.ndarray


def fitted(network: Any, x_BTI: torch.Tensor, labels_B: torch.Tensor, epochs: int, rate: float) -> None:
    optimiser = torch.optim.Adam([one for one in network.parameters() if one.requires_grad], rate)
    network.train()
    for epoch in range(epochs):
        for some in torch.randperm(len(x_BTI), generator=torch.Generator().manual_seed(epoch)).split(BATCH):
            optimiser.zero_grad()
            output_BC = network(x_BTI[some]).output_BC
            functional.cross_entropy(8 * output_BC, labels_B[some]).backward()
            optimiser.step()
    network.eval()


@torch.no_grad()
def accuracy(network: Any, x_BTI: torch.Tensor, labels_B: torch.Tensor) -> float:
    return float((network(x_BTI).output_BC.argmax(1) == labels_B).float().mean())


@pytest.fixture(scope="module", params=SIZES)
def trained(request: Any, tmp_path_factory: Any) -> Trained:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    shape, n_steps = SIZES[request.param]
    encoder = "once" if request.param == "mnist" else "each_step"
    table = {"family": "plif", "channels": 4, "hidden": 32, "voters": 3, "dropout": [0.0, 0.0], "encoder": encoder}
    recipe = validated({"data": {"dataset": request.param, "n_steps": n_steps}, "network": table, "name": "small"}, "t")
    parts: dict[str, Any] = {}
    for split, limit in (("train", N_TRAIN), ("test", N_TEST)):
        part = open_part(recipe.data, split)  # type: ignore[arg-type]
        some = part.at(np.linspace(0, len(part) - 1, min(limit, len(part))).astype(int))
        parts[split] = some.spikes_BTI, torch.tensor(some.labels_B)
    (train_BTI, labels_B), (test_BTI, test_B) = parts["train"], parts["test"]
    x_BTI, tested = torch.tensor(train_BTI).float(), torch.tensor(test_BTI).float()
    network: PlifNetwork = build(recipe.network, shape, 10, 1e-3)  # type: ignore[arg-type]
    fitted(network, x_BTI, labels_B.long(), 6, 5e-3)
    float_ = accuracy(network, tested, test_B)
    on_grid = quantised(deployable(network), recipe, train_BTI[:64]).network
    fitted(on_grid, x_BTI, labels_B.long(), 2, 5e-4)
    path = Path(tmp_path_factory.mktemp("plif")) / "model.nir"
    write_graph(path, graph_of(on_grid, recipe))
    made = compile_network(discretised(read_graph(path)))
    return Trained(float_, accuracy(on_grid, tested, test_B), on_grid, made, test_BTI, test_B.numpy())


@pytest.mark.data
def test_convolutions_are_fine_tuned_on_the_chips_grid_and_lose_little(trained: Trained) -> None:
    assert trained.float_ > 0.6
    assert trained.tuned >= trained.float_ - 0.03  # six of 200 samples, and two epochs more


@pytest.mark.data
def test_the_integers_spike_as_the_network_on_the_grid_does(trained: Trained) -> None:
    program, test_BTI = trained.made.program, trained.test_BTI[:32]
    whole = fixed.run(program, test_BTI, record=True)
    assert first_violation(trained.made.quantised, trained.made.plan, whole, test_BTI) is None
    with torch.no_grad():
        answer = trained.network(torch.tensor(test_BTI).float())
    n_steps, agreed = test_BTI.shape[1], []
    for sent, (name, own) in zip((*answer.hidden, answer.sent), whole.layers.items(), strict=True):
        start = program.layer(name).start
        assert sent.any(), name
        agreed.append((own.spikes_BTN[:, start : start + n_steps] == sent.flatten(2).numpy()).mean())
    assert min(agreed) > 0.995  # leaks are rounded in integers
    assert (whole.predictions_B == answer.output_BC.argmax(1).numpy()).mean() > 0.9


def test_a_layer_that_nearly_integrates_has_a_scale_of_its_own() -> None:
    """Time constant 55, as the paper's first full layer learns: 74 of 4096, by which its weights are small."""
    network = small()
    with torch.no_grad():
        network.stages[2].neurons.w.fill_(-math.log(54))  # type: ignore[union-attr, operator]
        network.stages[2].weights.weight.mul_(12)  # type: ignore[union-attr, operator]
    pixels = (torch.rand(24, 1, 144, generator=torch.Generator().manual_seed(5)) * 3).round().expand(-1, 16, -1)
    made = deploy(network, pixels, dt_s=1e-3, time_axis=1)
    assert made.passed, made.certificate["failures"]
    slow, into = made.program.layer("plif3"), made.program.into("plif3")[0]
    assert (slow.dv == 74).all()
    assert np.abs(into.weight).max() > 127  # all eight bits of it
    rows = {row["name"]: row["spike_agreement"] for row in made.certificate["stages"][-1]["layers"]}
    assert made.read.spikes["plif3"].mean() > 0.05
    assert rows["plif3"] > 0.99


@pytest.mark.data
@pytest.mark.lava
def test_lava_gives_every_spike_and_state_of_four_samples(trained: Trained, worker: lava.Worker) -> None:
    program, some = trained.made.program, trained.test_BTI[:: N_TEST // 4][:4]
    expected = fixed.run(program, some, record=True)
    assert all(one.spikes_BTN.any() for one in expected.layers.values())
    assert_same_states(expected, worker.run(program, some, record=True))


@pytest.mark.lava
def test_average_pools_give_every_state_in_lava(worker: lava.Worker, tmp_path: Path) -> None:
    _, made, spikes_BTI = average_pooled(tmp_path)
    expected = fixed.run(made.program, spikes_BTI[:2], record=True)
    assert all(one.spikes_BTN.any() for one in expected.layers.values())
    assert_same_states(expected, worker.run(made.program, spikes_BTI[:2], record=True))


@pytest.mark.lava
def test_currents_of_the_host_give_the_same_states_in_lava(worker: lava.Worker) -> None:
    made = deploy(small(), pictures(), dt_s=1e-3, time_axis=1, host="stages.0.current")
    assert made.agreement["same"]
    assert made.certificate["stages"][-1]["equations"]["holds"]
    (first,) = made.program.into("plif1")
    assert first.weight.size == first.weight.shape[0] == 4  # of the current's unit alone: the kernel is the host's
    some = made.read.inputs_BTF[:2].astype(np.int32)
    assert some.min() < 0 < some.max()
    assert_same_states(fixed.run(made.program, some, record=True), worker.run(made.program, some, record=True))
