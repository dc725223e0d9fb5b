"""`figure 3 --train`: small networks trained over seeds, kept in run folders, measured and drawn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from neurodeploy.papers.silif import cases, survey
from tests.cli.support import Shell

RECIPE = """
description = "a small network"
[data]
dataset = "{dataset}"
[network]
family = "silif"
model = "{model}"
hidden = [8]
initial_state = "{start}"
scan_engine = "reference"
[training]
epochs = 1
batch_size = 512
"""


def write(shell: Shell, model: str, start: str = "zero", dataset: str = "digits", name: str = "") -> str:
    file = f"{name or model}.toml"
    (shell.folder / file).write_text(RECIPE.format(model=model, start=start, dataset=dataset))
    return file


def call(shell: Shell, recipes: str, *more: object) -> Any:
    options = ("--out", "f.png", "--train", "--recipes", recipes, "--seeds", "1,2", "--bits", "4,8", "--limit", "50")
    return shell.works("figure", "3", *options, "--processes", "1", *more)


def test_networks_are_trained_over_seeds_and_kept(kernels: None, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    recipes = f"{write(shell, 'silif', 'random')},{write(shell, 'lif')}"
    result = call(shell, recipes)
    runs = sorted(str(path.relative_to(shell.folder)) for path in shell.folder.glob("f.runs/*/seed_*"))
    assert runs == [f"f.runs/{model}/seed_{seed}" for model in ("lif", "silif") for seed in (1, 2)]
    assert result["title"].startswith("Digits, n = 50; trained here from 2 seeds, mean and standard deviation")
    points = {(one["network"], one["world"], one["initial_state"], one["bits"]): one for one in result["points"]}
    assert set(points) == {
        ("SiLIF", "float", "random", None),
        *((network, "float", "zero", None) for network in ("SiLIF", "LIF")),
        *((network, "integer", "zero", bits) for network in ("SiLIF", "LIF") for bits in (4, 8)),
    }  # and none of the literature's: those are on other data
    assert all(len(point["accuracies"]) == 2 for point in points.values())
    for run in runs:
        metrics = json.loads((shell.folder / run / "metrics.json").read_text())
        assert metrics["training"]["epochs"]

    def never(task: Any) -> Any:
        assert (Path(task.path) / "metrics.json").exists(), "trained again"
        return train(task)

    train = cases.trained
    monkeypatch.setattr(cases, "trained", never)
    before = {run: (shell.folder / run / "checkpoint.safetensors").read_bytes() for run in runs}
    again = call(shell, recipes, "--resume")
    assert again["points"] == result["points"]
    assert before == {run: (shell.folder / run / "checkpoint.safetensors").read_bytes() for run in runs}


def test_a_network_that_cannot_become_a_program_keeps_its_float_points(kernels: None, shell: Shell) -> None:
    result = call(shell, f"{write(shell, 'adlif')},{write(shell, 'lif')}")
    worlds = {(point["network"], point["world"]) for point in result["points"]}
    assert worlds == {("adLIF", "float"), ("LIF", "float"), ("LIF", "integer")}
    refused = {(one["network"], one["trained_seed"], one["bits"]) for one in result["refused"]}
    assert refused == {("adLIF", seed, bits) for seed in (1, 2) for bits in (4, 8)}
    assert all("outside the unit circle" in one["why"] for one in result["refused"])
    assert result["energy"]["unpriced"]


def test_networks_that_all_cannot_become_programs_are_drawn_and_not_tried_again(
    kernels: None, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("--recipes", write(shell, "adlif"), "--seeds", "1,2", "--bits", "4,8", "--limit", "50")
    start = ("figure", "3", "--out", "f.svg", "--train", *options, "--processes", "1")

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("neurodeploy.papers.silif.figure3.draw_figure3", interrupted)
        assert shell(*start).status == 130
    kept = json.loads((shell.folder / "f.work.json").read_text())["measurements"]
    assert sum(list(record) == ["refused"] for record in kept.values()) == 4

    def never(task: Any) -> Any:
        raise AssertionError("measured again")

    monkeypatch.setattr(survey, "measure", never)
    said = shell(*start, "--resume")
    assert said.status == 0, said.err
    lines = [line for line in said.out.splitlines() if line.startswith("cannot become a Program")]
    assert [line.partition(": adlif1")[0] for line in lines] == [
        f"cannot become a Program: adLIF, seed {seed}, at 4 and 8 bits" for seed in (1, 2)
    ]
    assert "cannot become an integer Program: adLIF" in (shell.folder / "f.svg").read_text()
    finished = shell.works(*start, "--resume")
    assert {(point["world"], point["bits"]) for point in finished["points"]} == {("float", None)}
    assert len(finished["refused"]) == 4
    assert "integer" not in finished["title"]


def test_what_cannot_be_trained_is_refused(shell: Shell) -> None:
    start = ("figure", "3", "--out", "f.png", "--train")
    shell.refuses(*start, says="--train: none of fsdd_spikes, shd, ssc is on this machine")
    shell.refuses(*start, "--data", "clips.h5", says="--data: 'clips.h5' is no dataset that can be trained on")
    shell.refuses(*start, "--data", "gsc", "--networks", "slif", says="'slif' has no recipe for gsc; .*'silif'")
    shell.refuses(*start, "--data", "nmnist_small", says="no recipe of the SiLIF family is shipped for nmnist_small")
    shell.refuses(*start, "--recipes", "digits", says="digits: has no spiking network of the SiLIF family")
    shell.refuses(*start, "--recipes", "fsd_silif", says="'fsd_silif' is not a recipe")
    one, other = write(shell, "silif"), write(shell, "lif", dataset="fsdd_spikes")
    shell.refuses(*start, "--recipes", f"{one},{other}", says="different data.*digits and fsdd_spikes")
    shell.refuses(*start, "--recipes", f"{one},{write(shell, 'silif', name='twin')}", says="two are of SiLIF")
    shell.refuses(*start, "--recipes", one, "--seeds", "1,1", says="--seeds: 1 is there twice")
    shell.refuses(*start, "--recipes", one, "--set", "training.epoch=1", says="did you mean 'training.epochs'")
    shell.refuses(*start, "--recipes", other, says="fsdd_spikes.*is not on this machine")
