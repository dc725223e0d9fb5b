"""The integer rules at their edges and over their ranges."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from neurodeploy.fixedpoint import rules

states = st.integers(1 - rules.STATE_LIMIT, rules.STATE_LIMIT)


@given(state=states, kept=st.integers(0, rules.DECAY_ONE))
def test_leak_never_grows_or_changes_sign(state: int, kept: int) -> None:
    after = int(rules.leak_toward_zero(state, kept))
    assert abs(after) <= abs(state)
    assert after * state >= 0
    assert abs(after) == abs(state) * kept // rules.DECAY_ONE


def test_decay_constants_differ_by_one() -> None:
    assert rules.kept_of_current(0) == 4095
    assert rules.kept_of_potential(0) == 4096
    assert rules.kept_of_current(4095) == 0


def test_current_wraps_at_the_edge_as_lava_does() -> None:
    edge = rules.STATE_LIMIT
    found = rules.wrap_current(np.array([edge, edge + 1, -edge, -edge + 1, -edge - 1]))
    assert found.tolist() == [edge, 1 - edge, edge, 1 - edge, edge - 1]


def test_potential_saturates() -> None:
    most = rules.STATE_LIMIT - 1
    assert rules.saturate_potential(np.array([most + 5, -most - 5])).tolist() == [most, -most]


@given(weight=st.lists(st.integers(-400, 400), min_size=1, max_size=8))
def test_stored_weights_are_stable_and_in_range(weight: list[int]) -> None:
    once = rules.loihi_weights(weight)
    mixed = min(weight) < 0 < max(weight)
    assert (once >= -256).all()
    assert (once <= 255).all()
    if mixed:
        assert (once % 2 == 0).all()
        assert (once <= np.clip(weight, -256, 255)).all()  # the low bit goes toward minus infinity
    assert np.array_equal(rules.loihi_weights(once), once) or (once.min() == -256 and once.max() <= 0)


def test_a_potential_at_the_threshold_does_not_spike() -> None:
    def after(v: int) -> rules.State:
        zero = np.zeros(1, dtype=np.int64)
        return rules.step(
            zero,
            np.array([v]),
            zero,
            kept_u=zero,
            kept_v=np.array([rules.DECAY_ONE]),
            bias=zero,
            threshold=np.array([640]),
            reset="subtract",
        )

    assert not after(640).spikes.any()
    assert after(641).spikes.all()
    assert after(641).v.tolist() == [1]


def test_negative_exponents_floor() -> None:
    assert rules.shift_by_exponent(np.array([-1, 3]), -1).tolist() == [-1, 1]
