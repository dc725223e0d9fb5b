"""`paper lmuformer` from the command line: networks that are trained, or given, and what streams know of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from neurodeploy.recipes import load_recipe
from tests.cli.support import Shell

SMALL = {
    "data.dataset": "digits_rows",
    "network.width": 8,
    "network.memory": 6,
    "network.theta": 8,
    "network.input_mean": 8,
    "training.epochs": 3,
    "training.average": 0.5,
    "training.time_mask": 0,
    "training.channel_mask": 0,
    "training.time_roll": 0,
}
SET = [word for name, value in SMALL.items() for word in ("--set", f"{name}={value}")]


@pytest.mark.usefixtures("kernels")
def test_whole_clips_and_streams_beside_the_published_numbers(shell: Shell) -> None:
    found = shell.works("paper", "lmuformer", "--out", "made", *SET)
    plain, spiking, *cited = found["rows"]
    values = json.loads(Path("made/lmuformer.json").read_text())["networks"]
    for row, one, name in zip((plain, spiking), values, ("fsdd_lmuformer", "fsdd_spiking_lmuformer"), strict=True):
        accuracy = json.loads(Path(f"made/runs/{name}/metrics.json").read_text())["training"]["test_accuracy"]
        whole, streamed = one["ways"]["whole clip"], one["ways"]["streamed"]
        assert row["ours"]["float"] == whole["accuracy"] == streamed["accuracy"] == pytest.approx(accuracy, abs=0.01)
        assert (row["ran"], row["published"], row["seeds"], row["samples"]) == (True, None, 1, 359)
        assert streamed["curve"] == [None] * 5 + whole["curve"][:3], "as late as its convolutions"
        assert streamed["off"] < 1e-9
        assert [row["waits_so_far"] for row in one["delays"]] == [1, 2, 3, 4, 5, 5, 5, 5]
    assert plain["ours"]["float"] > 0.3
    assert [one["ran"] for one in cited] == 14 * [False]
    assert {one["what"]: one["published"] for one in cited}["Speech Commands v2: Spiking LMUFormer"] == 0.9612
    assert all(Path("made", name).is_file() for name in found["files"])

    runs = [f"--run=made/runs/{name}" for name in ("fsdd_spiking_lmuformer", "fsdd_spiking_lmuformer")]
    (twice, *_) = shell.works("paper", "lmuformer", "--out", "again", *runs, "--limit", "40")["rows"]
    assert (twice["seeds"], twice["samples"]) == (2, 40)
    assert "of all test samples in float32" in twice["note"]

    said = shell("inspect", "made/runs/fsdd_lmuformer")
    assert said.status == 1
    assert "block.0.mlp" in said.out
    assert "no such neuron: no neuron of a chip has this activation -> ReLU or neurons in place of GELU" in said.out
    assert said.out.endswith("not every part runs on a chip with graded messages\n")
    assert shell.works("inspect", "made/runs/fsdd_spiking_lmuformer")["modules"]["ok"]
    shell.refuses("inspect", "made/runs/fsdd_lmuformer", "--dt", "1", says="is a folder without model.nir")


def test_a_run_of_another_family_is_one_line(shell: Shell) -> None:
    Path("other").mkdir()
    Path("other/recipe.toml").write_text(load_recipe("digits").to_toml())
    says = "is of family lif; paper lmuformer takes runs of lmuformer"
    shell.refuses("paper", "lmuformer", "--out", "made", "--run", "other", says=says)
