"""A run of an LMU without feedback: float, integers, certificate and page, and every verb on its folder.

Truth: the memory's recurrence, written out once more here in float64. Axes: B sample, T step, D coefficient.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

import neurodeploy
from neurodeploy.backends import fixed
from neurodeploy.cli.app import invoke
from neurodeploy.data.load import open_part
from neurodeploy.data.settings import DataSettings
from neurodeploy.errors import GraphError, MappingError, PrecisionError, RunError
from neurodeploy.graph.files import read_graph, write_graph
from neurodeploy.mapping import memory
from neurodeploy.networks.families.lmu import LmuNetwork, LmuSettings, build, deployable
from neurodeploy.pipeline.conversion import graph_of, new_network, part, quantised
from neurodeploy.pipeline.folder import RunFolder
from neurodeploy.pipeline.stages import quantised_network, trained_network
from neurodeploy.program.file import read_program
from neurodeploy.program.host import Host
from neurodeploy.recipes import load_recipe

ORDER = 12
SETTINGS = (f"network.memory={ORDER}", "network.hidden=16", "training.epochs=4", "training.learning_rate=0.02")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("lmu") / "run"
    settings = (*SETTINGS, "certificate.lava=never")
    return neurodeploy.run("digits_lmufft", out=out, settings=settings) | {"folder": out}


@pytest.fixture(scope="module")
def test_part() -> Any:
    return open_part(DataSettings(dataset="digits_rows", n_steps=64), "test").whole()


def test_the_run_keeps_its_accuracy_and_says_what_the_host_does(made: dict[str, Any]) -> None:
    assert made["certificate"]["passed"], made["certificate"]["failures"]
    assert list(made["accuracy"]) == ["float", "read", "quantised", "reference", "fixed"]
    assert made["accuracy"]["float"] > 0.4
    assert abs(made["accuracy"]["fixed"] - made["accuracy"]["float"]) < 0.01
    report = json.loads((made["folder"] / "report.json").read_text())
    assert report["host"]["macs_per_sample"] == 64 * 2 + (ORDER + 1) * 16 + 16 * 10
    assert "the states of memory are 0." in Path(made["report"]).read_text(encoding="utf-8")
    assert any(one.startswith("on the host: the memory's input, 2 multiply-adds") for one in report["notes"])


def test_the_certificate_has_the_error_of_the_float_memory_at_every_step(made: dict[str, Any], test_part: Any) -> None:
    folder = RunFolder(made["folder"])
    trained: Any = trained_network(folder)
    unit, host = trained.unit, quantised_network(folder).host
    sent = host.currents(test_part.spikes_BTI)
    (row,) = made["certificate"]["stages"][-1]["layers"]
    program = read_program(folder.program_file)
    layer, chip = program.layer("memory"), fixed.run(program, sent, record=True).layers["memory"].v_BTN[:, 1:, :ORDER]
    a, b = (one.double().numpy() for one in (unit.A, unit.B[:, 0]))
    m_BD, off, size = np.zeros((len(sent), ORDER)), [], []
    exact_BT = unit.W_u(torch.tensor(test_part.spikes_BTI).float() / 16).relu()[:, :, 0].detach().numpy()
    finest = exact_BT.max() / np.abs(sent[:, :, 0]).max()
    unit_u = 2.0 ** np.rint(np.log2(finest))
    assert np.abs(sent[:, :, 0] * unit_u - exact_BT).max() <= 0.51 * unit_u
    for step in range(64):
        m_BD = m_BD @ a.T + sent[:, step, :1] * unit_u * b
        both = np.concatenate([m_BD, test_part.spikes_BTI[:, step] / 16], axis=1)
        found = np.concatenate([chip[:, step] / layer.v_per_unit[:ORDER], both[:, ORDER:]], axis=1)
        off.append(np.linalg.norm(found - both))
        size.append(np.linalg.norm(both))
    # x beside the memory is off by a message's rounding at most, which is why the two may differ by that much.
    np.testing.assert_allclose(row["state_error"], np.array(off) / size, atol=3e-3)
    assert 1e-5 < row["state_error"][-1] < 0.01


def test_its_graph_is_the_identical_program(made: dict[str, Any], tmp_path: Path) -> None:
    folder = made["folder"]
    neurodeploy.compile(folder / "model.nir", out=tmp_path / "p.npz")
    digest = read_program(folder / "program.npz").digest
    assert read_program(tmp_path / "p.npz").digest == digest
    assert neurodeploy.export_run(folder, out=tmp_path / "m.nir")["program"] == digest
    graph = read_graph(folder / "model.nir").graph
    assert {type(one).__name__ for one in graph.nodes.values()} == {"Input", "Linear", "I", "Output"}


def test_pictures_of_ones_own_are_the_same_samples(made: dict[str, Any], test_part: Any, tmp_path: Path) -> None:
    np.savez(tmp_path / "own.npz", images=test_part.spikes_BTI.reshape(-1, 8, 8), labels=test_part.labels_B)
    for own in (None, tmp_path / "own.npz"):
        found = neurodeploy.simulate(made["folder"], data=own, backend="fixed")
        assert found["accuracy"] == made["accuracy"]["fixed"]
        assert found["samples"] == len(test_part.labels_B)
    own = tmp_path / "own.npz"
    certified = neurodeploy.certify(made["folder"], data=own, limit=40)
    assert certified["passed"], certified["failures"]
    counted = neurodeploy.profile(made["folder"], data=own)
    assert counted["synops_per_sample"] == made["synops_per_sample"]
    assert counted["accuracy"] == made["accuracy"]["fixed"]


def test_other_verbs_take_its_folder(made: dict[str, Any], tmp_path: Path) -> None:
    folder = made["folder"]
    assert neurodeploy.fit(folder)["fits"]
    assert neurodeploy.write_report(folder)["path"] == made["report"]
    assert neurodeploy.check_run(folder, budget=neurodeploy.Budget(min_accuracy=0.4))["passed"]
    assert len(neurodeploy.compare_runs([folder, folder], out=tmp_path / "c.html")["rows"]) > 3
    with pytest.raises(RunError, match="the network's memory sends values"):
        neurodeploy.bench_devices(folder)
    (found,) = neurodeploy.inspect_graph(folder)["memories"]
    assert found["neurons"] == ORDER + 1


@pytest.mark.lava
def test_lava_has_every_state(made: dict[str, Any]) -> None:
    found = neurodeploy.certify(made["folder"], backends=["fixed", "lava"], limit=2)
    assert found["bit_exact"] == {"fixed/lava": True}


def test_fewer_bits_of_the_memory_are_a_setting_and_an_option(made: dict[str, Any], tmp_path: Path) -> None:
    recipe = load_recipe("digits_lmufft", (*SETTINGS, "quantize.memory_bits=6"))
    network = deployable(cast(LmuNetwork, new_network(recipe)))
    assert network.host is not None
    write_graph(tmp_path / "m.nir", graph_of(network, recipe))
    sent = network.host.currents(part(recipe, "train").at(range(16)).spikes_BTI)
    plan = quantised(network, recipe, sent).plan
    assert {key: one.weight_bits for key, one in plan.connections.items()} == {"memory_in": 6, "memory_turn": 6}
    neurodeploy.compile(tmp_path / "m.nir", memory_bits=6, out=tmp_path / "p.npz")
    program = read_program(tmp_path / "p.npz")
    assert [one.name for one in program.connections] == ["memory_in", "memory_turn"]  # no lower halves
    with pytest.raises(PrecisionError, match=r"carries \[16\]-bit weights, 6 bits were asked for"):
        neurodeploy.compile(made["folder"] / "model.nir", memory_bits=6, out=tmp_path / "q.npz")
    with pytest.raises(GraphError, match="found 17, a whole number from 2 to 16 is needed"):
        neurodeploy.compile(tmp_path / "m.nir", memory_bits=17, out=tmp_path / "q.npz")


def test_the_hosts_layers_are_fine_tuned_on_the_memory_as_integers(tmp_path: Path) -> None:
    more = ("training.epochs=1", "quantize.epochs=2", "quantize.learning_rate=0.02", "training.pixel_shift=1")
    neurodeploy.train("digits_lmufft", out=tmp_path / "run", settings=(*SETTINGS, *more))
    accuracy = neurodeploy.quantize_run(tmp_path / "run", method="qat")["accuracy"]
    assert accuracy["quantised"] > accuracy["ptq"]


def test_a_network_with_feedback_is_trained_and_says_why_no_more(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--set", "training.epochs=1", "--set", "network.hidden=8")
    assert invoke(["run", "digits_lmu", "--out", str(tmp_path / "run"), *words, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["certificate"]["failures"] == [
        "network: has feedback, so it has no integer form: each step's memory waits for a dense product of a tanh "
        "layer; train it only, or set network.model = lmufft"
    ]
    assert not found["certificate"]["passed"]
    assert found["accuracy"]["float"] > 0.05
    files = {one.name for one in (tmp_path / "run").iterdir()}
    assert files == {"recipe.toml", "checkpoint.safetensors", "metrics.json"}
    assert invoke(["run", "digits_lmu", "--out", str(tmp_path / "run"), *words, "--resume"]) == 1
    assert "in float, trained only" in capsys.readouterr().out


def test_a_memory_too_large_for_the_sums_is_told_before_a_folder_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "LARGEST_MESSAGE", memory.LARGEST_MESSAGE << 8)
    with pytest.raises(
        MappingError, match=r"memory has 13 neurons, whose messages through memory_turn can .* about \d+"
    ):
        neurodeploy.run("digits_lmufft", out=tmp_path / "run", settings=SETTINGS)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("largest", [1.0, 255.0, 5000.0])
def test_the_host_sends_inputs_as_they_are_and_what_enters_the_memory(largest: float) -> None:
    torch.manual_seed(0)
    network: Any = build(LmuSettings(hidden=5, memory=4, theta=9.0, largest_input=largest), (3,), 2, 1e-3)
    with torch.no_grad():
        network.unit.W_u.weight.copy_(torch.tensor([[0.4, -0.9, 0.2]]))
    made = deployable(network.eval())
    assert made.host is not None
    data = np.random.default_rng(0).integers(0, int(largest) + 1, (4, 20, 3))
    sent = made.host.currents(data).astype(np.float64)
    assert Host.read(made.host.text) == made.host
    x = sent[:, :, 1:] @ made.enter[4:, 1:].numpy().T
    np.testing.assert_allclose(x, data / largest, rtol=0, atol=0.51 / 1024 if largest > 2047 else 1e-12)
    u = np.maximum((data / largest) @ np.array([0.4, -0.9, 0.2]) + network.unit.W_u.bias.item(), 0)
    scale = made.enter[:4, 0].numpy() / network.unit.B[:, 0].double().numpy()
    np.testing.assert_allclose(sent[:, :, 0] * scale[0], u, rtol=0, atol=0.6 * scale[0])
    torch.testing.assert_close(
        made(torch.tensor(sent)).output_BC, network(torch.tensor(data).float()).output_BC, rtol=0, atol=2e-2
    )
