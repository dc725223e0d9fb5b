"""The PLIF recipes, the paper's too: two epochs on small data of the official layout, and what they tell of layers."""

from __future__ import annotations

import csv
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

import neurodeploy
from neurodeploy.recipes import load_recipe
from tests.data import cameras
from tests.data.test_cifar import binary
from tests.data.test_idx import write_pictures

SMALL = ("training.epochs=2", "training.batch_size=8", "network.channels=3", "network.hidden=12", "network.voters=2")
SMALLER = (*SMALL, "quantize.epochs=1", "data.validation_part=0.2", "certificate.max_accuracy_drop=1.0")
USERS = ("user01_fluorescent", "user02_led", "user03_led", "user04_led", "user05_led", "user24_led")


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("mnist", "fashion_mnist"):
        write_pictures(tmp_path / name, 60, 20)
    monkeypatch.setenv("NEURODEPLOY_DATA", str(tmp_path))
    return tmp_path


OTHERS: dict[str, tuple[str, Callable[[], dict[str, bytes]], int]] = {
    "cifar10_plif_paper": ("cifar10", binary, 8),
    "nmnist_plif_paper": ("nmnist", partial(cameras.nmnist, 5, 1), 4),
    "cifar10dvs_plif_paper": ("cifar10dvs", partial(cameras.cifar10dvs, (0, 1, 2, 3, 4, 900)), 6),
    "dvs128_plif_paper": ("dvs128_gesture", partial(cameras.gestures, USERS), 7),
}


@pytest.mark.parametrize("recipe", OTHERS)
def test_the_papers_other_recipes_train_on_official_files(
    recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, files, n_layers = OTHERS[recipe]
    cameras.write(tmp_path / dataset, files())
    monkeypatch.setenv("NEURODEPLOY_DATA", str(tmp_path))
    monkeypatch.setenv("NEURODEPLOY_CACHE", str(tmp_path / "cache"))
    found = neurodeploy.train(recipe, out=tmp_path / "run", settings=(*SMALLER, "network.channels=2", "data.n_steps=3"))
    assert len(found["training"]["epochs"]) == 2
    assert len(found["training"]["time_constants"]) == n_layers
    assert any(note.startswith("accuracy-B") for note in found["data_notes"])
    assert load_recipe(recipe).description.endswith("not run here")


@pytest.mark.parametrize("recipe", ["mnist_plif_paper", "fashion_plif_paper", "mnist_plif"])
def test_a_recipe_of_pictures_trains_and_tells_of_its_layers(recipe: str, pictures: Path) -> None:
    out = pictures / "run"
    found = neurodeploy.train(recipe, out=out, settings=(*SMALLER, "training.tracker=csv"))
    assert len(found["training"]["epochs"]) == 2
    constants = found["training"]["time_constants"]
    assert len(constants) == 4
    assert len(set(constants)) == 4  # each layer learns its own
    with (out / "logs" / "metrics.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["tau/layer4"]]
    assert len(rows) == 2
    assert float(rows[-1]["tau/layer4"]) == pytest.approx(constants[3], abs=0.2)  # the kept epoch's, or a near one's
    rates = [float(row[f"rate/layer{layer}"]) for row in rows for layer in range(1, 5)]
    assert all(0 <= rate <= 1 for rate in rates)
    assert max(rates[:4]) > 0
    paper = recipe.endswith("_paper")
    assert any(note.startswith("accuracy-B") for note in found["data_notes"]) == paper


def test_accuracy_a_is_an_option_that_results_name(pictures: Path) -> None:
    found = neurodeploy.train("mnist_plif", out=pictures / "run", settings=(*SMALLER, "data.selection=test"))
    assert found["accuracy"]["validation"] == found["accuracy"]["float"]
    assert any(note.startswith("accuracy-A") for note in found["data_notes"])


@pytest.mark.parametrize("recipe", ["mnist_plif_paper", "fashion_plif_paper"])
def test_a_recipe_that_was_not_run_says_so(recipe: str) -> None:
    assert load_recipe(recipe).description.endswith("not run here")
