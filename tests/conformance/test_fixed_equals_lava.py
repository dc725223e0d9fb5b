"""Our simulator and Lava 0.10.0 agree in every spike, current and potential.

The corners set by hand; `test_random_networks.py` has random ones.
Programs run one sample at a time and several side by side: both are compared.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neurodeploy.backends import fixed, lava
from neurodeploy.errors import ProgramError
from neurodeploy.fixedpoint import rules
from neurodeploy.program.connection import Connection
from neurodeploy.program.program import INPUT
from tests.backends.lava_support import assert_same_states, one_layer, program

LIMIT = rules.STATE_LIMIT


EIGHT = np.ones((1, 4, 8))
"""Eight input channels that spike at each of four steps."""

CORNERS = {
    "a current of +2^23 stays": (
        one_layer(np.full((1, 8), 128), 7, du=4095, vth=131071, dv=4096),
        LIMIT,
        None,
    ),
    "a current of -2^23 becomes +2^23": (
        one_layer(np.full((1, 8), -128), 7, du=4095, vth=131071, dv=4096),
        LIMIT,
        None,
    ),
    "a current above 2^23 wraps": (
        one_layer([[128] * 7 + [255]], 7, du=4095, vth=131071),
        (128 * 7 + 255 << 13) - 2 * LIMIT,
        None,
    ),
    "a current wraps once and may stay beyond": (
        one_layer(np.full((1, 8), 255), 7, du=4095, vth=131071),
        (255 * 8 << 13) - 2 * LIMIT,
        None,
    ),
    "a potential stops at -(2^23 - 1)": (
        one_layer([[0] * 8], dv=0, v_init=1 - LIMIT, bias_mant=-4096, bias_exp=7),
        0,
        1 - LIMIT,
    ),
    "a potential at +(2^23 - 1) is above any threshold": (
        one_layer([[0] * 8], dv=0, v_init=LIMIT - 1, bias_mant=1, vth=131071, reset="subtract"),
        0,
        None,
    ),
    "a potential at the threshold does not spike": (
        one_layer([[0] * 8], dv=4096, vth=2, bias_mant=128),
        0,
        128,
    ),
    "it does where it has to, and a unit below does not": (
        one_layer([[0] * 8, [0] * 8], dv=4096, vth=2, bias_mant=[128, 127], at_threshold=True),
        0,
        0,
    ),
    "a potential above the threshold spikes": (one_layer([[0] * 8], dv=4096, vth=2, bias_mant=129), 0, 0),
    "subtraction keeps the rest": (
        one_layer([[0] * 8], dv=4096, vth=2, bias_mant=129, reset="subtract"),
        0,
        1,
    ),
    "subtraction at the threshold takes the threshold": (
        one_layer([[0] * 8], dv=4096, vth=2, bias_mant=129, reset="subtract", at_threshold=True),
        0,
        1,
    ),
    "leaks go toward zero": (one_layer([[0] * 8], du=0, dv=1, u_init=-1, v_init=-1), 0, 0),
    "a mixed matrix loses its low bit downward": (
        one_layer([[-3, 1, 0, 0, 0, 0, 0, 0]], du=4095, dv=4096),
        -4 << 6,
        -4 << 6,
    ),
    "a matrix of one sign loses nothing": (
        one_layer([[-3, -1, 0, 0, 0, 0, 0, 0]], du=4095, dv=4096),
        -4 << 6,
        -4 << 6,
    ),
    "a negative exponent floors the sum": (
        one_layer([[-1] * 8], -4, du=4095, dv=4096),
        -1 << 6,
        -1 << 6,
    ),
}
"""A Program, and its current and potential at the last step; None where the next test tells."""


@pytest.mark.parametrize("name", CORNERS, ids=str)
def test_corners_are_what_the_rules_say(name: str) -> None:
    network, u, v = CORNERS[name]
    states = fixed.run(network, EIGHT, record=True).layers["hidden"]
    assert states.u_BTN[0, -1, 0] == u
    assert v is None or states.v_BTN[0, -1, 0] == v


@pytest.mark.lava
def test_corners_agree_in_every_state(worker: lava.Worker) -> None:
    """All corners as the layers of one network: 13 networks would take ten times as long."""
    layers, connections = [], []
    for index, (network, _, _) in enumerate(CORNERS.values()):
        own, synapses = network.layers[0], network.connections[0]
        name = f"corner{index}"
        layers.append(replace(own, name=name))
        connections.append(Connection(name, INPUT, name, synapses.weight, synapses.weight_exp))
    network = program(8, layers, connections)
    for samples in (EIGHT, np.concatenate([EIGHT, 0 * EIGHT])):
        expected = fixed.run(network, samples, record=True)
        assert_same_states(expected, worker.run(network, samples, record=True))


@pytest.mark.lava
@pytest.mark.parametrize("du", [0, 100])
@pytest.mark.parametrize("weight", [255, -255])
def test_currents_that_outgrow_32_bits_overflow_alike(worker: lava.Worker, du: int, weight: int) -> None:
    network = one_layer(np.full((2, 40), weight), 7, du=du, vth=131071)
    spikes = np.ones((1, 100, 40))
    expected = fixed.run(network, spikes, record=True)
    assert np.abs(expected.layers["hidden"].u_BTN.astype(np.int64)).max() > 1 << 30
    assert_same_states(expected, worker.run(network, spikes, record=True))


def test_a_synaptic_sum_beyond_lavas_int32_is_refused() -> None:
    with pytest.raises(ProgramError, match="largest synaptic sum"):
        one_layer(np.full((1, 1100), 255), 7)
