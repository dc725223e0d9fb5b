"""Pictures to chip integers: a PLIF recipe goes the whole way, and SpikingJelly's module gives the same Program."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import neurodeploy
from neurodeploy.data.load import open_samples
from neurodeploy.errors import NetworkError
from tests.data.test_idx import write_pictures
from tests.networks.models import lively_plif

DT_S = 1e-3
RECIPE = """
[data]
dataset = "mnist"
n_steps = 2
validation_part = 0.2
[network]
family = "plif"
channels = 3
hidden = 24
voters = 3
tau0 = 1.3
dropout = [0.0, 0.0]
[training]
epochs = 8
batch_size = 8
learning_rate = 2e-2
loss = "mse"
score_gain = 10.0
[quantize]
method = "qat"
epochs = 1
learning_rate = 1e-3
[certificate]
lava = "never"
max_accuracy_drop = 0.2
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("plif")
    write_pictures(folder / "mnist", 120, 20)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("NEURODEPLOY_DATA", str(folder))
        patched.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        (folder / "small.toml").write_text(RECIPE)
        yield folder / "run", neurodeploy.run(str(folder / "small.toml"), out=folder / "run")


@pytest.mark.slow
def test_a_recipe_is_trained_fine_tuned_exported_and_certified(run: Any) -> None:
    folder, result = run
    certificate = json.loads((folder / "certificate.json").read_text())
    assert certificate["passed"], certificate["failures"]
    assert result["accuracy"]["float"] > 0.8
    assert abs(result["accuracy"]["fixed"] - result["accuracy"]["quantised"]) < 0.1
    program = neurodeploy.read_program(folder / "program.npz")
    assert [one.name for one in program.layers] == ["plif1", "plif1_pool", "plif2", "plif2_pool", "plif3", "plif4"]
    assert program.graded_input
    plan = json.loads((folder / "metrics.json").read_text())["quantisation"]["plan"]
    assert {one["weight_bits"] for one in plan["connections"].values()} == {8}


@pytest.mark.slow
def test_its_page_names_the_time_constants_and_the_protocol(run: Any, tmp_path: Path) -> None:
    report = json.loads((run[0] / "report.json").read_text())
    for selection, said in (
        ("validation", "the best on validation data"),
        ("test", "the best on the test part, which"),
    ):
        report["recipe"]["data"]["selection"] = selection
        (tmp_path / "report.json").write_text(json.dumps(report))
        page = Path(neurodeploy.write_report(tmp_path)["path"]).read_text()
        assert said in page
        assert ("Accuracy-A" in page) == (selection == "test")
        assert f" on {selection} data" in page
        assert page.count('Time constants of the layers, steps: <data value="1.') == 1


@pytest.mark.slow
def test_its_pools_are_an_or_of_four_spikes_in_integers(run: Any) -> None:
    folder, _ = run
    pictures = open_samples("mnist", n_steps=2, limit=4).whole().spikes_BTI
    trace = neurodeploy.simulate(folder / "program.npz", pictures, record=True)
    sent = trace.layers["plif1"].spikes_BTN
    windows = sent.reshape(*sent.shape[:2], 3, 14, 2, 14, 2).any(axis=(4, 6)).reshape(*sent.shape[:2], -1)
    assert 0 < windows.mean() < 1
    np.testing.assert_array_equal(trace.layers["plif1_pool"].spikes_BTN[:, 1:], windows[:, :-1])  # a step later


@pytest.mark.slow
def test_pictures_in_a_file_give_what_the_datasets_own_give(run: Any, tmp_path: Path) -> None:
    folder, _ = run
    test = open_samples("mnist").whole()
    images = test.spikes_BTI[:, 0].reshape(-1, 28, 28)
    np.savez(tmp_path / "mine.npz", images=images, labels=test.labels_B)
    named, mine = (neurodeploy.simulate(folder, data) for data in ("mnist", tmp_path / "mine.npz"))
    assert mine["data_notes"][-1] == "mine.npz: each image is shown as mnist shows its pictures, 2 steps"
    for key in ("accuracy", "samples", "synops_per_sample"):
        assert mine[key] == named[key]
    assert neurodeploy.certify(folder, tmp_path / "mine.npz", max_accuracy_drop=0.9)["passed"]
    assert neurodeploy.profile(folder, tmp_path / "mine.npz")["synops_per_sample"] == named["synops_per_sample"]


