"""Precision: no overflow whatever the input, and the least error."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from neurodeploy.errors import PrecisionError
from neurodeploy.fixedpoint import rules
from neurodeploy.program.plan import Plan
from neurodeploy.quantize import grid
from neurodeploy.quantize.compensate import compensated
from neurodeploy.quantize.plan import LayerFacts, layer_plan


@given(
    seed=st.integers(0, 10_000),
    scale=st.floats(0.01, 20),
    alpha=st.floats(0, 0.97),
    bits=st.integers(2, 8),
)
@example(seed=1059, scale=1.0, alpha=0.5, bits=2)
@settings(max_examples=60, deadline=None)
def test_an_uncalibrated_current_cannot_wrap(seed: int, scale: float, alpha: float, bits: int) -> None:
    weight = np.random.default_rng(seed).normal(size=(6, 9)) * scale
    vth, connections = layer_plan(LayerFacts("l", {"c": weight}, alpha, np.zeros(6)), bits)
    plan = connections["c"]
    whole = grid.weight_integers(weight, vth, plan.weight_exp, plan.weight_bits)
    most = (np.abs(whole).sum(axis=1) << plan.weight_exp << rules.ALIGN_SHIFT) / (1 - alpha)
    assert most.max() < rules.STATE_LIMIT
    assert np.abs(whole).max() <= grid.weight_limit(bits)


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 7, 8])
def test_lava_leaves_every_quantised_weight_as_it_is(bits: int) -> None:
    levels = np.linspace(-1, 1, 1001)[None, :]
    for weight in (levels, np.abs(levels), -np.abs(levels)):
        whole = grid.weight_integers(weight, 254, 0, bits)
        assert np.array_equal(rules.loihi_weights(whole), whole)
        assert np.array_equal(rules.loihi_weights(whole, bits), whole)
    assert len(np.unique(grid.weight_integers(levels, 254, 0, bits))) == 2**bits - 1


@given(alpha=st.floats(0, 0.9999), beta=st.floats(0.0003, 1))
def test_decays_are_the_nearest_the_chip_has(alpha: float, beta: float) -> None:
    half = 0.5 / rules.DECAY_ONE + 1e-12
    u = rules.kept_of_current(grid.du_of(np.array(alpha))) / rules.DECAY_ONE
    v = rules.kept_of_potential(grid.dv_of(np.array(beta))) / rules.DECAY_ONE
    assert abs(u - min(alpha, 4095 / 4096)) <= half
    assert abs(v - beta) <= half


@given(st.lists(st.floats(-500_000, 500_000), min_size=1, max_size=6))
def test_bias_fields_hold_13_bits_of_the_bias(values: list[float]) -> None:
    bias = np.array(values)
    mantissa, exponent = grid.bias_fields(bias)
    assert np.abs(mantissa).max() <= 4095
    assert 0 <= exponent <= 7
    assert np.abs(rules.effective_bias(mantissa, exponent) - bias).max() <= 2**exponent
    again = grid.bias_fields(rules.effective_bias(mantissa, exponent).astype(float))
    assert np.array_equal(rules.effective_bias(*again), rules.effective_bias(mantissa, exponent))


def test_a_width_outside_the_chip_is_refused() -> None:
    with pytest.raises(PrecisionError, match=r"weight_bits=9 is outside 2\.\.8"):
        layer_plan(LayerFacts("l", {"c": np.ones((1, 1))}, 0.0, np.zeros(1)), 9)


def test_weights_too_large_for_the_state_are_refused() -> None:
    with pytest.raises(PrecisionError, match="24-bit current"):
        layer_plan(LayerFacts("l", {"c": np.full((1, 900), 500.0)}, 0.99, np.zeros(1)), 8)


def test_rounding_together_beats_rounding_each() -> None:
    generator = np.random.default_rng(0)
    common = generator.normal(size=(500, 2))
    inputs = common @ generator.normal(size=(2, 12)) + 0.2 * generator.normal(size=(500, 12))
    weight = generator.normal(size=(8, 12))

    def rounded(values: np.ndarray, _: int) -> np.ndarray:
        return np.rint(values * 4) / 4

    together = compensated(weight, inputs.T @ inputs, rounded)
    assert np.array_equal(together, np.rint(together * 4) / 4)
    error_together = np.linalg.norm(inputs @ (together - weight).T)
    error_each = np.linalg.norm(inputs @ (np.rint(weight * 4) / 4 - weight).T)
    assert error_together < 0.6 * error_each


def test_rounding_together_leaves_weights_on_the_grid_alone() -> None:
    weight = np.array([[1.0, -2.0, 3.0]])
    moment = np.array([[2.0, 1.0, 0.5], [1.0, 2.0, 1.0], [0.5, 1.0, 2.0]])
    assert np.array_equal(compensated(weight, moment, lambda values, _: np.rint(values)), weight)


def test_rounding_together_makes_no_synapse_where_there_is_none() -> None:
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(8, 30)) * (rng.random((8, 30)) < 0.3)
    weight[:, :8] = np.diag(np.full(8, 0.1))
    spikes = (rng.random((200, 30)) < 0.4).astype(float)
    together = compensated(weight, spikes.T @ spikes, lambda values, _: np.rint(values * 8) / 8)
    assert not together[weight == 0].any()
    error_each = np.linalg.norm(spikes @ (np.rint(weight * 8) / 8 - weight).T)
    assert np.linalg.norm(spikes @ (together - weight).T) < error_each


def test_a_plan_survives_json() -> None:
    vth, connections = layer_plan(LayerFacts("l", {"c": np.eye(3)}, 0.5, np.zeros(3)), 8)
    plan = Plan({"l": vth}, connections)
    assert Plan.from_dict(plan.to_dict()) == plan
