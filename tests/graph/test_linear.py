"""Maps in a row as one: against the matrices that they amount to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurodeploy.graph import linear
from neurodeploy.graph.linear import LinearMap, TooLarge
from neurodeploy.program.window import Window


@st.composite
def windows(draw: st.DrawFn) -> Window:
    """Return a window of any stride, padding, dilation and number of groups."""
    groups = draw(st.integers(1, 3))
    pair = st.tuples(st.integers(1, 3), st.integers(1, 3))
    channels, outputs = (groups * draw(st.integers(1, 2)) for _ in range(2))
    image = (channels, draw(st.integers(1, 7)), draw(st.integers(1, 7)))
    padding = draw(st.tuples(st.integers(0, 2), st.integers(0, 2)))
    return Window(image, outputs, draw(pair), draw(pair), padding, draw(pair), groups)


USABLE = windows().filter(lambda one: not one.problem())


def integers(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(np.float64)


@settings(max_examples=80, deadline=None)
@given(window=USABLE, seed=st.integers(0, 99))
def test_back_is_the_transpose_of_apply(window: Window, seed: int) -> None:
    weight = integers(window.weight_shape, seed)
    matrix = window.unrolled(weight)
    sent = integers((3, window.n_outputs), seed + 1)
    np.testing.assert_array_equal(window.back(sent, weight), sent @ matrix)
    np.testing.assert_array_equal(LinearMap(weight, window).matrix().weight, matrix)


@settings(max_examples=40, deadline=None)
@given(window=USABLE, outer=USABLE, n_outputs=st.integers(1, 5), seed=st.integers(0, 99))
def test_a_window_before_anything_is_one_map(window: Window, outer: Window, n_outputs: int, seed: int) -> None:
    first = LinearMap(integers(window.weight_shape, seed), window)
    unrolled = window.unrolled(first.weight)
    dense = integers((n_outputs, window.n_outputs), seed + 1)
    np.testing.assert_array_equal(first.then(LinearMap(dense)).weight, dense @ unrolled)
    before = LinearMap(integers((window.n_inputs, n_outputs), seed + 2))
    np.testing.assert_array_equal(before.then(first).weight, unrolled @ before.weight)
    if outer.input_shape == window.output_shape:
        second = LinearMap(integers(outer.weight_shape, seed + 3), outer)
        joint = first.then(second).matrix().weight
        np.testing.assert_array_equal(joint, outer.unrolled(second.weight) @ unrolled)


def test_a_pool_before_a_matrix_costs_as_much_as_the_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each output is followed back once; it was each input, of which there are a hundred times as many."""
    followed: list[int] = []
    back = Window.back

    def counting(self: Window, values_BO: np.ndarray, weight: np.ndarray) -> np.ndarray:
        followed.append(len(values_BO))
        return back(self, values_BO, weight)

    monkeypatch.setattr(Window, "back", counting)
    monkeypatch.setattr(Window, "apply", lambda *_: pytest.fail("no input is followed"))
    window = Window((32, 16, 16), 32, (2, 2), (2, 2), groups=32)
    found = LinearMap(np.ones(window.weight_shape), window).then(LinearMap(np.ones((80, window.n_outputs))))
    assert sum(followed) == 80 == len(found.weight)
    assert (found.weight == 1).all()


def test_what_is_too_large_is_refused_before_anything_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, "MOST_ENTRIES", 1000)
    window = Window((4, 8, 8), 4, (2, 2), (2, 2), groups=4)
    with pytest.raises(TooLarge, match="256 values to 4 make a matrix of more than 1000 weights"):
        LinearMap(np.ones(window.weight_shape), window).then(LinearMap(np.ones((4, 64))))
