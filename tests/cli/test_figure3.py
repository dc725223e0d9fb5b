"""`figure 3` of made-up networks on made-up counts: what is measured, kept and drawn, and what is refused."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from neurodeploy.networks.families.silif import SilifModel, SilifSettings, build
from neurodeploy.papers.silif import survey
from tests.cli.support import Shell

MODELS: tuple[SilifModel, ...] = ("cadlif", "csilif", "silif", "rf")
N_INPUTS, N_CLASSES, HIDDEN = 5, 2, (8, 6)
N_CLIPS, N_STEPS = 12, 30
QUICK = ("--networks", "silif,rf", "--bits", "3,8", "--seeds", "1,2", "--processes", "1")


@pytest.fixture
def nets(kernels: None, shell: Shell) -> Path:
    """Checkpoints of untrained networks in `nets`, and counts in clips.npz and clips.h5."""
    folder = shell.folder / "nets"
    folder.mkdir()
    torch.manual_seed(0)
    for model in MODELS:
        network = build(SilifSettings(model=model, hidden=HIDDEN), (N_INPUTS,), N_CLASSES, 4e-3)
        for layer in network.layers:
            torch.nn.init.normal_(layer.W.weight, std=2.0)  # so that both fire
        np.savez(folder / f"{model}.npz", **{name: value.numpy() for name, value in network.state_dict().items()})
    rng = np.random.default_rng(0)
    spikes = rng.poisson(0.4, (N_CLIPS, N_STEPS, N_INPUTS)).astype(np.uint8)
    labels = np.arange(N_CLIPS) % N_CLASSES
    np.savez(shell.folder / "clips.npz", spikes=spikes, labels=labels)
    np.savez(shell.folder / "more.npz", spikes=spikes[:6], labels=labels[:6])
    np.savez(shell.folder / "wide.npz", spikes=np.repeat(spikes, 2, axis=2), labels=labels)
    np.savez(shell.folder / "many.npz", spikes=spikes, labels=labels + 5)
    with h5py.File(shell.folder / "clips.h5", "w") as file:
        for name, kind in (("times", np.float16), ("units", np.uint16)):
            stored = file.create_dataset(f"spikes/{name}", (N_CLIPS,), h5py.vlen_dtype(np.dtype(kind)))
            for index in range(N_CLIPS):
                values = np.sort(rng.random(60)) if name == "times" else rng.integers(0, 5 * N_INPUTS, 60)
                stored[index] = values.astype(kind)
        file["labels"] = labels
    return Path("nets")


def drawn(shell: Shell, nets: Path, *more: object, out: str = "f.svg", data: str = "clips.npz") -> Any:
    return shell.works("figure", "3", "--out", out, "--checkpoints", nets, "--data", data, *QUICK, *more)


def measured_of(result: Any, network: str = "SiLIF") -> dict[tuple[str, str, int | None], Any]:
    return {
        (point["world"], point["initial_state"], point["bits"]): point
        for point in result["points"]
        if point["network"] == network and point["world"] in ("float", "integer")
    }


def test_every_point_is_measured_and_the_data_lie_beside(shell: Shell, nets: Path) -> None:
    result = drawn(shell, nets, "--calibrate", "more.npz")
    for network in ("SiLIF", "RF"):
        points = measured_of(result, network)
        assert set(points) == {
            *(("float", state, None) for state in ("random", "zero")),
            *(("integer", "zero", bits) for bits in (3, 8)),
        }
        for (world, state, _), point in points.items():
            assert point["n_samples"] == N_CLIPS
            assert len(point["accuracies"]) == (2 if state == "random" else 1)
            assert point["accuracy"] == pytest.approx(np.mean(point["accuracies"]))
            assert 0 < point["synops_exact"] <= point["synops_paper"]
            assert (point["energy_j"] is not None) == (world == "integer")
        # Fewer bits leave more weights at zero, which the exact count leaves out.
        zeros = [
            1 - points["integer", "zero", bits]["synops_exact"] / points["integer", "zero", bits]["synops_paper"]
            for bits in (3, 8)
        ]
        assert zeros[0] > zeros[1]
    worlds = {(point["network"], point["world"]) for point in result["points"]}
    assert {("SiLIF", "paper"), ("S5-RF", "cited"), ("Event-SSM", "cited")} <= worlds
    assert result["title"].startswith("clips.npz, n = 12; float: random initial states")
    assert result["data"]["samples"] == N_CLIPS
    assert result["calibration"]["samples"] == 6
    assert result["refused"] == []
    beside = json.loads((shell.folder / "f.json").read_text())
    assert beside["points"] == result["points"]
    assert "measurements" not in result
    assert not (shell.folder / "f.work.json").exists()
    assert "clips.npz, n = 12" in (shell.folder / "f.svg").read_text()


def test_events_of_a_file_are_binned_as_ssc(shell: Shell, nets: Path) -> None:
    result = drawn(shell, nets, data="clips.h5")
    assert (result["data"]["steps"], result["data"]["channels"]) == (300, N_INPUTS)
    assert result["data"]["dt_s"] == pytest.approx(1.2 / 299)
    assert result["calibration"] is None  # no training part anywhere: widths are chosen by the weights alone


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The tasks that are measured; a None in the list interrupts the one after."""
    done: list[Any] = []
    whole = survey.measure

    def counted(task: Any) -> Any:
        if done[-1:] == [None]:
            raise KeyboardInterrupt
        done.append(task)
        if len(done) == 4 and isinstance(done[0], str):
            done.append(None)
        return whole(task)

    monkeypatch.setattr(survey, "measure", counted)
    return done


