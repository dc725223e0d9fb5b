"""A whole run, interrupted and resumed, and the same bytes each time."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

import neurodeploy
from neurodeploy.data.load import open_samples
from neurodeploy.errors import RunError
from neurodeploy.graph.files import read_graph
from neurodeploy.graph.network import discretised
from neurodeploy.mapping.compile import compile_network
from neurodeploy.program.file import read_program
from tests.interrupted import interrupted

SMALL = (
    "training.epochs=8",
    "network.hidden=[24]",
    "quantize.epochs=3",
    "certificate.lava=never",
    "certificate.max_accuracy_drop=1",
)
SAME = (
    "checkpoint.safetensors",
    "quantised.safetensors",
    "model.nir",
    "program.npz",
    "counts.json",
    "metrics.json",
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "digits"
    neurodeploy.run("digits", out=folder, settings=SMALL)
    return folder


def without_times(path: Path) -> object:
    text = path.read_text(encoding="utf-8")
    return json.loads(text, object_hook=lambda found: {k: v for k, v in found.items() if k not in ("seconds", "made")})


def test_a_run_folder_holds_everything(finished: Path) -> None:
    expected = {"recipe.toml", "certificate.json", "report.json", "report.html", *SAME}
    assert {path.name for path in finished.iterdir()} == expected
    report = json.loads((finished / "report.json").read_text())
    assert set(report["accuracy"]) == {"float", "ptq", "quantised", "reference", "fixed"}
    assert report["certificate"]["passed"]
    # Eight epochs of a small network are far above chance, one in ten.
    assert report["accuracy"]["float"] > 0.8
    assert report["synops_per_sample"] > 0


def test_the_report_says_on_which_data_and_how_often_each_class_is_recognised(finished: Path) -> None:
    report = json.loads((finished / "report.json").read_text())
    test = open_samples("digits", split="test")
    assert report["data"] == {"name": "digits (test)", "sha256": test.digest()}
    assert test.digest() != test.first(len(test) - 1).digest()
    assert open_samples("digits", split="test", n_steps=23).digest() != test.digest()
    confusion = np.array(report["classes"]["confusion"])
    assert confusion.sum(axis=1).tolist() == np.bincount(test.labels_B).tolist()
    assert np.trace(confusion) / confusion.sum() == pytest.approx(report["accuracy"]["fixed"])
    rows = report["classes"]["rows"]
    weighted = sum(row["samples"] * row["accuracy"]["float"] for row in rows) / len(test)
    assert weighted == pytest.approx(report["accuracy"]["float"])
    assert rows[3]["accuracy"]["fixed"] == pytest.approx(confusion[3, 3] / confusion[3].sum())
    first, second = report["plots"]["rasters"]
    assert first["sample"] == 0
    assert (first["label"] == first["prediction"]) != (second["label"] == second["prediction"])


def test_the_exported_graph_gives_the_program_beside_it(finished: Path) -> None:
    network = discretised(read_graph(finished / "model.nir"))
    assert compile_network(network).program.digest == read_program(finished / "program.npz").digest


def test_the_same_recipe_and_seed_give_the_same_bytes(finished: Path, tmp_path: Path) -> None:
    neurodeploy.run("digits", out=tmp_path / "again", settings=SMALL)
    for name in SAME:
        assert (tmp_path / "again" / name).read_bytes() == (finished / name).read_bytes(), name
    for name in ("certificate.json", "report.json"):
        assert without_times(tmp_path / "again" / name) == without_times(finished / name)


def test_another_seed_gives_another_network(finished: Path, tmp_path: Path) -> None:
    settings = ("training.epochs=1", "network.hidden=[24]", "training.seed=1")
    neurodeploy.train("digits", out=tmp_path / "other", settings=settings)
    assert (tmp_path / "other/checkpoint.safetensors").read_bytes() != (finished / SAME[0]).read_bytes()


HELD_IN_AN_EPOCH = """
from neurodeploy.pipeline import stages
from neurodeploy.training.classifier import Classifier

