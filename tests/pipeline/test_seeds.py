"""One recipe from several seeds: folders, summary, resuming, Ray and trackers where they are asked for."""

from __future__ import annotations

import importlib.util
import inspect
import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import lightning.pytorch.loggers
import numpy as np
import pytest

from neurodeploy.cli.app import invoke
from neurodeploy.errors import RecipeError, RunError
from neurodeploy.pipeline import tasks
from neurodeploy.training.logs import TRACKERS
from neurodeploy.verbs.train import SUMMARY, train, train_seeds

RECIPE = """
[data]
dataset = "digits"
n_steps = 8
[network]
family = "silif"
model = "silif"
hidden = [10]
dropout = 0.2
initial_state = "random"
[training]
epochs = 2
schedule = "plateau"
"""
SEEDS = (13, 42)


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    path = tmp_path / "small.toml"
    path.write_text(RECIPE)
    return str(path)


def test_seeds_have_folders_and_a_summary(recipe: str, tmp_path: Path) -> None:
    result = train_seeds(recipe, SEEDS, out=tmp_path / "out")
    assert [one["seed"] for one in result["seeds"]] == [13, 42]
    alone = train(recipe, out=tmp_path / "alone", settings=("training.seed=42",))
    second = tmp_path / "out" / "seed_42"
    assert (second / "checkpoint.safetensors").read_bytes() == (tmp_path / "alone/checkpoint.safetensors").read_bytes()
    assert result["seeds"][1]["accuracy"] == alone["accuracy"]
    accuracies = [one["accuracy"]["float"] for one in result["seeds"]]
    found = result["accuracy"]["float"]
    assert found["mean"] == pytest.approx(np.mean(accuracies))
    assert found["sd"] == pytest.approx(np.std(accuracies, ddof=1))
    assert found["n"] == 2
    written = json.loads((tmp_path / "out" / SUMMARY).read_text())
    assert written == {key: value for key, value in result.items() if key != "path"}