def test_an_interrupted_figure_goes_on_where_it_was(shell: Shell, nets: Path, calls: list[Any]) -> None:
    call = ("figure", "3", "--out", "f.svg", "--checkpoints", nets, "--data", "clips.npz", *QUICK)
    calls.append("interrupt after three")
    said = shell(*call)
    assert said.status == 130
    assert "figure 3 ... --resume" in said.err
    assert [path.name for path in shell.folder.glob("f.*")] == ["f.work.json"]
    shell.refuses(*call, says="f.work.json: holds measurements of an interrupted figure; continue with --resume")
    calls.clear()
    resumed = shell.works(*call, "--resume")
    # Of each of two networks: a precision, three starts in float, two widths. Three were done.
    assert len(calls) == 12 - 3
    fresh = drawn(shell, nets, out="g.svg")
    assert len(calls) == 12 - 3 + 12
    assert resumed["points"] == fresh["points"]
    for suffix in ("svg", "json"):
        assert (shell.folder / f"f.{suffix}").read_bytes() == (shell.folder / f"g.{suffix}").read_bytes()


def test_a_finished_figure_is_added_to_and_what_has_changed_is_measured_anew(
    shell: Shell, nets: Path, calls: list[Any]
) -> None:
    drawn(shell, nets)
    calls.clear()
    drawn(shell, nets, "--resume")
    assert calls == []
    drawn(shell, nets, "--resume", "--bits", "8,3,4")
    assert [type(task).__name__ for task in calls] == ["PlanTask", "PlanTask", "IntegerTask", "IntegerTask"]
    calls.clear()
    with np.load(shell.folder / nets / "rf.npz") as stored:
        arrays = dict(stored)
    arrays["snn.0.alpha_real"] -= 1
    np.savez(shell.folder / nets / "rf.npz", **arrays)
    drawn(shell, nets, "--resume")
    assert {task.subject.network for task in calls} == {"RF"}
    assert len(calls) == 6


def test_a_published_network_that_cannot_become_a_program_keeps_its_float_points(shell: Shell, nets: Path) -> None:
    with np.load(shell.folder / nets / "rf.npz") as stored:
        arrays = dict(stored)
    arrays["snn.0.alpha_im"][0] = 200.0  # far outside the unit circle
    np.savez(shell.folder / nets / "rf.npz", **arrays)
    result = drawn(shell, nets)
    assert {where[0] for where in measured_of(result, "SiLIF")} == {"float", "integer"}
    assert set(measured_of(result, "RF")) == {("float", state, None) for state in ("random", "zero")}
    refused = [(one["network"], one["trained_seed"], one["bits"]) for one in result["refused"]]
    assert refused == [("RF", None, bits) for bits in (3, 8)]
    assert all("rf1: neuron 0: its pole lies outside" in one["why"] for one in result["refused"])
    assert "cannot become an integer Program: RF (at 3 and 8 bits)" in (shell.folder / "f.svg").read_text()
    alone = drawn(shell, nets, "--networks", "rf", out="g.svg")
    assert {where[0] for where in measured_of(alone, "RF")} == {"float"}


