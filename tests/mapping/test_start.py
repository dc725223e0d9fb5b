"""The initial state that lets a bias start with the input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurodeploy.fixedpoint import rules
from neurodeploy.fixedpoint.rules import IntArray
from neurodeploy.mapping.start import Charge, charged
from tests.backends.lava_support import layer


def stands(state: Charge, kept_u: int, kept_v: int, bias: IntArray, start: int, threshold: int) -> tuple[list, list]:
    """Return the current and the potential after `start` steps without input, none of which may spike."""
    u, v = state.u, state.v
    for step in range(start):
        u, v, spikes, _ = rules.step(
            u,
            v,
            0 * bias,
            kept_u=np.full_like(bias, kept_u),
            kept_v=np.full_like(bias, kept_v),
            bias=bias,
            threshold=np.full_like(bias, threshold),
            reset="zero",
            resting=np.full(bias.shape, step < state.rest),
        )
        assert not spikes.any()
    return u.tolist(), v.tolist()


@given(
    start=st.integers(1, 3),
    kept_u=st.integers(1500, 4095),
    kept_v=st.integers(1500, 4096),
    bias=st.integers(-3000, 3000),
)
def test_a_charged_layer_stands_at_rest_when_its_input_begins(start: int, kept_u: int, kept_v: int, bias: int) -> None:
    one = lambda value: np.array([value], dtype=np.int64)  # noqa: E731
    state, note = charged(
        start=start,
        kept_u=one(kept_u),
        kept_v=one(kept_v),
        bias=one(bias),
        u_then=one(-bias),
        v_then=one(0),
        threshold=100_000,
    )
    assert (note, state.rest) == ("", 0)
    assert stands(state, kept_u, kept_v, one(bias), start, 100_000) == ([-bias], [0])


@pytest.mark.parametrize(
    ("kept_v", "bias", "start", "rest"),
    [
        (4096, [-150, 30], 3, 0),  # 450 before the first step, 300 after it: not above the threshold
        (4096, [-150, 30], 4, 4),  # 450 after the first step would be
        (2048, [0, 100_000], 8, 8),  # -100_000 * (2 + 4 + ... + 256) has more than 24 bits
        (0, [500, 0], 5, 5),  # a potential that keeps nothing would spike at every step
        (0, [500, 0], 63, 63),
    ],
)
def test_where_no_state_makes_up_for_a_bias_the_potential_rests(
    kept_v: int, bias: list[int], start: int, rest: int
) -> None:
    biases = np.array(bias)
    zero = np.zeros_like(biases)
    state, note = charged(
        start=start,
        kept_u=zero,
        kept_v=np.full_like(biases, kept_v),
        bias=biases,
        u_then=zero,
        v_then=zero,
        threshold=400,
    )
    assert (note, state.rest) == ("", rest)
    assert stands(state, 0, kept_v, biases, start, 400)[1] == [0, 0]


def test_where_nothing_helps_the_note_says_so() -> None:
    bias = np.array([5000])
    for start, kept_u, threshold in ((64, 0, 100), (64, 1000, 1 << 23)):  # 63 steps of rest are a chip's most
        state, note = charged(
            start=start,
            kept_u=np.array([kept_u]),
            kept_v=0 * bias,
            bias=bias,
            u_then=-bias * bool(kept_u),
            v_then=0 * bias,
            threshold=threshold,
        )
        assert f"acts {start} step(s) before the first input" in note
        assert (state.v.tolist(), state.rest) == ([0], 0)


def test_a_layer_that_rests_at_first_says_so_in_its_plain_values_alone() -> None:
    """Files and digests of layers that do not are what they were."""
    assert "rest_init" not in layer("a", 2).plain_values
    assert layer("a", 2, rest_init=3).plain_values["rest_init"] == 3
