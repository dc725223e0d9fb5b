"""Networks of the SiLIF family through the whole pipeline: trained here, or from a checkpoint."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import neurodeploy
from neurodeploy.errors import NetworkError, RecipeError, RunError
from neurodeploy.networks.families.silif import SilifSettings, build
from neurodeploy.program.file import read_program

RECIPE = """
[data]
dataset = "digits"
[network]
family = "silif"
model = "rlif"
hidden = [24]
[training]
epochs = 4
learning_rate = 1e-2
[quantize]
weight_bits = 5
epochs = 1
[certificate]
lava = "never"
max_accuracy_drop = 1
"""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("recipe") / "small.toml"
    path.write_text(RECIPE)
    return str(path)


@pytest.fixture(scope="module")
def finished(recipe: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "small"
    neurodeploy.run(recipe, out=folder)
    return folder


def test_a_run_goes_from_training_to_certified_integers(finished: Path) -> None:
    report = json.loads((finished / "report.json").read_text())
    assert report["certificate"]["passed"]
    accuracy = report["accuracy"]
    assert accuracy["quantised"] > 0.5  # one in ten is chance
    assert accuracy["fixed"] == pytest.approx(accuracy["quantised"], abs=0.03)
    stages = {stage["name"]: stage for stage in report["certificate"]["stages"]}
    assert stages["reference"]["spike_agreement"] > 0.999
    assert stages["fixed"]["equations"]["holds"]
    assert report["initial_state"] == {"float": "zero", "integer": "zero"}
    assert report["quantisation"]["fine_tuning"]["epochs"]
    assert report["quantisation"]["poles"]["rlif1"]["outside"] == 0
    assert report["counts"]["host_reads_per_sample"] == 10 * report["certificate"]["steps"]
    reads = [one for one in report["energy"]["models"][0]["terms"] if one["term"] == "host_read"]
    assert reads[0]["count"] == report["counts"]["host_reads_per_sample"]
    assert "States and coefficients" in (finished / "report.html").read_text(encoding="utf-8")


def test_the_program_holds_what_the_recipe_asked_for(finished: Path) -> None:
    program = read_program(finished / "program.npz")
    hidden = program.layer("rlif1")
    assert hidden.kind == "adaptive"
    assert (hidden.fraction_bits, program.readout) == (12, "softmax")
    assert {one.name for one in program.connections} == {"fc1", "rec1", "fc2"}
    for one in program.connections:
        assert one.weight_exp.shape == (len(one.weight),)
        assert len(np.unique(one.weight)) <= 2**5 - 1
    assert not np.diag(program.connections[1].weight).any()


def test_a_run_that_is_done_is_resumed_without_a_change(finished: Path, recipe: str) -> None:
    def digests() -> dict[str, str]:
        names = ("checkpoint.safetensors", "quantised.safetensors", "model.nir", "program.npz", "metrics.json")
        return {name: hashlib.sha256((finished / name).read_bytes()).hexdigest() for name in names}

    before = digests()
    neurodeploy.run(recipe, out=finished, mode="resume")
    assert digests() == before


def checkpoint(path: Path, changed: dict[str, np.ndarray | None] | None = None, n_inputs: int = 64) -> Path:
    torch.manual_seed(0)
    network = build(SilifSettings(model="rlif", hidden=(24,)), (n_inputs,), 10, 4e-3)
    arrays = {key: value.numpy() for key, value in network.state_dict().items()}
    arrays = {key: value for key, value in (arrays | (changed or {})).items() if value is not None}
    np.savez(path, **arrays)
    return path


def test_a_checkpoint_takes_the_place_of_training(recipe: str, tmp_path: Path) -> None:
    file = checkpoint(tmp_path / "net.npz")
    settings = ("quantize.method=ptq",)
    neurodeploy.run(recipe, out=tmp_path / "run", settings=settings, checkpoint=file)
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["training"]["checkpoint"]["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert "net.npz" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    other = checkpoint(tmp_path / "other.npz", {"snn.0.alpha": np.full(24, 0.9, np.float32)})
    with pytest.raises(RunError, match=r"holds a network that is not .*other\.npz's"):
        neurodeploy.run(recipe, out=tmp_path / "run", settings=settings, checkpoint=other, mode="resume")


def test_a_bad_checkpoint_is_told_before_a_folder_is_made(recipe: str, tmp_path: Path) -> None:
    bad = {
        "lacks snn.0.alpha": checkpoint(tmp_path / "a.npz", {"snn.0.alpha": None}),
        "has unknown snn.0.beta": checkpoint(tmp_path / "b.npz", {"snn.0.beta": np.ones(24, np.float32)}),
        r"the wrong shape in snn.1.alpha \(9,\) for": checkpoint(tmp_path / "c.npz", {"snn.1.alpha": np.ones(9)}),
        "infinities or no numbers in snn.0.norm.bias": checkpoint(
            tmp_path / "d.npz", {"snn.0.norm.bias": np.full(24, np.nan)}
        ),
    }
    for says, file in bad.items():
        with pytest.raises(NetworkError, match=says):
            neurodeploy.run(recipe, out=tmp_path / "run", checkpoint=file)
    with pytest.raises(RecipeError, match="checkpoint: is for networks of the SiLIF family, digits has another"):
        neurodeploy.run("digits", out=tmp_path / "run", checkpoint=bad["lacks snn.0.alpha"])
    assert not (tmp_path / "run").exists()


def test_a_checkpoint_for_other_data_is_refused(recipe: str, tmp_path: Path) -> None:
    file = checkpoint(tmp_path / "net.npz", n_inputs=63)
    with pytest.raises(NetworkError, match="takes 63 channels and knows 10 classes, digits has 64 and 10"):
        neurodeploy.run(recipe, out=tmp_path / "run", checkpoint=file)


def test_networks_without_spikes_are_trained_only(recipe: str, tmp_path: Path) -> None:
    settings = ("network.family=ann", "training.epochs=1")
    found = neurodeploy.run(recipe, out=tmp_path / "run", settings=settings)
    assert not found["certificate"]["passed"]
    assert "a mlp sends no spikes, so no chip of this kind runs it" in found["certificate"]["failures"][0]
    assert (tmp_path / "run" / "checkpoint.safetensors").exists()