def test_people_get_a_table(shell: Shell, nets: Path) -> None:
    said = shell("figure", "3", "--out", "f.png", "--checkpoints", nets, "--data", "clips.npz", *QUICK, "--limit", "5")
    assert said.status == 0, said.err
    assert "n = 5" in said.out
    assert any(line.split()[:4] == ["RF", "integer", "zero", "3"] for line in said.out.splitlines())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--networks", "silf"), "--networks: 'silf' is not published; did you mean 'silif'"),
        (("--networks", "lif"), "--networks: 'lif' is not published"),
        (("--networks", ","), "--networks: found none"),
        (("--bits", "1,8"), "--bits: found 1, 2 to 8 are allowed"),
        (("--bits", "9"), "--bits: found 9"),
        (("--bits", "few"), "--bits: found 'few', whole numbers"),
        (("--seeds", "1,1"), "--seeds: 1 is there twice"),
        (("--seeds", "-1"), "--seeds: found -1"),
        (("--limit", "0"), "--limit.*found 0"),
        (("--processes", "0"), "found 0, at least 1"),
        (("--data", "wide.npz"), "wide.npz: spikes have 10 channels, the network takes 5"),
        (("--data", "many.npz"), "many.npz: label 5 is unknown, the network's 2 classes"),
        (("--data", "nowhere.npz"), "nowhere.npz: cannot be read"),
        (("--data", "scs"), "'scs' is neither a file nor a dataset; did you mean 'ssc'"),
        (("--data", "digits"), "digits .test.: spikes have 64 channels"),
        (("--partition", "ssc"), "--partition: is for datasets, clips.npz is a file"),
        (("--calibrate", "clips.npz"), "--calibrate: clips.npz holds the test samples"),
        (("--calibrate", "wide.npz"), "--calibrate: wide.npz has 10 channels, the networks take 5"),
        (("--recipes", "digits"), "--recipes: is for --train; leave it out"),
        (("--set", "training.epochs=1"), "--set: is for --train"),
        (("--train",), "--checkpoints: --train trains networks of its own; leave it out"),
        (("--resume", "--overwrite"), "--resume and --overwrite exclude each other"),
        (("--checkpoints", "."), "lacks silif.npz, rf.npz, needed are silif.npz, rf.npz"),
        (("--checkpoints", "nowhere"), "nowhere: is no folder"),
        (("--out", "f.bmp"), "f.bmp: has the suffix .bmp"),
        (("--out", "nowhere/f.png"), "nowhere is no folder"),
    ],
)
def test_wrong_options_are_refused(shell: Shell, nets: Path, options: tuple[str, ...], says: str) -> None:
    usual = {"--out": "f.svg", "--checkpoints": "nets", "--data": "clips.npz", "--networks": "silif,rf"}
    given = [word for name, value in usual.items() if name not in options for word in (name, value)]
    shell.refuses("figure", "3", *given, *options, says=says)


def test_another_network_and_a_damaged_one_are_refused(shell: Shell, nets: Path) -> None:
    call = ("figure", "3", "--out", "f.png", "--checkpoints", nets, "--data", "clips.npz")
    (shell.folder / nets / "rf.npz").write_bytes((shell.folder / nets / "silif.npz").read_bytes())
    shell.refuses(*call, says="rf.npz: holds silif, needed is rf")
    (shell.folder / nets / "rf.npz").write_bytes(b"PK")
    shell.refuses(*call, says="rf.npz: is a damaged .npz")


def test_damaged_measurements_are_refused(shell: Shell, nets: Path) -> None:
    (shell.folder / "f.work.json").write_text('{"measurements": 3}')
    call = ("figure", "3", "--out", "f.png", "--checkpoints", nets, "--data", "clips.npz", *QUICK)
    shell.refuses(*call, "--resume", says="f.work.json: holds no measurements of a figure")
    assert shell(*call, "--overwrite").status == 0


@pytest.mark.skipif(find_spec("ray") is not None, reason="ray is installed")
def test_ray_that_is_not_there_is_told_at_once(shell: Shell, nets: Path) -> None:
    call = ("figure", "3", "--out", "f.png", "--checkpoints", nets, "--data", "clips.npz", "--ray", "local")
    shell.refuses(*call, says="--ray: ray is not installed")
