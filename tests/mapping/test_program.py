"""What a Program refuses, in one line that says where."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from neurodeploy.errors import ProgramError
from neurodeploy.program.connection import Connection
from neurodeploy.program.program import INPUT
from tests.backends.lava_support import program, sigma_delta, small_network

MADE = small_network(0)
FIRST = MADE.connections[0]
CONNECTION: dict[str, tuple[dict[str, Any], str]] = {
    "a long delay": ({"delay": 64}, r"delay 64..64 is outside 0..63"),
    "a negative delay": ({"delay": -1}, r"delay -1..-1 is outside 0..63"),
    "half a delay": ({"delay": 1.5}, "delay holds float64, integers are needed"),
    "half a weight": ({"weight": np.full(FIRST.weight.shape, 1.5)}, "weight holds float64, integers are needed"),
    "a large weight": ({"weight": np.full(FIRST.weight.shape, 256)}, r"weight 256..256 is outside -256..255"),
    "a large exponent": ({"weight_exp": 8}, r"weight_exp 8..8 is outside -8..7"),
}


@pytest.mark.parametrize("case", CONNECTION, ids=lambda name: name.replace(" ", "-"))
def test_a_connection_out_of_range_is_refused(case: str) -> None:
    changed, says = CONNECTION[case]
    with pytest.raises(ProgramError, match=f"^{FIRST.name}: {says}"):
        replace(MADE, connections=(replace(FIRST, **changed), *MADE.connections[1:]))


@pytest.mark.parametrize("key", ["du", "dv", "vth", "bias_mant", "u_init", "v_init"])
def test_a_fraction_is_not_cut_off(key: str) -> None:
    layer = MADE.layers[0]
    changed: dict[str, Any] = {key: np.full(layer.n_neurons, 0.5)}
    with pytest.raises(ProgramError, match=f"{layer.name}: {key} holds float64, integers are needed"):
        replace(MADE, layers=(replace(layer, **changed), *MADE.layers[1:]))


def test_a_list_is_no_array() -> None:
    layer = MADE.layers[0]
    changed: dict[str, Any] = {"du": [0] * layer.n_neurons}
    with pytest.raises(ProgramError, match=f"{layer.name}: du is a list, an array is needed"):
        replace(MADE, layers=(replace(layer, **changed), *MADE.layers[1:]))


def test_a_sum_that_could_leave_int32_is_refused() -> None:
    n_inputs = 2000
    weight = np.full((FIRST.weight.shape[0], n_inputs), 254)
    first = replace(FIRST, weight=weight, weight_exp=7)
    with pytest.raises(ProgramError, match=r"synaptic sum \d+ would leave int32, at most 2130706431 is allowed; use"):
        replace(MADE, n_inputs=n_inputs, input_shape=(n_inputs,), connections=(first, *MADE.connections[1:]))


def test_a_softmax_of_sums_without_a_unit_is_refused() -> None:
    """How much of a potential stands for 1 decides the class."""
    into = Connection("in", INPUT, "out", np.ones((2, 2), np.int64))
    with pytest.raises(ProgramError, match=r"readout 'softmax' needs potentials in units of the graph, .* of 'out'"):
        program(2, [sigma_delta("out", 2)], [into], readout="softmax")
