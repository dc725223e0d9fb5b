"""Coefficients in fixed point: nearest, but no pole leaves the unit circle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurodeploy.errors import PrecisionError
from neurodeploy.fixedpoint.dynamics.table import ADAPTIVE, RESONATOR
from neurodeploy.quantize.coefficients import coefficient_integers, on_unit, pole_error, poles


def resonator(pole: complex) -> dict[str, np.ndarray]:
    return {"re": np.array([pole.real]), "im": np.array([pole.imag])}


def adaptive(alpha: float, beta: float, a: float) -> dict[str, np.ndarray]:
    values = {"alpha": alpha, "gain": 1 - alpha, "beta": beta, "a": a}
    return {key: np.array([value]) for key, value in values.items()}


def test_coefficients_are_rounded_to_nearest() -> None:
    found = coefficient_integers("x", ADAPTIVE, adaptive(0.9, 0.97, 0.3), 12)
    assert {key: value.tolist() for key, value in found.items()} == {
        "alpha": [3686],
        "gain": [410],
        "beta": [3973],
        "a": [1229],
    }
    assert on_unit(np.array([0.5, -0.3]), 100).tolist() == [50, -30]


@given(radius=st.floats(0.5, 1.0), angle=st.floats(-3.14, 3.14), bits=st.integers(4, 15))
def test_no_rounding_pushes_a_pole_out_of_the_unit_circle(radius: float, angle: float, bits: int) -> None:
    whole = coefficient_integers("x", RESONATOR, resonator(radius * np.exp(1j * angle)), bits)
    assert whole["re"][0] ** 2 + whole["im"][0] ** 2 <= 4**bits
    assert abs(whole["re"][0] / 2**bits - radius * np.cos(angle)) <= 2.0**-bits


@given(alpha=st.floats(0, 1), beta=st.floats(0, 1), a=st.floats(0, 1), bits=st.integers(4, 15))
def test_an_adaptive_neuron_stays_stable(alpha: float, beta: float, a: float, bits: int) -> None:
    whole = coefficient_integers("x", ADAPTIVE, adaptive(alpha, beta, a), bits)
    assert np.abs(poles(ADAPTIVE, {key: value / 2**bits for key, value in whole.items()})).max() <= 1 + 1e-6


def test_a_pole_that_nearest_rounding_would_push_out_goes_to_a_neighbour() -> None:
    numbers = resonator(0.99999 * np.exp(0.01j))
    nearest = {key: np.rint(value * 4096) / 4096 for key, value in numbers.items()}
    assert np.abs(poles(RESONATOR, nearest)).max() > 1
    found = coefficient_integers("x", RESONATOR, numbers, 12)
    assert found["re"][0] ** 2 + found["im"][0] ** 2 <= 4096**2


def test_a_pole_that_training_left_outside_stays_there_and_is_counted() -> None:
    found = pole_error("x", RESONATOR, resonator(1.002 + 0.05j), 12)
    assert (found["outside_trained"], found["outside"]) == (1, 1)
    assert found["largest"] < 2.0**-12
    assert found["abs_max"] <= abs(1.002 + 0.05j) + 1e-9


def test_more_bits_move_the_poles_less() -> None:
    numbers = adaptive(0.93, 0.985, 0.7)
    errors = [pole_error("x", ADAPTIVE, numbers, bits)["largest"] for bits in (6, 10, 15)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-3


def test_an_unstable_neuron_is_named_and_offered_bits() -> None:
    numbers = {key: np.repeat(value, 3) for key, value in adaptive(0.9, 0.98, 0.3).items()}
    numbers["a"][1] = -0.5  # as half of adLIF's neurons start
    with pytest.raises(
        PrecisionError, match=r"x: neuron 1: its pole lies outside the unit circle at 12 .*use more bits"
    ):
        coefficient_integers("x", ADAPTIVE, numbers, 12)


def test_bad_widths_and_sizes_are_told() -> None:
    with pytest.raises(PrecisionError, match=r"x: coefficient_bits=16 is outside 4\.\.15"):
        coefficient_integers("x", RESONATOR, resonator(0.5), 16)
    with pytest.raises(PrecisionError, match=r"x: neuron 0: re is 3, -2 to 2 is allowed"):
        coefficient_integers("x", RESONATOR, resonator(3.0), 12)
