"""What a core is asked for, against the same counted synapse by synapse."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from neurodeploy.hardware.chips import chip_named
from neurodeploy.mapping.placement.demand import wiring
from neurodeploy.mapping.placement.encoding import index_bits, words
from neurodeploy.mapping.placement.limits import Limits
from neurodeploy.mapping.placement.order import CHANNELS, COLUMNS, FLAT, ROWS, box, neurons_in
from neurodeploy.mapping.placement.split import Outgoing, _longest
from neurodeploy.program.connection import Connection
from neurodeploy.program.window import Window
from tests.mapping.placement.networks import random_weights

LOIHI1 = Limits.of(chip_named("loihi1"))
IMAGES = st.sampled_from([ROWS, COLUMNS, CHANNELS])
windows = st.builds(
    Window,
    st.tuples(st.integers(1, 3), st.integers(3, 8), st.integers(2, 8)),
    st.integers(1, 3),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    padding=st.tuples(st.integers(0, 1), st.integers(0, 1)),
).filter(lambda one: not one.problem())


def kernel(window: Window, seed: int) -> Connection:
    """Return a convolution some of whose weights are 0."""
    weight = np.random.default_rng(seed).integers(-3, 4, window.weight_shape) * 2
    return Connection("kernel", "input", "conv", weight, window=window)


@settings(max_examples=60, deadline=None)
@given(window=windows, order=IMAGES, seed=st.integers(0, 99))
def test_a_whole_image_takes_every_different_list_of_a_kernel_once(window: Window, order: str, seed: int) -> None:
    one = kernel(window, seed)
    marks = np.arange(1, one.weight.size + 1).reshape(one.weight.shape)
    if window.output_shape[1:] == (1, 1) and window.padding == (0, 0):  # taps of equal weights are one
        taps, marked = one.weight.reshape(*one.weight.shape[:2], -1), marks.reshape(*one.weight.shape[:2], -1)
        for number in range(taps.shape[2]):
            alike = (taps == taps[..., [number]]).all(axis=(0, 1))
            marked[..., number] = marked[..., np.flatnonzero(alike)[0]]
    channel_of = np.repeat(np.arange(window.input_shape[0]), np.prod(window.input_shape[1:]))
    # Which weights each source reaches: sources of one channel that reach the same share a list.
    lists = {
        (channel, tuple(sorted(row[row > 0])))
        for channel, row in zip(channel_of, window.unrolled(marks).T, strict=True)
    }
    zero = {int(mark) for mark in marks[one.weight == 0]}
    bits = 8 + index_bits(window.n_outputs, LOIHI1)
    expected = sum(words(len(set(found) - zero), bits, LOIHI1) for _, found in lists)
    demand = wiring(one, 8, order, window.output_shape, LOIHI1).on(0, window.n_outputs)
    assert demand.words == expected
    reached = (window.unrolled(np.ones_like(marks)) != 0).any(axis=0).reshape(window.input_shape)
    assert demand.axons == np.count_nonzero(reached.any(axis=0))


@settings(max_examples=60, deadline=None)
@given(window=windows, order=IMAGES, ends=st.tuples(st.floats(0, 1), st.floats(0, 1)), seed=st.integers(0, 99))
def test_a_part_of_an_image_has_an_axon_for_every_source_and_never_asks_for_less_when_it_grows(
    window: Window, order: str, ends: tuple[float, float], seed: int
) -> None:
    size = window.n_outputs
    first, last = sorted(int(end * (size - 1)) for end in ends)
    last += 1
    wired = wiring(kernel(window, seed), 8, order, window.output_shape, LOIHI1)
    mine = neurons_in(order, window.output_shape)[first:last]
    places = window.unrolled(np.ones(window.weight_shape))[mine].any(axis=0).reshape(window.input_shape).any(axis=0)
    axons = wired.axons(first, last).astype(bool)
    assert axons[places.ravel()].all()
    assert axons.sum() == wired.on(first, last).axons
    if last < size:
        longer = wired.on(first, last + 1)
        assert longer.axons >= wired.on(first, last).axons
        assert longer.words >= wired.on(first, last).words


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 5)),
    order=IMAGES,
    ends=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_a_box_holds_its_neurons(shape: tuple[int, int, int], order: str, ends: tuple[float, float]) -> None:
    first, last = sorted(int(end * (np.prod(shape) - 1)) for end in ends)
    channels, rows, columns = box(order, shape, first, last + 1)
    found = np.unravel_index(neurons_in(order, shape)[first : last + 1], shape)
    for inside, places in zip((channels, rows, columns), found, strict=True):
        assert places.min() in inside
        assert places.max() in inside


@settings(max_examples=80, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 5)),
    order=st.sampled_from([ROWS, COLUMNS, CHANNELS, FLAT, "any"]),
    shared=st.booleans(),
    ends=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_axons_out_are_counted_once_whatever_the_order(
    shape: tuple[int, int, int], order: str, shared: bool, ends: tuple[float, float]
) -> None:
    size, places = int(np.prod(shape)), shape[1] * shape[2]
    random = np.random.default_rng(size)
    units = np.arange(size) % places if shared else np.arange(size)
    axons = random.integers(0, 5, size)[: units.max() + 1]
    neurons = random.permutation(size) if order == "any" else neurons_in(order, shape)
    first, last = sorted(int(end * (size - 1)) for end in ends)
    found = Outgoing(units, axons).dealt(neurons)(first, last + 1)
    assert found == axons[np.unique(units[neurons[first : last + 1]])].sum()


def test_a_matrix_takes_the_smaller_of_dense_and_sparse() -> None:
    for density in (0.02, 0.2, 0.5, 1.0):
        one = Connection("fc", "input", "lif", random_weights(200, 90, density))
        there = one.held != 0
        dense = sum(words(200, 8, LOIHI1) for row in there.T if row.any())
        sparse = sum(words(int(row.sum()), 8 + 8, LOIHI1) for row in there.T)
        demand = wiring(one, 8, FLAT, (200,), LOIHI1).on(0, 200)
        assert demand.words == min(dense, sparse)
        assert demand.encoding == ("dense" if dense <= sparse else "sparse")
        assert demand.axons == there.any(axis=0).sum()


@settings(max_examples=60, deadline=None)
@given(
    size=st.tuples(st.integers(1, 120), st.integers(1, 9)),
    density=st.sampled_from([0.0, 0.05, 0.5, 1.0]),
    exponents=st.integers(1, 3),
    ends=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    seed=st.integers(0, 99),
)
def test_sums_up_to_a_row_give_what_counting_anew_gives(
    size: tuple[int, int], density: float, exponents: int, ends: tuple[float, float], seed: int
) -> None:
    random = np.random.default_rng(seed)
    weight = random_weights(*size, density, seed)
    exponent_O = random.integers(0, exponents, size[0])
    one = Connection("fc", "input", "lif", weight, exponent_O)
    first, last = sorted(int(end * (size[0] - 1)) for end in ends)
    last += 1
    seen = wiring(one, 8, FLAT, size[:1], LOIHI1)
    there, index = one.held[first:last] != 0, index_bits(last - first, LOIHI1)
    parts = [there[exponent_O[first:last] == exponent] for exponent in np.unique(exponent_O[first:last])]
    dense = sum(words(len(part), 8, LOIHI1) * int(part.any(axis=0).sum()) for part in parts)
    sparse = sum(words(part.sum(axis=0), 8 + index, LOIHI1) for part in parts)
    axons = np.sum([part.any(axis=0) for part in parts], axis=0)
    found = seen.on(first, last)
    assert (found.words, found.axons, found.formats) == (min(dense, sparse), axons.sum(), len(parts))
    np.testing.assert_array_equal(seen.axons(first, last), axons)


@given(room=st.integers(0, 40), most=st.integers(1, 40), likely=st.integers(1, 50))
def test_the_longest_run_is_found_from_wherever_it_is_looked_for(room: int, most: int, likely: int) -> None:
    class Room:
        asked = 0

        def over(self, first: int, last: int) -> bool:
            self.asked += 1
            return last - first > room

    need = Room()
    assert _longest(need, 7, 7 + most, likely) == 7 + min(room, most)  # type: ignore[arg-type]
    if likely == room < most:  # cores of a layer are alike
        assert need.asked == 2
