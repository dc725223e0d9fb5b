"""`bench train --work plif`: everybody trains the same network, and memory is what steps take."""

from __future__ import annotations

import pytest

from neurodeploy.bench import plif_work
from neurodeploy.bench.train import bench_train
from neurodeploy.errors import NeurodeployError

pytest.importorskip("spikingjelly")
pytest.importorskip("snntorch")


def test_the_three_have_as_many_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(plif_work, "_stepper", lambda module, scores, batch: seen.append((module, scores)))
    for build in plif_work.CONTENDERS.values():
        build((4, 3, 2))
    sizes = [sum(one.numel() for one in module.parameters()) for module, _ in seen]
    assert sizes[0] == sizes[1] == sizes[2]


def test_a_run_has_speeds_and_memory() -> None:
    found = bench_train(work="plif", hidden=4, steps=2, batch=2, repeats=1, peers="spikingjelly")
    (peer,) = found["peers"]
    assert peer["ratio"] > 0
    assert min(found["ours"]["memory_bytes"], peer["memory_bytes"]) > 0
    assert found["work"] == {"channels": 4, "steps": 2, "batch": 2, "threads": 1}


def test_an_unknown_work_is_named() -> None:
    with pytest.raises(NeurodeployError, match="did you mean 'plif'"):
        bench_train(work="plf")
