"""A stranger's module: one call, then its costs, checks, picture and page; its folder is a run folder to all verbs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import neurodeploy
from neurodeploy.cli.app import invoke
from neurodeploy.errors import BudgetError, DataError, NeurodeployError, RunError
from neurodeploy.pipeline.deployed import FILES
from neurodeploy.pipeline.folder import open_run
from neurodeploy.program.file import write_program
from neurodeploy.recipes import load_recipe
from tests.pipeline.test_deploy import network
from tests.reading.same import DT_S, N_IN, T, spikes
from tests.report.test_page import Page

TEST, LABELS = spikes(30, T, N_IN, seed=2), np.arange(30) % 4


def told(certificate: dict[str, Any]) -> list[Any]:
    """Return what a certificate says of its stages, but for the time they took and the module's own classes."""
    return [{key: one[key] for key in ("name", "accuracy", "spike_agreement")} for one in certificate["stages"]]


@pytest.fixture(scope="module")
def made() -> Any:
    loader = DataLoader(TensorDataset(TEST.float(), torch.from_numpy(LABELS)), batch_size=8)
    return neurodeploy.deploy(network(), loader, dt_s=DT_S, calibrate=spikes(40, T, N_IN, seed=1), test=loader)


@pytest.fixture(scope="module")
def folder(made: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("made") / "mine"
    assert made.report(where) == str(where / "report.html")
    return where


def test_what_it_shows_of_itself(made: Any) -> None:
    fixed = np.mean(made.simulate(TEST).predictions_B == LABELS)
    assert repr(made) == (
        f"Deployment(SpikingNetwork: passed, fixed {100 * fixed:.1f} % of 30 samples; 2 layers, 20 neurons on loihi2)"
    )
    page = made._repr_html_()
    assert page.count("<tr>") == 3
    assert f"<td>{100 * fixed:.1f} %</td>" in page
    figure = made.plot(3)
    drawn = [len(axes.lines[0].get_xdata()) for axes in figure.axes]
    trace = made.simulate(TEST[3:4], record=True)
    assert drawn == [int(TEST[3].sum()), *(int(one.spikes_BTN.sum()) for one in trace.layers.values())]


def test_costs_and_budgets(made: Any) -> None:
    found = made.profile()
    assert found["synops_per_sample"] == made.certificate["synops_per_sample"]
    assert found["accuracy"] == made.certificate["stages"][1]["accuracy"]
    assert made.profile(TEST[:5])["samples"] == 5
    assert made.check(max_synops=found["synops_per_sample"], certificate=True, fits="loihi1")["passed"]
    failed = made.check(max_synops=found["synops_per_sample"] - 1)
    assert [row["budget"] for row in failed["failed"]] == ["max_synops"]
    with pytest.raises(BudgetError, match="max_synop"):
        made.check(max_synop=3)


def test_its_folder_is_a_run_folder(made: Any, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def says(*line: object) -> Any:
        capsys.readouterr()
        status = invoke([*map(str, line), "--json"])
        out, err = capsys.readouterr()
        assert status == 0, err
        return json.loads(out)

    (folder / "report.html").unlink()
    assert Path(says("report", folder)["path"]).is_file()
    fixed = made.certificate["stages"][1]["accuracy"]
    assert says("check", folder, "--min-accuracy", fixed, "--accuracy", "fixed")["passed"]
    assert says("compare", folder, folder)["rows"][0]["values"] == [made.results["accuracy"]["float"]] * 2
    assert says("fit", folder)["cores"] == made.fit()["cores"]
    profiled = says("profile", folder)
    assert (profiled["program"], profiled["accuracy"]) == (made.program.digest, fixed)
    assert says("simulate", folder)["accuracy"] == fixed
    reference = says("simulate", folder, "--backend", "reference")
    assert reference["accuracy"] == made.certificate["stages"][0]["accuracy"]
    assert told(says("certify", folder)) == told(made.certificate)


def test_the_certificate_of_its_folder_is_of_the_program_in_it(tmp_path: Path) -> None:
    own = {"calibrate": spikes(40, T, N_IN, seed=1), "weight_bits": 4, "max_accuracy_drop": 1}
    made = neurodeploy.deploy(network(), TEST, dt_s=DT_S, **own)
    assert made.certificate["calibration"]["chosen"] == "calibrated"  # so it hangs on the samples
    made.save(tmp_path)
    certified = neurodeploy.certify(tmp_path, max_accuracy_drop=1)
    assert told(certified) == told(made.certificate)
    assert certified["precision"] == f"the Program in {tmp_path / 'program.npz'}"
    assert neurodeploy.compile(tmp_path, out=tmp_path / "again.npz")["program"] == made.program.digest
    connection = replace(made.program.connections[0], weight=0 * made.program.connections[0].weight)
    other = replace(made.program, connections=(connection, *made.program.connections[1:]))
    write_program(tmp_path / "program.npz", other)
    found = neurodeploy.certify(tmp_path, max_accuracy_drop=1)
    assert not found["passed"]
    assert any(f"weight of {connection.name}" in one for one in found["failures"])
    anew = neurodeploy.certify(tmp_path, weight_bits=5, calibrate=TEST.numpy())
    assert "5-bit weights" in anew["precision"]


def test_the_page_says_what_the_module_did(made: Any, folder: Path) -> None:
    report = json.loads((folder / "report.json").read_text())
    own = network()(TEST.float())[-1].sum(dim=1).argmax(1).numpy()
    assert report["accuracy"]["float"] == np.mean(own == LABELS)
    confusion = np.array(report["classes"]["confusion"])
    assert np.trace(confusion) / 30 == report["accuracy"]["fixed"]
    assert report["samples"] == {"calibration": 40, "test": 30}
    html = (folder / "report.html").read_text()
    page = Page(html).text
    assert "40 calibration, 30 test" in page
    assert 'href="test.npz"' in html
    assert "checkpoint.safetensors" not in html
    assert "Against reference" in page
    weights = {one["name"]: one for one in report["plots"]["weights"]}
    assert sum(weights["fc1"]["before"]) == N_IN * 16
    with pytest.raises(RunError, match="exists already"):
        made.save(folder)


def test_a_folder_holds_one_deployment_and_nothing_else(made: Any, tmp_path: Path) -> None:
    made.report(tmp_path)
    (tmp_path / "notes.txt").write_text("the user's own")
    made.save(tmp_path, overwrite=True)
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted([*FILES, "notes.txt"])
    (tmp_path / "report.html").write_text("the user's own")
    for name in FILES:
        (tmp_path / name).unlink()
    with pytest.raises(RunError, match=r"report.html: exists already"):
        made.report(tmp_path)
    (tmp_path / "recipe.toml").touch()
    with pytest.raises(RunError, match=f"^{tmp_path}: holds a run; choose another folder$"):
        made.save(tmp_path, overwrite=True)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["notes.txt", "recipe.toml", "report.html"]


@pytest.mark.parametrize("mode", ["new", "resume", "overwrite"])
def test_a_run_does_not_write_into_its_folder(folder: Path, mode: Any) -> None:
    before = {one.name: one.read_bytes() for one in folder.iterdir()}
    with pytest.raises(RunError, match=r"mine: holds model.nir but no recipe.toml, so no run wrote it; choose another"):
        open_run(folder, load_recipe("digits"), mode)
    assert {one.name: one.read_bytes() for one in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"labels": np.full(30, 9)}, "labels: label 9 is unknown, the network's 4 classes are 0..3"),
        ({"labels": LABELS / 2}, "labels: spikes are .* and labels float64; .* whole numbers are needed"),
        ({"weight_bits": 0}, "weight_bits: found 0, a whole number from 2 to 8"),
        ({"weight_bits": 3.5}, "weight_bits: found 3.5, a whole number from 2 to 8"),
        ({"dt_s": "1ms"}, "dt_s: found '1ms', a positive number of seconds"),
    ],
    ids=str,
)
def test_what_cannot_be_is_one_line(options: dict[str, Any], said: str) -> None:
    with pytest.raises(NeurodeployError, match=said) as caught:
        neurodeploy.deploy(network(), TEST, **({"dt_s": DT_S} | options))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("inputs", [None, "digits", {}, 3, [[0, 1], [1]]], ids=str)
def test_what_is_no_batch_is_one_line(made: Any, inputs: Any) -> None:
    with pytest.raises(DataError, match=rf"inputs: (found {type(inputs).__name__}, a tensor|shape \(\), the sample)"):
        made.simulate(inputs)
    if inputs != "digits":
        with pytest.raises(DataError, match="spikes: are no array"):
            neurodeploy.simulate(made.program, inputs or 3)


def test_labels_go_over_those_of_the_samples_and_say_so() -> None:
    loader = DataLoader(TensorDataset(TEST.float(), torch.from_numpy(LABELS)), batch_size=30)
    for given in ({"labels": LABELS[::-1].copy()}, {}):
        made = neurodeploy.deploy(network(), loader, dt_s=DT_S, **given)
        assert made.samples.labels_B.tolist() == given.get("labels", LABELS).tolist()
        assert any("take the place of those" in note for note in made.notes) == bool(given)


@pytest.mark.parametrize("sample", [-1, 30, 1.5, "3"])
def test_a_picture_of_no_sample(made: Any, sample: int) -> None:
    with pytest.raises(DataError, match=f"plot: found sample {sample!r}, 0 to 29"):
        made.plot(sample)