def test_resuming_takes_finished_seeds_as_they_are(
    recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    first = train_seeds(recipe, SEEDS[:1], out=out)
    with pytest.raises(RunError, match="already holds seed_13; continue with mode='resume'"):
        train_seeds(recipe, SEEDS, out=out)
    assert not (out / "seed_42").exists()
    before = (out / "seed_13" / "metrics.json").stat().st_mtime_ns
    both = train_seeds(recipe, SEEDS, out=out, mode="resume")
    assert both["seeds"][0] == first["seeds"][0]  # its seconds too
    assert (out / "seed_13" / "metrics.json").stat().st_mtime_ns == before
    assert len(both["seeds"]) == 2


@pytest.mark.parametrize(
    ("seeds", "message"),
    [((), "found none"), ((1, 2, 1), "1 is there twice"), ((-1,), r"training\.seed"), ((1 << 33,), r"training\.seed")],
)
def test_seeds_that_are_none_are_refused(seeds: Any, message: str, recipe: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=message):
        train_seeds(recipe, seeds, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_command_line_takes_seeds(recipe: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["train", recipe, "--out", str(tmp_path / "out"), "--seeds", "13, 42", "--set", "training.epochs=1"]
    assert invoke([*arguments, "--json"]) == 0
    assert [one["seed"] for one in json.loads(capsys.readouterr().out)["seeds"]] == [13, 42]
    assert invoke([*arguments, "--resume"]) == 0
    assert "mean and standard deviation, n = 2" in capsys.readouterr().out
    assert invoke(["train", recipe, "--out", str(tmp_path / "b"), "--seeds", "1,x"]) == 2
    assert "whole numbers are needed" in capsys.readouterr().err
    assert invoke(["train", recipe, "--out", str(tmp_path / "b"), "--ray", "local"]) == 2
    assert "name them with --seeds" in capsys.readouterr().err


def absent(*names: str) -> Callable[..., Any]:
    find = importlib.util.find_spec
    return lambda name, *others: None if name in names else find(name, *others)


def test_without_ray_one_line_says_how_to_get_it(recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neurodeploy.pipeline.tasks.find_spec", absent("ray"))
    with pytest.raises(RunError, match=r"ray is not installed; pip install 'neurodeploy-toolkit\[ray\]'") as error:
        train_seeds(recipe, SEEDS, out=tmp_path / "out", ray="local")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()
    monkeypatch.undo()
    monkeypatch.setattr("neurodeploy.pipeline.tasks.find_spec", lambda name: name)
    for address in ("127.0.0.1:1", "ray://127.0.0.1:x"):
        with pytest.raises(RunError, match="cannot be used"):
            train_seeds(recipe, SEEDS, out=tmp_path / "out", ray=address)
    with pytest.raises(RunError, match="address is empty"):
        train_seeds(recipe, SEEDS, out=tmp_path / "out", ray=" ")


@pytest.mark.slow
def test_through_ray_seeds_end_as_one_by_one(recipe: str, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="ray is an optional extra")
    one_by_one = train_seeds(recipe, SEEDS, out=tmp_path / "a")
    side_by_side = train_seeds(recipe, SEEDS, out=tmp_path / "b", ray="local")
    assert side_by_side["accuracy"] == one_by_one["accuracy"]
    with pytest.raises(RunError, match="other settings"):  # an error of ours comes back as it is
        train_seeds(recipe, SEEDS, out=tmp_path / "b", settings=("training.epochs=3",), mode="resume", ray="local")


def test_work_is_done_in_the_order_given() -> None:
    assert list(tasks.done_in_turn(abs, [-3, 2])) == [(-3, 3), (2, 2)]


@pytest.mark.parametrize("name", ["tensorboard", "wandb", "mlflow"])
def test_without_a_tracker_one_line_says_how_to_get_it(
    recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("neurodeploy.training.logs.find_spec", absent(*TRACKERS[name].packages))
    settings = (f"training.tracker={name}",)
    for call in (partial(train, recipe), partial(train_seeds, recipe, SEEDS)):
        with pytest.raises(RecipeError, match=r"training.tracker: .* is not installed; pip install ") as caught:
            call(out=tmp_path / "out", settings=settings)
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", TRACKERS)
def test_trackers_are_loggers_that_lightning_has(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the arguments that their constructors take; those that are installed are tried below."""
    monkeypatch.setattr(os, "environ", dict(os.environ))
    logger = getattr(lightning.pytorch.loggers, TRACKERS[name].logger)
    inspect.signature(logger.__init__).bind(None, **TRACKERS[name].arguments(tmp_path / "logs", "run"))
    # MLflow 3 raises without it: "The filesystem tracking backend is in maintenance mode".
    assert name != "mlflow" or os.environ["MLFLOW_ALLOW_FILE_STORE"] == "true"


@pytest.mark.parametrize(("name", "files"), [("tensorboard", "events.*"), ("csv", "metrics.csv")])
def test_trackers_get_each_epoch(recipe: str, tmp_path: Path, name: str, files: str) -> None:
    if name == "tensorboard" and not any(map(importlib.util.find_spec, TRACKERS[name].packages)):
        pytest.skip("neither tensorboard nor tensorboardX is installed; they are an optional extra")
    plain, logged = tmp_path / "plain", tmp_path / "logged"
    train(recipe, out=plain)
    train(recipe, out=logged, settings=(f"training.tracker={name}",))
    written = list((logged / "logs").glob(files))
    assert written
    text = b"".join(path.read_bytes() for path in written)
    for key in (b"validation_accuracy", b"learning_rate", b"loss"):
        assert text.count(key) >= (2 if name == "tensorboard" else 1)  # one for each epoch; of a table, its head
    assert name == "tensorboard" or len(text.splitlines()) > 2
    assert (logged / "metrics.json").read_bytes() == (plain / "metrics.json").read_bytes()
    assert not (plain / "logs").exists()
    train(recipe, out=logged, mode="overwrite")
    assert not (logged / "logs").exists()


def test_random_states_give_the_same_accuracy_each_time(recipe: str, tmp_path: Path) -> None:
    """The recipe's initial states are random; the test's are drawn from the recipe's seed."""
    first, again = (train(recipe, out=tmp_path / name)["accuracy"] for name in ("a", "b"))
    assert first == again
