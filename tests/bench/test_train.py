"""The result holds everything that is promised, both sides train the same, and bad input is one line."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch

import neurodeploy
from neurodeploy.bench import rounds
from neurodeploy.bench.training import Options
from neurodeploy.bench.training_check import checked
from neurodeploy.bench.training_work import FIRING, TRAINING_PEERS, ours, stepper, training_work, with_engine
from neurodeploy.cli.app import invoke

pytest.importorskip("numba")
pytestmark = pytest.mark.filterwarnings("ignore")
SMALL: dict[str, Any] = {"hidden": 24, "steps": 20, "batch": 4}


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Timed blocks of one call."""
    monkeypatch.setattr(rounds, "BLOCK_S", 1e-9)


def test_all_keys_are_there() -> None:
    found = neurodeploy.bench_train(**SMALL, peers="torch-eager", repeats=2)
    assert set(found) == {"work", "machine", "ours", "peers", "gradients", "floor", "absent"}
    assert found["work"]["sizes"] == [140, 24, 24, 35]
    assert [row["name"] for row in found["peers"]] == ["torch-eager"]
    peer, mine = found["peers"][0], found["ours"]
    assert peer["ratio"] == pytest.approx(peer["seconds_per_step"] / mine["seconds_per_step"])
    assert mine["samples_per_second"] == pytest.approx(4 / mine["seconds_per_step"])
    assert peer["ratio_spread"]["min"] <= peer["ratio_spread"]["max"]
    assert found["floor"]["products_s"] > 0
    assert found["gradients"]["decisions"] == 2 * 2 * found["gradients"]["samples"] * 20 * 24


@pytest.mark.parametrize("model", ["silif", "csilif", "rlif"])
def test_the_same_is_trained(model: str) -> None:
    found = checked(training_work(Options("silif", 24, 30, 4, model=model)))
    assert found["agreeing"] >= 3
    assert found["largest_relative_difference"] < 1e-5


def test_a_wrong_gradient_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    from neurodeploy.neurons.fused import product

    right = product.grad_of_weight
    monkeypatch.setattr(product, "grad_of_weight", lambda *arguments: right(*arguments) * 1.01)
    found = checked(training_work(Options("silif", 24, 30, 4)))
    assert found["largest_relative_difference"] == pytest.approx(0.01, rel=1e-2)


def test_the_work_is_the_same_each_time_and_fires_as_promised() -> None:
    works = [training_work(Options("silif", 64, 50, 8)) for _ in range(2)]
    for one, other in zip(*(each.network.parameters() for each in works), strict=True):
        assert torch.equal(one, other)
    assert works[0].rates == works[1].rates
    assert works[0].rates == pytest.approx([FIRING, FIRING], abs=0.02)
    fresh = training_work(Options("silif", 64, 50, 8, fresh=True))
    assert max(fresh.rates) < min(works[0].rates)


def test_a_step_moves_every_parameter() -> None:
    work = training_work(Options("silif", 24, 30, 4))
    network = with_engine(work.network, "fused")
    stepper(work, network, lambda module, x_BTI: module(x_BTI).output_BC)(0)
    for (key, moved), before in zip(network.named_parameters(), work.network.parameters(), strict=True):
        assert not torch.equal(moved, before), key


def test_every_peer_that_is_there_trains() -> None:
    work = training_work(Options("silif", 12, 6, 3, fresh=True))
    for peer in TRAINING_PEERS:
        if not peer.missing:
            peer.build(work)(0)
            assert peer.version
    ours(work)(5)


def test_absent_peers_are_listed_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    found = neurodeploy.bench_train(**SMALL, peers="snntorch", repeats=1)
    assert found["absent"] == [{"name": "snntorch", "reason": "snntorch is not installed"}]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--model", "silief"), "--model: 'silief' is unknown; did you mean 'silif'?"),
        (("--model", "gru"), "--model: 'gru' is unknown"),
        (("--batch", "0"), "--batch: found 0, at least 1"),
        (("--steps", "-3"), "--steps: found -3, at least 1"),
        (("--hidden", "0"), "--hidden: found 0, at least 1"),
        (("--threads", "9999"), "--threads: found 9999, this machine has"),
        (("--repeats", "0"), "--repeats: found 0, at least 1"),
        (("--peers", "torch"), "--peers: 'torch' is unknown"),
    ],
    ids=str,
)
def test_bad_input_is_one_line(arguments: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["bench", "train", *arguments, "--json"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    assert says in said.err


def test_the_command_prints_one_object_or_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    short = ("--hidden", "16", "--steps", "10", "--batch", "3", "--repeats", "1", "--peers", "torch-eager")
    assert invoke(["bench", "train", *short, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["peers"][0]["name"] == "torch-eager"
    assert invoke(["bench", "train", *short, "--fresh"]) == 0
    said = capsys.readouterr().out
    assert "we are faster" in said
    assert "of float64" in said
