"""Neurons with two coupled states: rounding toward zero, saturation, and what it means for stability."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurodeploy.errors import ProgramError
from neurodeploy.fixedpoint.dynamics.equations import Dynamics
from neurodeploy.fixedpoint.dynamics.step import integer_step
from neurodeploy.fixedpoint.dynamics.table import ADAPTIVE, RESONATOR, TABLE
from neurodeploy.fixedpoint.rules import STATE_LIMIT, rounded_to_zero

TOP = STATE_LIMIT - 1


def whole(value: int) -> np.ndarray:
    return np.array([value], np.int64)


class After(NamedTuple):
    """Both states and the spikes after a step."""

    u: np.ndarray
    v: np.ndarray
    spikes: np.ndarray


def adaptive(u: int, v: int, spiked: bool, current: int, **changed: int) -> After:
    values = {"alpha": 3000, "gain": 1096, "beta": 4000, "a": 500, "jump": 40, "drop": 3000, "bias": 0, "vth": 4096}
    numbers = {key: whole(value) for key, value in (values | changed).items()}
    before = {"w": whole(u), "v": whole(v)}
    after = integer_step(ADAPTIVE, before, np.array([spiked]), whole(current), numbers, fraction_bits=12)
    return After(after["w"], after["v"], after["v"] > numbers["vth"])


def resonator(u: int, v: int, spiked: bool, current: int, **changed: int) -> After:
    values = {"re": 3000, "im": 2500, "drop": 1500, "drop_y": 1250, "bias": 0, "vth": 2048}
    numbers = {key: whole(value) for key, value in (values | changed).items()}
    before = {"x": whole(v), "y": whole(u)}
    after = integer_step(RESONATOR, before, np.array([spiked]), whole(current), numbers, fraction_bits=12)
    return After(after["y"], after["x"], after["x"] > numbers["vth"])


def test_the_adaptation_takes_the_old_potential_and_the_potential_the_new_adaptation() -> None:
    after = adaptive(100, 2000, True, 700, bias=-9)
    w = (4000 * 100 + 500 * 2000) // 4096 + 40
    assert after.u[0] == w
    assert after.v[0] == (3000 * 2000 - 1096 * w) // 4096 + 700 - 9 - 3000  # the bracket is positive here


def test_both_parts_of_a_resonator_take_the_old_ones() -> None:
    after = resonator(-300, 900, True, 55, bias=4)
    assert after.v[0] == (3000 * 900 + 2500 * 300) // 4096 + 55 + 4 - 1500
    assert after.u[0] == (2500 * 900 - 3000 * 300) // 4096 - 1250


def test_a_spike_needs_more_than_the_threshold() -> None:
    assert not resonator(0, 0, False, 2048).spikes[0]
    assert resonator(0, 0, False, 2049).spikes[0]
    assert not adaptive(0, 0, False, 4096).spikes[0]
    assert adaptive(0, 0, False, 4097).spikes[0]


def test_the_sum_is_rounded_once_toward_zero() -> None:
    # Two products of -2048/4096 each: rounded apart they would vanish.
    assert resonator(2048, -2048, False, 0, re=1, im=1).v[0] == -1
    assert rounded_to_zero(np.array([-4095, -4096, 4095, 4096]), 12).tolist() == [0, -1, 0, 1]


def test_states_saturate_instead_of_wrapping() -> None:
    assert resonator(0, TOP, False, (1 << 31) - 1, re=4096).v[0] == TOP
    assert resonator(TOP, -TOP, True, 0, im=4096, re=0, drop_y=TOP).u[0] == -TOP
    assert adaptive(TOP, TOP, True, 0, beta=4096, jump=TOP).u[0] == TOP
    assert adaptive(0, -TOP, True, -(1 << 31), alpha=4096).v[0] == -TOP


@given(
    re=st.integers(-4096, 4096),
    im=st.integers(-4096, 4096),
    x=st.integers(-TOP, TOP),
    y=st.integers(-TOP, TOP),
)
def test_a_pole_inside_the_unit_circle_never_makes_a_resonator_grow(re: int, im: int, x: int, y: int) -> None:
    if re * re + im * im > 4096**2:
        return
    after = resonator(y, x, False, 0, re=re, im=im, vth=TOP)
    assert int(after.v[0]) ** 2 + int(after.u[0]) ** 2 <= x * x + y * y


@pytest.mark.parametrize(
    ("equations", "told"),
    [
        ((), "ends on"),
        (("v = a v' + input", "s = w > threshold"), "ends on"),
        (("v = a v' * input", "s = v"), "is not understood"),
        (("v = a v' + input + input", "s = v"), "is not understood"),
        (("v = __import__('os')", "s = v"), "is not understood"),
        (("v = a w + input", "w = b w'", "s = v"), "v takes 'w', which no line above it gives"),
        (("v = a x' + input", "s = v"), "v takes 'x', which no line above it gives"),
        (("v = v v' + input", "s = v"), "'v'.* is no name, or is taken"),
        (("v = vth v' + input", "s = v > threshold"), "'vth'.* is no name, or is taken"),
        (("v = a v'", "s = v"), "takes input in another number of lines than one"),
        ((*[f"v{i} = a{i} v{i}' + input" for i in range(40)], "s = v1"), "at most 64 are allowed"),
    ],
)
def test_what_is_no_neuron_is_refused(equations: tuple[str, ...], told: str) -> None:
    with pytest.raises(ProgramError, match=told):
        Dynamics("x", equations)


def test_the_documentation_says_the_equations_of_every_neuron() -> None:
    page = (Path(__file__).parents[2] / "docs" / "neurons.md").read_text(encoding="utf-8")
    for one in TABLE.values():
        assert all(f"`{line}`" in page for line in one.equations), one.name
        assert f"| {one.name} | {one.models} |" in page
