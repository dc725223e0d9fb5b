"""Neurons that spike where their potential reaches the threshold: on every engine and in Lava, beside plain equations.

Axes: B sample, T step, I input, N neuron.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from neurodeploy.backends import fixed, lava
from neurodeploy.program.connection import Connection
from neurodeploy.program.program import INPUT, Program
from tests.backends.lava_support import assert_same_states, layer, one_layer, program, random_spikes, sum_pool

WEIGHT = np.random.default_rng(2).integers(-2, 5, (16, 12)) * 2
MET: dict[str, dict[str, Any]] = {
    "alike": {"vth": 8},
    "alike, leaking": {"vth": 4, "dv": 2048},
    "thresholds of their own": {"vth": np.arange(16) % 5 + 4, "dv": np.arange(16) % 2 * 1024},
    "resting": {"vth": 8, "refractory": 2},
    "clearing": {"vth": 12, "clear_every": 5, "clear_offset": 2},
}


def one(about: str, reset: str) -> Program:
    return one_layer(WEIGHT, du=4095, reset=reset, at_threshold=True, **{"dv": 0} | MET[about])


def expected(made: Program, spikes: np.ndarray) -> tuple[np.ndarray, int]:
    """Return the spikes (B, T, N) of a layer without a current, and how often a potential met its threshold exactly."""
    hidden, (into,) = made.layer("hidden"), made.connections
    v, rest, met = np.zeros((len(spikes), 16), int), np.zeros((len(spikes), 16), int), 0
    found = []
    for step in range(spikes.shape[1] + 1):
        if hidden.clear_every and (step + 1 - hidden.clear_offset) % hidden.clear_every == 0:
            v[:] = 0
        drive = spikes[:, step - 1].astype(int) @ into.weight.T * 64 if step else 0
        new = np.trunc(v * (1 - hidden.dv / 4096)).astype(int) + drive
        free = rest == 0
        fired = (new >= hidden.vth * 64) & free
        met += int((new == hidden.vth * 64)[free].sum())
        after = new - hidden.vth * 64 if hidden.reset == "subtract" else 0
        v = np.where(free, np.where(fired, after, new), v)
        rest = np.where(fired, hidden.refractory, np.maximum(rest - 1, 0))
        found.append(fired)
    return np.stack(found, 1), met


@pytest.mark.parametrize("reset", ["zero", "subtract"])
@pytest.mark.parametrize("about", MET)
def test_every_engine_spikes_where_a_potential_meets_its_threshold(about: str, reset: str) -> None:
    made, spikes = one(about, reset), random_spikes(1, 3, 40, 12)
    wanted, met = expected(made, spikes)
    assert met > 10
    plain = fixed.run(made, spikes, record=True, engine="plain")
    np.testing.assert_array_equal(plain.layers["hidden"].spikes_BTN, wanted)
    for engine in ("native", "torch"):
        assert_same_states(plain, fixed.run(made, spikes, record=True, engine=engine))
        counted = fixed.run(made, spikes, engine=engine).counts["hidden"]  # native: in float32 where it can
        np.testing.assert_array_equal(counted, wanted.sum(1))


def test_a_convolution_meets_it_too() -> None:
    pooled = layer("pooled", 8, du=4095, dv=0, vth=4, shape=(2, 2, 2), at_threshold=True, reset="subtract")
    made = program(32, [pooled], [sum_pool("pooled", (2, 4, 4), (2, 2))], input_shape=(2, 4, 4))
    spikes = random_spikes(3, 2, 20, 32)
    plain = fixed.run(made, spikes, record=True, engine="plain")
    windows = spikes.reshape(2, 20, 2, 2, 2, 2, 2).sum((4, 6)).reshape(2, 20, 8)
    np.testing.assert_array_equal(plain.counts["pooled"], windows.sum(1) // 4)
    assert_same_states(plain, fixed.run(made, spikes, record=True, engine="native"))


@pytest.mark.lava
def test_lava_meets_it_with_its_own_step(worker: lava.Worker) -> None:
    spikes = random_spikes(1, 2, 30, 12)
    layers, connections = [], []
    for about in MET:  # side by side: one network each would take as many times as long
        for reset in ("zero", "subtract"):
            own = one(about, reset)
            name = f"{about} {reset}"
            layers.append(type(own.layers[0])(**{**vars(own.layers[0]), "name": name}))
            connections.append(Connection(name, INPUT, name, WEIGHT))
    made = program(12, layers, connections)
    assert_same_states(fixed.run(made, spikes, record=True), worker.run(made, spikes, record=True))
