"""Whatever the network: every neuron has one place, no core holds more than it can, and less never needs more."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurodeploy.bench.workloads import dense as work
from neurodeploy.conformance.generate import random_case
from neurodeploy.errors import ChipError
from neurodeploy.hardware.chip import Chip
from neurodeploy.hardware.chips import chip_named
from neurodeploy.hardware.constants import Constant
from neurodeploy.mapping.placement import Placement, place
from neurodeploy.mapping.placement.encoding import needed_bits, stored_bits
from neurodeploy.mapping.placement.limits import Limits
from neurodeploy.program.connection import Connection
from neurodeploy.program.program import INPUT, Program
from neurodeploy.program.window import Window
from tests.backends.lava_support import layer, program
from tests.mapping.placement.networks import convolution, dense

LOIHI1, LOIHI2 = chip_named("loihi1"), chip_named("loihi2")


def smaller(chip: Chip, **limits: int) -> Chip:
    """Return a chip with other limits, so that small networks need several cores."""
    changed = {
        key: replace(chip.limits[key], value=float(value), values=(float(value),)) for key, value in limits.items()
    }
    return replace(chip, limits={**chip.limits, **changed})


LEAST = {"neurons_per_core": 24, "input_axons_per_core": 150, "output_axons_per_core": 60}
LEAST |= {"synapse_memory_bits_per_core": 16384}
SMALL = {"loihi1": smaller(LOIHI1, **LEAST), "loihi2": smaller(LOIHI2, **LEAST, state_words_per_core=40)}


def check(placement: Placement) -> None:
    """Assert what holds for every placement that fits."""
    limits = placement.limits
    for layer_ in placement.layers:
        own = [one for one in placement.cores if one.layer == layer_.name]
        ends = [(one.first, one.last) for one in own]
        assert ends[0][0] == 0
        assert ends[-1][1] == layer_.n_neurons - 1
        assert all(after[0] == before[1] + 1 for before, after in itertools.pairwise(ends))
        core_N = placement.core_of[layer_.name]
        sizes = np.bincount(core_N, minlength=placement.n_cores)
        assert [sizes[one.index] for one in own] == [one.n_neurons for one in own]
    assert all(used <= limits.most[key] for one in placement.cores for key, used in one.used.items())
    assert [one.index for one in placement.cores] == list(range(placement.n_cores))


sizes = st.lists(st.integers(1, 70), min_size=2, max_size=4)


@settings(max_examples=25, deadline=None)
@given(
    sizes=sizes,
    density=st.sampled_from([0.1, 0.5, 1.0]),
    seed=st.integers(0, 99),
    chip=st.sampled_from(sorted(SMALL)),
)
def test_every_neuron_has_one_place_and_no_core_holds_too_much(
    sizes: list[int], density: float, seed: int, chip: str
) -> None:
    placed = place(dense(*sizes, density=density, seed=seed), SMALL[chip])
    if placed.fits:
        check(placed)
    else:
        assert placed.problems


windows = st.builds(
    Window,
    st.tuples(st.integers(1, 3), st.integers(3, 9), st.integers(1, 9)),
    st.sampled_from([1, 2, 6]),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    padding=st.tuples(st.integers(0, 1), st.integers(0, 1)),
).filter(lambda one: not one.problem())


@settings(max_examples=25, deadline=None)
@given(window=windows, seed=st.integers(0, 99), chip=st.sampled_from(sorted(SMALL)), then=st.sampled_from([0, 5]))
def test_the_same_holds_for_images(window: Window, seed: int, chip: str, then: int) -> None:
    placed = place(convolution(window, seed, then=then, density=0.7), SMALL[chip])
    if placed.fits:
        check(placed)


@settings(max_examples=20, deadline=None)
@given(sizes=sizes, seed=st.integers(0, 99), chip=st.sampled_from(sorted(SMALL)))
def test_fewer_bits_never_need_more_cores(sizes: list[int], seed: int, chip: str) -> None:
    made = dense(*sizes, seed=seed)

    def cores(bits: int) -> float:
        """Cores with weights that are the same at every width: only the field that they lie in differs."""
        weights = [replace(one, weight=np.sign(one.weight) * 2) for one in made.connections]
        plan = {"connections": {one.name: {"weight_bits": bits} for one in made.connections}}
        placed = place(replace(made, connections=tuple(weights), plan=plan), SMALL[chip])
        return placed.n_cores if placed.fits else np.inf

    found = [cores(bits) for bits in (2, 3, 4, 6, 8)]
    assert found == sorted(found)


@pytest.mark.parametrize("seed", range(12))
def test_random_cases_of_every_kind_are_placed(seed: int) -> None:
    made = random_case(seed).program
    for chip in (LOIHI2, SMALL["loihi2"]):
        placed = place(made, chip)
        if placed.fits:
            check(placed)


def test_neurons_of_a_layer_are_spread_evenly() -> None:
    placed = place(dense(4, 30, 2), smaller(LOIHI1, neurons_per_core=20))
    assert [one.n_neurons for one in placed.cores] == [15, 15, 2]


def test_a_loop_of_spikes_is_placed() -> None:
    weight = np.full((40, 40), 2)
    weight[0, 0] = -2
    layers = [layer("lif1", 40)]
    connections = [
        Connection("in", INPUT, "lif1", weight[:, :4]),
        Connection("back", "lif1", "lif1", weight),
    ]
    placed = place(program(4, layers, connections), smaller(LOIHI1, neurons_per_core=15, output_axons_per_core=42))
    check(placed)
    assert placed.n_cores == 3
    # Every neuron needs an axon to every core of its own layer.
    assert all(one.used["output_axons_per_core"] == one.n_neurons * placed.n_cores for one in placed.cores)
    # Cut finer, it needs as many: 40 neurons on k cores are 40 / k x k axons out of each.
    assert not place(program(4, layers, connections), smaller(LOIHI1, output_axons_per_core=39)).fits


def test_sparse_rows_are_stored_as_lists_and_dense_ones_are_not() -> None:
    sparse, full = (place(dense(300, 200, density=density), LOIHI1) for density in (0.05, 1.0))
    assert sparse.layer("lif1").encodings == {"fc1": "sparse"}
    assert full.layer("lif1").encodings == {"fc1": "dense"}
    assert (
        sparse.layer("lif1").whole["synapse_memory_bits_per_core"]
        < full.layer("lif1").whole["synapse_memory_bits_per_core"]
    )


def test_sources_without_a_weight_into_a_core_take_nothing_there() -> None:
    made = dense(10, 4)
    weight = made.connections[0].weight.copy()
    weight[:, 5:] = 0
    placed = place(replace(made, connections=(replace(made.connections[0], weight=weight),)), LOIHI1)
    assert placed.cores[0].used["input_axons_per_core"] == 5


def test_rows_with_exponents_of_their_own_are_lists_and_formats_of_their_own() -> None:
    made = dense(10, 4)
    one = replace(made.connections[0], weight_exp=np.array([-6, -6, -5, -5]))
    used = place(replace(made, connections=(one,)), LOIHI1).cores[0].used
    assert used["synapse_formats_per_core"] == 2
    assert used["input_axons_per_core"] == 20


def test_a_spike_to_rows_of_two_exponents_leaves_twice() -> None:
    made = dense(3, 10, 4)
    one = replace(made.connections[1], weight_exp=np.array([-6, -6, -5, -5]))
    placed = place(replace(made, connections=(made.connections[0], one)), LOIHI1)
    assert placed.cores[0].used["output_axons_per_core"] == 20


def test_a_kernel_is_stored_once_for_all_places_inside() -> None:
    """Loihi 1 keeps a list for each way an edge cuts the kernel: 1, 2, 3, 2, 1 rows of 3, so 9 x 9 taps of 9."""
    window = Window((2, 20, 20), 4, (3, 3))
    made = convolution(window)
    on1, on2 = (place(made, smaller(chip, neurons_per_core=4000)) for chip in (LOIHI1, LOIHI2))
    nonzero = np.count_nonzero(made.connections[0].weight, axis=0)
    assert nonzero.min() >= 1
    synapses = on1.layer("conv").whole["synapse_memory_bits_per_core"]
    unshared = 20 * 20 * 2 * 9 * 4 * 8
    assert synapses < unshared / 5
    # Loihi 2 cuts the kernel by itself: two input channels of 9 x 4 weights of 8 bits, in words of 32.
    assert on2.layer("conv").whole["synapse_memory_bits_per_core"] == 2 * 9 * 32
    assert on2.layer("conv").encodings == {"kernel": "shared kernel"}


@pytest.mark.parametrize("chip", [LOIHI1, LOIHI2], ids=lambda one: one.name)
def test_a_mean_over_places_has_one_list_for_all_of_them(chip: Chip) -> None:
    made = convolution(Window((6, 5, 4), 7, (5, 4)))
    same = np.repeat(np.repeat(made.connections[0].weight[:, :, :1, :1], 5, 2), 4, 3)
    alone = convolution(Window((6, 1, 1), 7, (1, 1)))
    alone = replace(alone, connections=(replace(alone.connections[0], weight=same[:, :, :1, :1]),))
    placed = place(replace(made, connections=(replace(made.connections[0], weight=same),)), chip)
    assert placed.layer("conv").whole["input_axons_per_core"] == 20
    shared, single, each = (
        one.layer("conv").whole["synapse_memory_bits_per_core"]
        for one in (placed, place(alone, chip), place(made, chip))
    )
    assert shared == single < each


def test_images_take_an_axon_for_each_place_whatever_the_channels() -> None:
    placed = place(convolution(Window((3, 6, 5), 2, (1, 1))), LOIHI1)
    assert placed.cores[0].used["input_axons_per_core"] == 30


def test_many_channels_are_cut_by_channel_where_the_kernel_is_what_is_large() -> None:
    window = Window((16, 4, 4), 64, (3, 3), padding=(1, 1))
    placed = place(convolution(window), smaller(LOIHI2, synapse_memory_bits_per_core=16 * 9 * 16 * 8))
    assert placed.layer("conv").order == "channels"
    assert placed.n_cores == 4
    check(placed)


def test_two_state_neurons_take_more_memory_on_loihi2_and_do_not_run_on_loihi1() -> None:
    made = next(
        one
        for one in (random_case(seed).program for seed in range(60))
        if {la.kind for la in one.layers} & {"adaptive", "resonator"}
    )
    cells = next(one for one in made.layers if one.kind in ("adaptive", "resonator"))
    refused = place(made, LOIHI1)
    assert not refused.fits
    assert any("need a neuron program" in said and cells.name in said for said in refused.problems)
    placed = place(made, LOIHI2)
    assert placed.layer(cells.name).whole["state_words_per_core"] >= 2 * cells.n_neurons


@pytest.mark.parametrize(
    ("weight", "exponent", "bits"),
    [
        ([0, 0], 0, 1),
        ([2, -2], 0, 2),
        ([254, -254], 0, 8),
        ([255, 0], 0, 8),
        ([64, 0], 0, 1),
        ([-6, 4], 0, 3),
        ([-6, 4], -8, 8),
    ],
)
def test_a_width_is_the_least_that_holds_the_weights_exactly(weight: list[int], exponent: int, bits: int) -> None:
    assert needed_bits(np.array(weight), exponent) == bits


def test_there_is_no_7_on_loihi1() -> None:
    made = replace(dense(4, 4), plan={"connections": {"fc1": {"weight_bits": 7}}})
    small = replace(made.connections[0], weight=np.sign(made.connections[0].weight) * 64 * 2)
    made = replace(made, connections=(small,))
    assert stored_bits(made, small, Limits.of(LOIHI1)) == 8
    assert stored_bits(made, small, Limits.of(LOIHI2)) == 7
    assert stored_bits(made, small, Limits.of(LOIHI1), narrow=True) == 2


def test_a_chip_without_a_limit_says_which() -> None:
    known = {key: one for key, one in LOIHI1.limits.items() if key != "input_axons_per_core"}
    with pytest.raises(ChipError, match=r"loihi1: has no limits\.input_axons_per_core.*choose one of loihi1, loihi2"):
        place(dense(2, 2), replace(LOIHI1, limits=known))


def test_a_chip_with_the_needed_limits_alone_will_do() -> None:
    def constant(key: str, value: float) -> Constant:
        return Constant(f"limits.{key}", value, "1", str(value), "this test", "documented")

    limits = {
        "cores_per_chip": 4,
        "neurons_per_core": 10,
        "input_axons_per_core": 99,
        "output_axons_per_core": 99,
        "synapse_memory_bits_per_core": 999,
    }
    chip = Chip("mine", "Mine", True, limits={key: constant(key, value) for key, value in limits.items()})
    placed = place(dense(5, 25, 2), chip)
    check(placed)
    assert placed.layer("lif1").n_cores == 3


def test_the_benchmarks_network_fits_a_chip() -> None:
    made: Program = work(1).program
    assert (place(made, LOIHI1).n_cores, place(made, LOIHI2).n_cores) == (8, 15)
