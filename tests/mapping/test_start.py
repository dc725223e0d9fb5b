"""The initial state that lets a bias start with the input."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from neurodeploy.fixedpoint import rules
from neurodeploy.mapping.start import charged


@given(
    start=st.integers(1, 3),
    kept_u=st.integers(1500, 4095),
    kept_v=st.integers(1500, 4096),
    bias=st.integers(-3000, 3000),
)
def test_a_charged_layer_stands_at_rest_when_its_input_begins(start: int, kept_u: int, kept_v: int, bias: int) -> None:
    one = lambda value: np.array([value], dtype=np.int64)  # noqa: E731
    threshold = 100_000
    state, note = charged(
        start=start,
        kept_u=one(kept_u),
        kept_v=one(kept_v),
        bias=one(bias),
        u_then=one(-bias),
        v_then=one(0),
        threshold=threshold,
    )
    assert note == ""
    u, v = state.u, state.v
    for _ in range(start):
        u, v, spikes, _ = rules.step(
            u,
            v,
            one(0),
            kept_u=one(kept_u),
            kept_v=one(kept_v),
            bias=one(bias),
            threshold=one(threshold),
            reset="zero",
        )
        assert not spikes.any()
    assert (int(u[0]), int(v[0])) == (-bias, 0)


def test_where_no_state_helps_the_note_says_so() -> None:
    zero = np.zeros(1, dtype=np.int64)
    bias = np.array([5000])
    state, note = charged(
        start=2,
        kept_u=zero,
        kept_v=zero,  # a potential that keeps nothing cannot be prepared
        bias=bias,
        u_then=zero,
        v_then=zero,
        threshold=100,
    )
    assert "acts 2 step(s) before the first input" in note
    assert state.v.tolist() == [0]
