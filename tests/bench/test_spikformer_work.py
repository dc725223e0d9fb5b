"""`--work spikformer`: SpikingJelly trains the same network, spike by spike, and a wrong gradient is seen."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from neurodeploy.bench import rounds, spikformer_work, train
from neurodeploy.bench.spikformer_work import SPIKFORMER
from neurodeploy.bench.train import bench_train
from neurodeploy.bench.training import Options
from neurodeploy.neurons.plif import LIFNode

pytest.importorskip("spikingjelly")
SMALL = Options("spikformer", 8, 3, 2)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "BLOCK_S", 1e-9)
    for name, value in {"CHECKS": 2, "CHECKED_WIDTH": 16, "DEPTH": 1, "SIDE": 8}.items():
        monkeypatch.setattr(spikformer_work, name, value)


def test_a_run_has_speeds_gradients_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Options] = {}
    monkeypatch.setattr(train, "memory_bytes", lambda who, options: asked.setdefault(who, options).batch * len(who))
    found = bench_train(work="spikformer", hidden=8, steps=3, batch=2, repeats=1)
    (peer,) = found["peers"]
    assert (found["ours"]["memory_bytes"], peer["memory_bytes"], peer["memory_ratio"]) == (22, 24, 22 / 24)
    assert set(asked.values()) == {SMALL}
    assert found["work"]["width"] == 8
    assert found["gradients"]["decisions"] > 0
    assert found["gradients"]["agreeing"] == 2
    assert found["gradients"]["largest_relative_difference"] < 1e-4


def test_the_peer_as_it_comes_pools_before_its_neurons() -> None:
    made = spikformer_work._as_peer(SPIKFORMER.made(SMALL))
    scores = [spikformer_work._peer_scores(made.network, made.x_BTI)]
    scores.append(spikformer_work._peer_scores(spikformer_work._pooled_behind(made.network), made.x_BTI))
    assert scores[0].shape == scores[1].shape
    assert not torch.equal(*scores)


def test_another_leak_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def leaky(self: Any) -> torch.Tensor:
        return torch.tensor(0.45)

    monkeypatch.setattr(LIFNode, "part", leaky)
    assert SPIKFORMER.checked is not None
    found = SPIKFORMER.checked(SPIKFORMER.made(SMALL))
    assert found is not None
    assert found["agreeing"] == 0


def test_without_spikingjelly_there_is_nothing_to_compare_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert SPIKFORMER.checked is not None
    assert SPIKFORMER.checked(SPIKFORMER.made(SMALL)) is None
