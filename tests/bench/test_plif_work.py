"""`--work plif`: everybody trains and runs the same network, and memory is what steps take."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pytest
import torch

from neurodeploy.backends import fixed
from neurodeploy.bench import plif_inference, plif_work
from neurodeploy.bench.contenders import Field, time_first
from neurodeploy.bench.plif_inference import random_network
from neurodeploy.bench.train import bench_train
from neurodeploy.bench.training import Options
from neurodeploy.errors import NeurodeployError

pytest.importorskip("spikingjelly")
pytest.importorskip("snntorch")


def test_the_three_have_as_many_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(plif_work, "_stepper", lambda module, scores, batch: seen.append((module, scores)))
    for build in (plif_work.PLIF.ours, *(peer.build for peer in plif_work.PLIF.peers)):
        build(Options("plif", 4, 3, 2))
    sizes = [sum(one.numel() for one in module.parameters()) for module, _ in seen]
    assert sizes[0] == sizes[1] == sizes[2]


def test_a_run_has_speeds_and_memory() -> None:
    found = bench_train(work="plif", hidden=4, steps=2, batch=2, repeats=1, peers="spikingjelly")
    (peer,) = found["peers"]
    assert peer["ratio"] > 0
    assert min(found["ours"]["memory_bytes"], peer["memory_bytes"]) > 0
    assert found["work"] == {"channels": 4, "steps": 2, "batch": 2, "threads": 1}


def test_no_channels_are_refused() -> None:
    with pytest.raises(NeurodeployError, match=r"^hidden: found 0, at least 1"):
        bench_train(work="plif", hidden=0, steps=1, batch=1, repeats=1, peers="none")


def test_an_unknown_work_is_named() -> None:
    with pytest.raises(NeurodeployError, match="did you mean 'plif'"):
        bench_train(work="plf")


def test_our_network_and_spikingjellys_send_the_same_votes(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def made(*given: Any) -> Any:
        seen.append(random_network(*given))
        return seen[0]

    monkeypatch.setattr(plif_inference, "random_network", made)
    for name, value in {"CHANNELS": (3, 4), "HIDDEN": 20, "N_SAMPLES": 5}.items():
        monkeypatch.setattr(plif_inference, name, value)
    work = plif_inference.plif()
    with torch.inference_mode():
        wanted = seen[0](torch.from_numpy(work.spikes_BTI).float()).output_BC
        votes = work.peers[0].build([])(time_first(work.spikes_BTI))[-1].mean(0)
    assert torch.equal(votes, wanted)
    rates = [float(counts.mean()) for counts in fixed.run(work.program, work.spikes_BTI).counts.values()]
    assert len(rates) == 6
    assert min(rates) > 0
    field = Field(work, ["spikingjelly", "norse"], (1, 1), ExitStack())
    assert list(field.blocks(1, 1)) == ["spikingjelly"]
