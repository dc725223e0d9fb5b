"""Averaged weights: what the average is, what is scored and kept, and that training itself stays as it is."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook

from neurodeploy.errors import RecipeError
from neurodeploy.recipes import load_recipe
from neurodeploy.training.checkpoint import save_weights
from neurodeploy.training.classifier import Classifier
from neurodeploy.training.fit import averaged, evaluate, fit
from neurodeploy.training.settings import TrainingSettings
from tests.training.test_family_training import _stop_after, _Stopped, network, toy

Weights = dict[str, torch.Tensor]


def settings(**changed: Any) -> TrainingSettings:
    return TrainingSettings(**{"epochs": 2, "batch_size": 10, "learning_rate": 0.02} | changed)


def state_of(file: Path) -> tuple[Weights, dict[str, Any], float]:
    """Return the plain weights, the keeper's state and the learning rate in a state file."""
    state = torch.load(file, weights_only=True)
    return state["state_dict"], state["callbacks"]["KeepBest"], state["optimizer_states"][0]["param_groups"][0]["lr"]


@pytest.mark.parametrize("model", ["silif", "s4d"])
def test_the_kept_weights_are_the_average_over_the_updates(model: str) -> None:
    found, a = network(model, dropout=0.1), 0.8
    wanted = {key: value.double() for key, value in found.state_dict().items()}
    seen: list[Weights] = []
    handle = register_optimizer_step_post_hook(lambda *_: seen.append(copy.deepcopy(found.state_dict())))
    try:
        fit(found, toy(0), toy(1), settings(epochs=1, average=a))
    finally:
        handle.remove()
    assert len(seen) == 4
    for now in seen:
        for key, value in now.items():
            wanted[key] = a * wanted[key] + (1 - a) * value if value.is_floating_point() else value
    for key, value in found.state_dict().items():
        torch.testing.assert_close(value.double(), wanted[key].double(), rtol=1e-5, atol=1e-7, msg=key)
    statistics = {key for key in wanted if "running" in key}
    assert statistics
    assert all(not torch.allclose(seen[-1][key], found.state_dict()[key]) for key in statistics)
    assert {int(value) for key, value in found.state_dict().items() if "tracked" in key} == {4}


def test_the_averaged_network_is_scored_and_the_plain_one_trained(tmp_path: Path) -> None:
    plain, slow = network(), network()
    start = evaluate(plain, toy(1))
    off = fit(plain, toy(0), toy(1), settings(), state_file=tmp_path / "off.ckpt")
    on = fit(slow, toy(0), toy(1), settings(average=0.9999), state_file=tmp_path / "on.ckpt")
    assert [epoch["validation_accuracy"] for epoch in on.epochs] == [start, start]
    assert off.best_validation > start
    assert on.best_validation == evaluate(slow, toy(1)) == start
    assert [epoch["loss"] for epoch in on.epochs] == [epoch["loss"] for epoch in off.epochs]
    weights, same = state_of(tmp_path / "off.ckpt")[0], state_of(tmp_path / "on.ckpt")[0]
    assert all(torch.equal(value, same[key]) for key, value in weights.items())


def test_the_plateau_follows_the_averaged_accuracy(tmp_path: Path) -> None:
    rates = []
    for average in (0.0, 0.9999):
        how = settings(average=average, schedule="plateau", plateau_patience=0, plateau_factor=0.5)
        history = fit(network(), toy(0), toy(1), how, state_file=tmp_path / f"{average}.ckpt")
        first, second = (epoch["validation_accuracy"] for epoch in history.epochs)
        assert (second > first) == (average == 0)
        rates.append(state_of(tmp_path / f"{average}.ckpt")[2])
    assert rates == [0.02, 0.01]


@pytest.mark.parametrize("schedule", ["one_cycle", "plateau"])
def test_a_resumed_training_ends_with_the_same_bytes(schedule: Any, tmp_path: Path) -> None:
    how = settings(epochs=4, schedule=schedule, plateau_patience=0, time_shift=1, average=0.9, seed=3)
    model: Any = {"dropout": 0.4, "initial_state": "random"}
    whole, again, state = network(**model), network(seed=7, **model), tmp_path / "state.ckpt"
    wanted = fit(whole, toy(0), toy(1), how)
    with pytest.raises(_Stopped):
        fit(network(**model), toy(0), toy(1), how, state_file=state, progress=_stop_after(2))
    assert fit(again, toy(0), toy(1), how, state_file=state) == wanted
    assert wanted.best_epoch >= 2
    for name, found in {"whole": whole, "again": again}.items():
        save_weights(tmp_path / name, found)
    assert (tmp_path / "again").read_bytes() == (tmp_path / "whole").read_bytes()


def test_without_it_nothing_is_averaged_or_saved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("neurodeploy.training.fit.averaged", None)
    found, file = network(), tmp_path / "state.ckpt"
    history = fit(found, toy(0), toy(1), settings(epochs=1), state_file=file)
    assert history.best_epoch == 0
    weights, kept, _ = state_of(file)
    assert set(kept) == {"epochs", "best_epoch", "best_validation", "best_score", "best_weights", "plateau"}
    assert all(torch.equal(value, weights[f"network.{key}"]) for key, value in found.state_dict().items())


def test_fine_tuning_scores_the_average_against_its_teacher(tmp_path: Path) -> None:
    student, teacher, how = network(seed=6), network(seed=5).eval(), settings(average=0.5)
    history = fit(student, toy(0), toy(1), how, teacher=teacher, keep_initial=True, state_file=tmp_path / "state.ckpt")
    assert history.best_epoch >= 0
    score = state_of(tmp_path / "state.ckpt")[1]["best_score"]
    assert score == -Classifier(student, how, n_updates=1, teacher=teacher).objective_on(student, toy(1))


def test_fine_tuning_with_an_average_cannot_end_below_where_it_started() -> None:
    found = network()
    fit(found, toy(0), toy(1), settings(epochs=6, learning_rate=0.05))
    start = copy.deepcopy(found.state_dict())
    history = fit(found, toy(0), toy(1), settings(learning_rate=20.0, average=0.5), keep_initial=True)
    assert history.best_epoch == -1
    assert all(torch.equal(value, start[key]) for key, value in found.state_dict().items())


@pytest.mark.parametrize("a", [0.3, 0.995])
def test_what_no_update_changes_stays_to_the_bit(a: float) -> None:
    """Steps of a grid are buffers too; a sum of parts would move them by a rounding at each update."""
    found = nn.Linear(3, 2)
    found.register_buffer("step", torch.rand(50))
    found.register_buffer("count", torch.tensor(0))
    average, start = averaged(found, a), copy.deepcopy(found.state_dict())
    for number in range(20):
        found.count.fill_(number)  # type: ignore[operator, union-attr]
        average.update_parameters(found)
    kept = average.module.state_dict()
    assert kept.pop("count") == 19
    assert all(torch.equal(value, start[key]) for key, value in kept.items())


@pytest.mark.parametrize("value", ["1", "1.5", "-0.1", "nan"])
def test_a_part_out_of_range_is_one_line(value: str) -> None:
    with pytest.raises(RecipeError, match=r"training\.average: .*found") as caught:
        load_recipe("fsdd_silif", [f"training.average={value}"])
    assert "\n" not in str(caught.value)