fitted, step, done, fits = stages.fit, Classifier.training_step, [], []

def training_step(self, batch, batch_idx):
    done.append(batch_idx)
    if done.count(1) == 2:  # the second batch of the second epoch
        hold()
    return step(self, batch, batch_idx)

def fit(*arguments, **named):
    fits.append(None)
    if len(fits) == {which}:
        Classifier.training_step = training_step
    return fitted(*arguments, **named)

stages.fit = fit
"""


@pytest.mark.parametrize("which", [1, 2], ids=["training", "quantising"])
def test_ctrl_c_and_resume_end_like_a_run_that_was_not_interrupted(which: int, finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "interrupted"
    settings = [word for setting in SMALL for word in ("--set", setting)]
    lines = interrupted(HELD_IN_AN_EPOCH.format(which=which), ["run", "digits", "--out", out, *settings])
    assert "Traceback" not in "".join(lines)
    assert lines[-1].startswith("error: interrupted")
    assert not list(out.rglob(".part-*"))
    assert not (out / "report.json").exists()
    with pytest.raises(RunError, match="mode='resume'"):
        neurodeploy.run("digits", out=out, settings=SMALL)

    neurodeploy.run("digits", out=out, settings=SMALL, mode="resume")
    for name in SAME:
        assert (out / name).read_bytes() == (finished / name).read_bytes(), name


def test_resuming_a_finished_run_trains_nothing_again(finished: Path) -> None:
    before = {name: os.stat(finished / name).st_mtime_ns for name in ("checkpoint.safetensors", "metrics.json")}
    result = neurodeploy.run("digits", out=finished, settings=SMALL, mode="resume")
    assert result["certificate"]["passed"]
    assert {name: os.stat(finished / name).st_mtime_ns for name in before} == before


def test_a_run_whose_recipe_is_told_in_other_words_goes_on_with_its_own(finished: Path, tmp_path: Path) -> None:
    before = (finished / "recipe.toml").read_bytes()
    other = tmp_path / "other_name.toml"
    other.write_text('extends = "digits"\ndescription = "the same network, told in other words"\n')
    neurodeploy.train(str(other), out=finished, settings=SMALL, mode="resume")
    assert (finished / "recipe.toml").read_bytes() == before
    with pytest.raises(RunError, match=r"other settings \(training.seed is 0, not 1\)"):
        neurodeploy.train(str(other), out=finished, settings=(*SMALL, "training.seed=1"), mode="resume")


def test_the_stages_one_by_one_end_like_run(finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "stages"
    trained = neurodeploy.train("digits", out=out, settings=SMALL)
    quantised = neurodeploy.quantize_run(out)
    exported = neurodeploy.export_run(out)
    for name in ("checkpoint.safetensors", "quantised.safetensors", "model.nir"):
        assert (out / name).read_bytes() == (finished / name).read_bytes()
    accuracy = json.loads((finished / "report.json").read_text())["accuracy"]
    assert trained["accuracy"]["float"] == accuracy["float"]
    assert quantised["accuracy"]["quantised"] == accuracy["quantised"]
    assert exported["accuracy"]["reference"] == accuracy["reference"]


def test_simulate_and_certify_agree_with_the_run(finished: Path, tmp_path: Path) -> None:
    report = json.loads((finished / "report.json").read_text())
    for file in ("model.nir", "program.npz"):
        found = neurodeploy.simulate(finished / file, "digits", traces=tmp_path / "traces.npz", overwrite=True)
        assert found["accuracy"] == report["accuracy"]["fixed"]
        assert found["synops_per_sample"] == pytest.approx(report["synops_per_sample"])
    with np.load(tmp_path / "traces.npz") as traces:
        assert traces["lif2/v"].shape == (found["samples"], found["steps"], 10)
    certificate = neurodeploy.certify(finished / "model.nir", "digits", program=finished / "program.npz")
    assert certificate["passed"]
    assert certificate["stages"][1]["accuracy"] == report["accuracy"]["fixed"]