@pytest.mark.slow
def test_a_recipe_whose_first_convolution_is_the_hosts(run: Any, tmp_path: Path) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (6, 1, 784), dtype=np.uint8).repeat(2, axis=1)
    np.savez(tmp_path / "mine.npz", spikes=pictures, labels=np.arange(6))
    np.savez(tmp_path / "images.npz", images=pictures[:, 0].reshape(6, 28, 28), labels=np.arange(6))
    settings = ("network.host_encoder=true", "training.epochs=1", "certificate.max_accuracy_drop=1.0")
    neurodeploy.run(str(run[0].parent / "small.toml"), out=tmp_path / "run", settings=settings)
    program = neurodeploy.read_program(tmp_path / "run" / "program.npz")
    assert program.host is not None
    assert (program.host.window.n_inputs, program.n_inputs, program.host.once) == (784, 3 * 784, True)
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["host"]["macs_per_sample"] == 3 * 784 * 9
    assert report["certificate"]["stages"][-1]["equations"]["holds"]
    page = (tmp_path / "run" / "report.html").read_text()
    assert page.count("on the host: 21,168 MACs and 3,528 bytes to the chip a sample") == 1
    assert page.count("on the host: the first convolution, 21,168 multiply-adds") >= 1
    (tmp_path / "out").mkdir()
    found = neurodeploy.export_run(tmp_path / "run", out=tmp_path / "out" / "model.nir")
    assert found["program"] == program.digest
    for file in (tmp_path / "run", tmp_path / "out" / "model.nir"):  # pictures as they are
        steps, images = (neurodeploy.simulate(file, tmp_path / f"{one}.npz") for one in ("mine", "images"))
        assert (images["samples"], images["synops_per_sample"]) == (6, steps["synops_per_sample"])
    assert neurodeploy.certify(tmp_path / "run", max_accuracy_drop=1.0)["passed"]
    assert neurodeploy.profile(tmp_path / "run", limit=4)["host"] == report["host"]
    assert program.host.words in neurodeploy.fit(tmp_path / "run")["notes"]


@pytest.mark.slow
@pytest.mark.lava
def test_lava_gives_every_spike_and_state(run: Any) -> None:
    folder, _ = run
    found = neurodeploy.certify(folder, backends=("reference", "fixed", "lava"), limit=4, max_accuracy_drop=0.9)
    assert found["bit_exact"], found["failures"]


def test_pictures_too_small_for_the_pools_are_refused_before_a_folder_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pictures(tmp_path / "mnist", 40, 20)
    monkeypatch.setenv("NEURODEPLOY_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "small.toml").write_text(RECIPE)
    with pytest.raises(NetworkError, match="5 pools need channels, and at least 32 rows and columns"):
        neurodeploy.train(
            str(tmp_path / "small.toml"), out=tmp_path / "run", settings=("network.stages=[1, 1, 1, 1, 1]",)
        )
    assert not (tmp_path / "run").exists()


def events() -> torch.Tensor:
    return torch.randint(0, 3, (6, 5, 288), generator=torch.Generator().manual_seed(0)).float()


def test_spikingjellys_module_of_the_same_network_gives_the_identical_program() -> None:
    pytest.importorskip("spikingjelly.activation_based")
    from spikingjelly.activation_based import functional, layer, neuron, surrogate

    def neurons() -> Any:
        return neuron.ParametricLIFNode(surrogate_function=surrogate.ATan(), detach_reset=True)

    def conv(n_inputs: int) -> list[Any]:
        weights = layer.Conv2d(n_inputs, 4, 3, padding=1, bias=False)
        return [weights, layer.BatchNorm2d(4), neurons(), layer.MaxPool2d(2, 2)]

    class Theirs(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Sequential(*conv(2), *conv(4))
            hidden = [layer.Flatten(), layer.Dropout(0.5), layer.Linear(36, 16, bias=False), neurons()]
            last = [layer.Dropout(0.5), layer.Linear(16, 12, bias=False), neurons(), layer.VotingLayer(3)]
            self.fc = nn.Sequential(*hidden, *last)
            named = ("conv1", "norm1", "plif1", "plif1_pool", "conv2", "norm2", "plif2", "plif2_pool")
            self.node_names = {f"conv.{i}": {"": one, "sum": f"sum{one[4]}"} for i, one in enumerate(named)}
            self.node_names |= {f"fc.{i}": {"": one} for i, one in ((2, "fc3"), (3, "plif3"), (5, "fc4"), (6, "plif4"))}
            functional.set_step_mode(self, "m")

        def forward(self, x_TBCHW: torch.Tensor) -> torch.Tensor:
            return self.fc(self.conv(x_TBCHW)).mean(0)  # type: ignore[no-any-return]

    network = lively_plif(events(), seed=0, n_channels=2, encoder="each_step")
    module = Theirs()
    for theirs, mine in zip(module.state_dict().values(), network.state_dict().values(), strict=True):
        theirs.copy_(mine)
    x_TBCHW = events().unflatten(2, (2, 12, 12)).transpose(0, 1).contiguous()
    made = neurodeploy.deploy(network, events(), dt_s=DT_S, calibrate=events(), test=events())
    found = neurodeploy.deploy(module.eval(), x_TBCHW, dt_s=DT_S, calibrate=x_TBCHW, test=x_TBCHW)
    assert made.agreement["equal"]
    assert found.agreement["equal"]
    assert all(one["spikes"] for one in made.agreement["layers"])
    assert found.program.digest == made.program.digest
