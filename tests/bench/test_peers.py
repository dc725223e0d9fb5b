"""Each peer runs the Program's network: shapes, and firing."""

from __future__ import annotations

import dataclasses
import importlib.util
from typing import Any

import numpy as np
import pytest
import torch

from neurodeploy.backends import fixed
from neurodeploy.bench.contenders import firing, time_first
from neurodeploy.bench.peers import CURRENT, PEERS, Peer, layerwise
from neurodeploy.bench.stages import Stage, stages_of
from neurodeploy.bench.workloads import N_STEPS, Work, dense
from neurodeploy.errors import NeurodeployError
from neurodeploy.program.window import Window
from tests.bench.support import work_of

# Peers' own imports and steps warn of what is theirs to change.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def work() -> Work:
    return dense(4)


@pytest.fixture(scope="module")
def rates(work: Work) -> list[float]:
    """The part of each layer's neurons that spikes in a step, in the Program."""
    return [float(counts.mean()) / N_STEPS for counts in fixed.run(work.program, work.spikes_BTI).counts.values()]


@pytest.fixture(params=PEERS, ids=lambda peer: peer.name)
def peer(request: pytest.FixtureRequest) -> Peer:
    """A peer; skipped, with the reason, where it is not installed or lacks a package of its own."""
    one: Peer = request.param
    if one.missing:
        pytest.skip(one.missing)
    try:
        one.build(stages_of(work_of((5, 4, 3)).program))
    except ImportError as error:
        pytest.skip(f"{one.name} cannot be imported: {error}")
    return one


def run(peer: Peer, stages: list[Stage], spikes: np.ndarray) -> Any:
    with torch.inference_mode():
        return peer.build(stages)(time_first(spikes))


def test_every_layers_spikes_come_back_step_first(peer: Peer) -> None:
    work = work_of((20, 12, 9, 5))
    found = run(peer, stages_of(work.program), work.spikes_BTI)
    assert [tuple(sent.shape) for sent in found] == [(20, 4, size) for size in (12, 9, 5)]
    assert {float(value) for sent in found for value in sent.unique()} <= {0.0, 1.0}


def test_it_fires_as_the_program_does(peer: Peer, work: Work, rates: list[float]) -> None:
    found = firing(peer, stages_of(work.program), work.spikes_BTI)
    # The Program runs on for as many steps as spikes are on their way, the peers do not: up to 3 %.
    # Neurons without a current only fire about as much.
    assert found == pytest.approx(rates, rel=0.05 if peer.what == CURRENT else 0.4)


def test_a_second_call_starts_from_the_same_state(peer: Peer) -> None:
    work = work_of((20, 12, 9, 5))
    network = peer.build(stages_of(work.program))
    with torch.inference_mode():
        first, second = (network(time_first(work.spikes_BTI)) for _ in range(2))
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


@pytest.mark.parametrize("reset", ["zero", "subtract"])
def test_plain_torch_runs_convolutions_without_current_or_leak(reset: str) -> None:
    window = Window((2, 6, 6), 3, (3, 3), stride=(2, 2), padding=(1, 1))
    random = np.random.default_rng(3)
    weight = random.normal(0, 0.5, window.weight_shape).astype(np.float32)
    stage = Stage(weight, np.zeros(27, np.float32), 0.0, 1.0, reset, window, (3, 3, 3))
    gemm = next(peer for peer in PEERS if peer.name == "torch-gemm")
    spikes = (random.random((2, 5, 72)) < 0.3).astype(np.uint8)
    found = run(gemm, [stage], spikes)[0].flatten(2).numpy()
    v = np.zeros((2, 27))
    for step in range(5):
        v += window.apply(spikes[:, step].astype(np.float32), weight)
        np.testing.assert_array_equal(found[step], v > 1)
        v = np.where(v > 1, 0 if reset == "zero" else v - 1, v)


def test_a_bias_drives_the_potential_as_the_programs_does() -> None:
    quiet = Stage(np.zeros((1, 1), np.float32), np.full(1, 0.05, np.float32), 0.5, 1.0, "zero", None, (1,))
    gemm = next(peer for peer in PEERS if peer.name == "torch-gemm")
    sent = run(gemm, [quiet], np.zeros((1, 100, 1), np.uint8))[0]
    assert int(sent.sum()) in (4, 5)  # 0.05 a step, late by the current's rise


def test_an_absent_package_is_said() -> None:
    assert importlib.util.find_spec("no_such_simulator") is None
    peer = Peer("x", "no_such_simulator", CURRENT, layerwise(lambda stage: lambda x: x, lambda stage: 1.0))
    assert peer.missing == "no_such_simulator is not installed"


def test_our_own_network_says_what_it_cannot_run() -> None:
    own = next(peer for peer in PEERS if peer.name == "torch-network")
    stages = stages_of(work_of((5, 4, 3)).program)
    no_current = [dataclasses.replace(stage, alpha=0.0) for stage in stages]
    with pytest.raises(NeurodeployError, match="share one current"):
        own.build(no_current)
