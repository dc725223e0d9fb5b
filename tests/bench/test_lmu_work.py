"""`--work lmu` and `lmufft`: ours and the reference's equations train the same network, and the result holds them."""

from __future__ import annotations

import json
import math

import pytest

from neurodeploy.bench import lmu_work, rounds
from neurodeploy.bench.train import bench_train
from neurodeploy.cli.app import invoke


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lmu_work, "MODELS", {"lmu": (6, 7), "lmufft": (6, 7)})
    monkeypatch.setattr(rounds, "BLOCK_S", 1e-9)


@pytest.mark.parametrize("model", ["lmu", "lmufft"])
def test_a_run_has_speeds_gradients_and_a_floor(model: str) -> None:
    found = bench_train(work=model, hidden=6, steps=40, batch=3, repeats=1)
    (peer,) = found["peers"]
    assert peer["ratio"] == pytest.approx(found["ours"]["samples_per_second"] / peer["samples_per_second"])
    assert found["floor"]["ours_over_products"] > 0
    furthest = [found["gradients"][f"{name}largest_relative_difference"] for name in ("", "eager_")]
    assert 0 < min(furthest) <= max(furthest) < 1e-4
    assert found["work"] | {"parameters": 0} == {
        "model": model, "hidden": 6, "memory": 7, "steps": 40, "batch": 3, "threads": 1, "parameters": 0
    }  # fmt: skip


def test_other_gradients_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lmu_work, "our_scores", lambda network, x_BTI: network(1.01 * x_BTI).output_BC)
    found = bench_train(work="lmu", hidden=6, steps=20, batch=2, repeats=1, peers="none")
    assert found["gradients"]["largest_relative_difference"] > 1e-3
    assert found["peers"] == []


def test_the_terminal_tells_it(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["bench", "train", "--work", "lmu", "--hidden", "6", "--steps", "20", "--batch", "2", "--repeats", "1"]
    assert invoke(words) == 0
    told = capsys.readouterr().out
    assert "model lmu, hidden 6, memory 7, " in told
    assert "the matrix products of our step alone take" in told
    assert invoke([*words, "--json"]) == 0
    assert math.isfinite(json.loads(capsys.readouterr().out)["peers"][0]["ratio"])
