"""A family of networks from outside the package goes the whole way: settings, `build`, and a line in the table."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from torch import nn

import neurodeploy
from neurodeploy.errors import FrameworkError, RecipeError
from neurodeploy.networks.families.settings import NetworkSettings
from neurodeploy.networks.families.table import FAMILIES, Family
from neurodeploy.neurons.lif import LIF, CubaLIF, ScanSettings
from neurodeploy.recipes import load_recipe

RECIPE = """
[data]
dataset = "digits"
n_steps = 12
[network]
family = "two_ways"
width = 24
[training]
epochs = 6
learning_rate = 1e-2
[quantize]
weight_bits = 6
epochs = 1
[certificate]
lava = "never"
max_accuracy_drop = 0.5
"""


CHANNELS = 4


class TwoWaysSettings(NetworkSettings):
    family: Literal["two_ways"] = "two_ways"
    width: int = 16
    norm: bool = False


class TwoWays(nn.Module):
    """torch's own convolution and matrices, and our neurons; the output layer takes both hidden layers."""

    def __init__(self, side: int, width: int, n_classes: int, norm: bool) -> None:
        super().__init__()
        self.side, n_first = side, CHANNELS * ((side - 3) // 2 + 1) ** 2
        self.input_shape = (side * side,)
        shared: dict[str, Any] = {"train_decays": True, "settings": ScanSettings("zero", "fast_sigmoid", 5.0)}
        self.into, self.first = nn.Conv2d(1, CHANNELS, 3, stride=2), LIF(0.9, **shared)
        self.norm = nn.BatchNorm2d(CHANNELS) if norm else None
        self.between, self.second = nn.Linear(n_first, width, bias=False), CubaLIF(0.3, 0.8, **shared)
        self.near, self.far, self.last = nn.Linear(width, n_classes), nn.Linear(n_first, n_classes), LIF(0.9, **shared)
        with torch.no_grad():
            for one in (self.into, self.between, self.near, self.far):
                one.weight.mul_(2.0)

    def forward(self, spikes_BTI: torch.Tensor) -> list[torch.Tensor]:
        drive = self.into(spikes_BTI.unflatten(2, (1, self.side, self.side)).flatten(0, 1))
        drive = drive if self.norm is None else self.norm(drive)
        first_BTN = self.first(drive.unflatten(0, spikes_BTI.shape[:2])).flatten(2)
        second_BTN = self.second(self.between(first_BTN))
        return [first_BTN, second_BTN, self.last(self.near(second_BTN) + self.far(first_BTN))]


def build(settings: TwoWaysSettings, input_shape: tuple[int, ...], n_classes: int, dt_s: float) -> TwoWays:
    return TwoWays(math.isqrt(math.prod(input_shape)), settings.width, n_classes, settings.norm)


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(FAMILIES, "two_ways", Family(TwoWaysSettings, build))
    path = tmp_path / "outside.toml"
    path.write_text(RECIPE)
    return str(path)


def test_it_is_trained_quantised_exported_and_certified(recipe: str, tmp_path: Path) -> None:
    result = neurodeploy.run(recipe, out=tmp_path / "run")
    assert result["accuracy"]["float"] > 0.5
    assert abs(result["accuracy"]["fixed"] - result["accuracy"]["quantised"]) < 0.05
    certificate = json.loads((tmp_path / "run" / "certificate.json").read_text())
    assert certificate["passed"], certificate["failures"]
    program = neurodeploy.read_program(tmp_path / "run" / "program.npz")
    assert {one.name for one in program.connections} == {"into", "between", "near", "far"}
    assert {one.name for one in program.layers} == {"first", "second", "last"}
    plan = json.loads((tmp_path / "run" / "metrics.json").read_text())["quantisation"]["plan"]
    assert {one["weight_bits"] for one in plan["connections"].values()} == {6}
    assert neurodeploy.export_run(tmp_path / "run", out=tmp_path / "again.nir")["program"] == program.digest


def test_its_settings_are_checked_and_listed_like_the_others(recipe: str) -> None:
    assert load_recipe(recipe, ("network.width=8",)).network.model_dump()["width"] == 8
    with pytest.raises(RecipeError, match=r"'network\.widht' is not a setting; did you mean 'network\.width'"):
        load_recipe(recipe, ("network.widht=8",))
    with pytest.raises(RecipeError, match=r"network\.family 'two_way' is unknown; did you mean 'two_ways'"):
        load_recipe(recipe, ("network.family=two_way",))


def test_a_norm_that_nobody_folds_is_told_before_any_weight_is_rounded(recipe: str, tmp_path: Path) -> None:
    with pytest.raises(FrameworkError, match=r"into: its weights are not those of one module .*`deployable`"):
        neurodeploy.run(recipe, out=tmp_path / "run", settings=("network.norm=true", "training.epochs=1"))
