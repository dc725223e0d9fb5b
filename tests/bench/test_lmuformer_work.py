"""`--work lmuformer`: SpikingJelly trains the same network, spike by spike, and a wrong gradient is seen."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from neurodeploy.bench import lmuformer_work, rounds, train
from neurodeploy.bench.lmuformer_work import LMUFORMER
from neurodeploy.bench.train import bench_train
from neurodeploy.bench.training import Options
from neurodeploy.cli.bench import _training_lines
from neurodeploy.neurons.plif import LIFNode

pytest.importorskip("spikingjelly")
SMALL = Options("lmuformer", 8, 6, 3)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "BLOCK_S", 1e-9)
    monkeypatch.setattr(lmuformer_work, "N_INPUTS", 5)


def test_a_run_has_speeds_gradients_memory_and_a_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Options] = {}  # fresh processes are those of `plif`
    monkeypatch.setattr(train, "memory_bytes", lambda who, options: asked.setdefault(who, options).batch * len(who))
    found = bench_train(work="lmuformer", hidden=8, steps=6, batch=3, repeats=1)
    (peer,) = found["peers"]
    assert (found["ours"]["memory_bytes"], peer["memory_bytes"], peer["memory_ratio"]) == (33, 36, 33 / 36)
    assert set(asked.values()) == {SMALL}
    assert found["ours"]["frame_s"] > 0
    assert found["work"]["width"] == 8
    told = "\n".join(_training_lines(found))
    assert "spikes and surrogates differ" in told
    assert "a frame of a stream takes" in told


def test_spikingjelly_sends_the_same_spikes_and_has_the_same_gradients() -> None:
    assert LMUFORMER.checked is not None
    found = LMUFORMER.checked(LMUFORMER.made(SMALL))
    assert found is not None
    assert found["decisions"] > 0
    assert found["agreeing"] >= 3
    assert found["largest_relative_difference"] < 1e-4


def test_another_leak_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    right = LIFNode.forward

    def leaky(self: Any, x_BTN: torch.Tensor) -> torch.Tensor:
        self.k = 0.49
        return right(self, x_BTN)

    monkeypatch.setattr(LIFNode, "forward", leaky)
    assert LMUFORMER.checked is not None
    found = LMUFORMER.checked(LMUFORMER.made(SMALL))
    assert found is not None
    assert found["agreeing"] == 0


def test_without_spikingjelly_there_is_nothing_to_compare_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert LMUFORMER.checked is not None
    assert LMUFORMER.checked(LMUFORMER.made(SMALL)) is None
