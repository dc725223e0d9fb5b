"""A dataset is one file and one line of a table: added from outside, it is trained on, quantised and certified."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import neurodeploy
from neurodeploy.data.datasets import SOURCES
from neurodeploy.data.load import DataSettings, open_part
from tests.data.squares import SHAPE, SQUARES

RECIPE = """
[data]
dataset = "squares"

[network]
family = "lif"
hidden = [12]
weight_gain = 3.0

[training]
epochs = 14
batch_size = 16
learning_rate = 0.02

[quantize]
epochs = 1

[certificate]
lava = "never"
"""


def test_a_dataset_added_from_outside_goes_the_whole_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SOURCES, "squares", SQUARES)
    assert open_part(DataSettings(dataset="squares"), "train").shape == SHAPE
    (tmp_path / "squares.toml").write_text(RECIPE, encoding="utf-8")
    found = neurodeploy.run(str(tmp_path / "squares.toml"), out=tmp_path / "run")
    assert found["certificate"]["passed"]
    assert found["accuracy"]["fixed"] > 0.9
    report = json.loads((tmp_path / "run" / "report.json").read_text(encoding="utf-8"))
    assert report["samples"] == {"train": 60, "validation": 12, "test": 24}
    again = neurodeploy.simulate(tmp_path / "run" / "model.nir", "squares")
    assert again["accuracy"] == found["accuracy"]["fixed"]
