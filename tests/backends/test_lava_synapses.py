"""How connections are cut for Lava, checked in plain numpy: nothing here needs Lava."""

from __future__ import annotations

import numpy as np
import pytest

from neurodeploy.backends.lava import synapses
from neurodeploy.errors import LavaError
from neurodeploy.fixedpoint import rules
from neurodeploy.program.connection import Connection
from neurodeploy.program.program import INPUT
from neurodeploy.program.window import Window
from tests.backends.lava_support import layer, program, sum_pool

WINDOWS = [
    Window((2, 5, 4), 3, (2, 3)),
    Window((4, 5, 6), 6, (3, 2), stride=(1, 2), padding=(2, 1), dilation=(1, 2), groups=2),
    Window((1, 1, 9), 2, (1, 3), stride=(1, 3), padding=(0, 2)),
]


@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_the_entries_are_those_of_the_matrix(window: Window) -> None:
    weight = np.random.default_rng(0).integers(-9, 10, window.weight_shape)
    targets, sources, weights = synapses.entries(window, weight)
    matrix = np.zeros((window.n_outputs, window.n_inputs), np.int64)
    np.add.at(matrix, (targets, sources), weights)
    np.testing.assert_array_equal(matrix, window.unrolled(weight))
    assert weights.all()


@pytest.mark.parametrize("low", [-256, -128, 0])
@pytest.mark.parametrize("step", [1, 2])
def test_a_convolution_unrolled_has_the_same_sums(low: int, step: int) -> None:
    rng = np.random.default_rng(1)
    window = WINDOWS[0]
    high = 255 if low == 0 or step == 2 else 127
    weight = rng.integers(low // step, high // step + 1, window.weight_shape) * step
    one = Connection("conv", INPUT, "hidden", weight, np.array([-8, 0, 7]), window=window)
    if (low, step) == (-256, 1):
        with pytest.raises(LavaError, match="no odd weights of both signs"):
            list(synapses.matrices(one))
        return
    largest = synapses.largest_message(one)
    sent = rng.integers(-largest, largest + 1, (4, window.n_inputs))
    found = np.zeros((4, window.n_outputs), np.int64)
    for matrix in synapses.matrices(one):
        held = rules.loihi_weights(matrix.weight, sign=matrix.sign)
        before = window.apply(sent, held)
        np.testing.assert_array_equal(rules.as_int32(before), before)
        found += rules.shift_by_exponent(before, matrix.exponent)
    expected = rules.shift_by_exponent(window.apply(sent, weight), one.row_exponents)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(rules.wrap_sum(found), found)


@pytest.mark.parametrize("exponent", [-8, -3, 0, 7])
def test_one_more_than_the_largest_message_can_show_the_difference(exponent: int) -> None:
    window = Window((1, 1, 1), 1, (1, 1))
    one = Connection("conv", INPUT, "hidden", np.full((1, 1, 1, 1), 64), exponent, window=window)
    largest = synapses.largest_message(one)
    totals = rules.shift_by_exponent(64 * np.array([largest, largest + 1]), exponent)
    wraps = (rules.wrap_sum(totals) != totals).tolist()
    # With -8 it is doubled weights' room in int32 that ends first.
    assert wraps == [False, exponent > -8]


def test_rows_with_their_own_exponents_add_up_to_the_matrix() -> None:
    weight = np.random.default_rng(2).integers(-256, 256, (5, 3))
    exponents = np.array([0, -2, 7, 0, -2])
    for sign in rules.SIGNS:
        one = Connection("in", INPUT, "hidden", weight, exponents, sign)
        parts = list(synapses.matrices(one))
        assert [part.exponent for part in parts] == [-2, 0, 7]
        held = sum(rules.loihi_weights(part.weight, sign=part.sign) for part in parts)
        np.testing.assert_array_equal(held, one.held)
        # Held weights that are held again stay as they are.
        np.testing.assert_array_equal(rules.loihi_weights(one.held, sign=parts[0].sign), one.held)
    assert [part.sign for part in synapses.matrices(Connection("in", INPUT, "hidden", weight))] == ["auto"]


def test_what_lavas_convolution_cannot_count_is_unrolled() -> None:
    for channels, exponent, runs in ((127, 0, True), (128, 0, False), (1, -1, False)):
        pool = sum_pool("hidden", (channels, 2, 2), (2, 2), weight_exp=exponent)
        assert synapses.runs_as_conv(pool) == runs
        network = program(4 * channels, [layer("hidden", channels)], [pool])
        assert synapses.most_side_by_side(network) == (1 if runs else 127)
