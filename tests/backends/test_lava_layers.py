"""Every kind of layer and readout of a Program runs in Lava, and equals our simulator in every state: their corners."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from neurodeploy.backends import lava
from neurodeploy.fixedpoint import rules
from neurodeploy.program.connection import Connection
from neurodeploy.program.dynamics import AnyLayer
from neurodeploy.program.program import INPUT, READOUTS
from tests.backends.lava_support import (
    MESSAGE,
    layer,
    messages,
    one_layer,
    passive,
    program,
    random_spikes,
    same,
    sigma_delta,
)

pytestmark = pytest.mark.lava

LIMIT = rules.STATE_LIMIT


@pytest.mark.parametrize(
    "values",
    [
        {"clear_every": 1},
        {"clear_every": 5, "clear_offset": 0},
        {"clear_every": 5, "clear_offset": 1, "u_init": 9999, "v_init": -9999},
        {"clear_every": 5, "clear_offset": 13},
        {"clear_every": 100, "clear_offset": 99},
        {"clear_every": 5, "clear_offset": 2, "reset": "subtract"},
        {"clear_every": 5, "clear_offset": 2, "refractory": 9},
        {"refractory": 1},
        {"refractory": 63},
        {"refractory": 2, "reset": "subtract"},
        {"rest_init": 5, "v_init": 99},
        {"rest_init": 63, "refractory": 1, "reset": "subtract"},
        {"du": [1, 2, 4095], "dv": [0, 4096, 7], "vth": [0, 5, rules.NEVER], "clear_every": 30},
        {"du": [1, 2, 4095], "dv": [0, 4096, 7], "vth": [0, 5, rules.NEVER], "clear_every": 30, "refractory": 2},
    ],
    ids=str,
)
def test_clears_and_rests_come_at_lavas_steps(worker: lava.Worker, values: dict[str, Any]) -> None:
    network = one_layer([[90, -20], [40, 40], [-9, 120]], **({"vth": 120, "bias_mant": 40} | values))
    trace = same(worker, network, random_spikes(5, 2, 140, 2))
    assert trace.counts["hidden"].any() or values["clear_every"] == 1


def test_a_threshold_that_no_potential_reaches(worker: lava.Worker) -> None:
    values = {"dv": 0, "v_init": LIMIT - 1, "bias_mant": 4095, "bias_exp": 7}
    for vth, spikes_at_once in ((rules.NEVER, False), (rules.NEVER - 1, True)):
        for more in ({}, {"clear_every": 9}, {"refractory": 1}):
            trace = same(worker, one_layer([[1]], vth=vth, **values, **more), np.ones((1, 4, 1)))
            assert trace.counts["hidden"].any() == spikes_at_once
            assert spikes_at_once or trace.layers["hidden"].v_BTN.max() == LIMIT - 1


@pytest.mark.parametrize("role", ["sigma", "delta", "sigma_delta"])
@pytest.mark.parametrize("cumulative", [False, True])
@pytest.mark.parametrize("activation", ["relu", "unit"])
def test_sigma_delta_neurons_are_lavas(worker: lava.Worker, role: str, cumulative: bool, activation: str) -> None:
    rng = np.random.default_rng(7)
    layers: list[AnyLayer] = []
    connections = []
    for spike_exp, state_exp, vth in ((0, 0, 0), (0, 0, 65535), (3, 2, 9), (7, 7, 65535), (0, 7, 1)):
        one = sigma_delta(
            f"hidden{len(layers)}",
            4,
            role,
            vth=vth,
            bias=[0, 1, -32768, 32767],
            activation=activation,
            spike_exp=spike_exp,
            state_exp=state_exp,
            cumulative=cumulative,
        )
        layers.append(one)
        connections.append(Connection(one.name, INPUT, one.name, rng.integers(-256, 256, (4, 6)), -1))
    network = program(6, layers, connections, graded_input=True)
    for largest in (3, MESSAGE - 1):
        trace = same(worker, network, messages(7, (2, 40, 6), largest))
        assert sum(trace.counts[one.name].any() for one in layers) >= 3
        assert trace.layers["hidden0"].spikes_BTN.dtype == np.int32


def test_a_message_of_the_size_that_int32_lacks(worker: lava.Worker) -> None:
    """Lava takes the size of -2^31 for negative, and so keeps the error that the message answers."""
    weight = np.array([[255, 1, 255]])
    largest = [MESSAGE - 1, MESSAGE - 1, 1]
    for cumulative in (False, True):
        hidden = sigma_delta("hidden", 1, vth=5, cumulative=cumulative)
        network = program(3, [hidden], [Connection("in", INPUT, "hidden", weight)], graded_input=True)
        steps = [[0, 1, 0], largest, [0, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 0]]
        trace = same(worker, network, np.array([steps]))
        assert (trace.layers["hidden"].spikes_BTN.min() == -(1 << 31)) == cumulative


@pytest.mark.parametrize(
    ("readout", "graded"),
    [
        (readout, graded)
        for readout in READOUTS
        for graded in (False, True)
        if not (graded and readout == rules.SOFTMAX)
    ],
)
def test_scores_are_read_from_the_outputs_potentials(worker: lava.Worker, readout: str, graded: bool) -> None:
    rng = np.random.default_rng(8)
    hidden = layer("hidden", 4, vth=90)
    output: AnyLayer = sigma_delta("out", 3, start=2) if graded else passive("out", 3, start=2, bias_mant=-50, dv=50)
    connections = [
        Connection("in", INPUT, "hidden", rng.integers(-90, 200, (4, 5))),
        Connection("last", "hidden", "out", rng.integers(-90, 200, (3, 4))),
    ]
    network = program(5, [hidden, output], connections, readout=readout)
    spikes = random_spikes(8, 3, 70, 5)
    trace = same(worker, network, spikes)
    found = worker.run(network, spikes)
    assert not found.layers
    assert (found.scores_BN is None) == (readout == "spikes")
    np.testing.assert_array_equal(found.predictions_B, trace.predictions_B)
