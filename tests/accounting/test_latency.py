"""Steps as long as their busiest core: against a count spike by spike, and against what is measured."""

from __future__ import annotations

import itertools
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest

from neurodeploy.accounting.latency import Prices, between, core_times, latency, steps_of
from neurodeploy.accounting.routes import routes, traffic_of
from neurodeploy.accounting.tally import tally
from neurodeploy.backends.trace import Trace
from neurodeploy.conformance.generate import random_case
from neurodeploy.errors import DataError
from neurodeploy.hardware.chip import Chip
from neurodeploy.hardware.chips import chip_named
from neurodeploy.hardware.constants import Constant
from neurodeploy.mapping.placement import Placement, place
from neurodeploy.mapping.placement.limits import Limits
from neurodeploy.mapping.placement.placement import Mesh
from neurodeploy.program.program import INPUT, Program
from neurodeploy.program.window import Window
from neurodeploy.verbs.simulate import simulate
from tests.mapping.placement.networks import convolution, dense

LOIHI1, LOIHI2 = chip_named("loihi1"), chip_named("loihi2")


def chip_of(chip: Chip, times: dict[str, float] | None = None, **limits: int) -> Chip:
    """Return a chip with other limits, and other times."""
    changed = {
        key: replace(chip.limits[key], value=float(value), values=(float(value),)) for key, value in limits.items()
    }
    own = chip.times if times is None else {key: constant(key, one) for key, one in times.items()}
    return replace(chip, limits={**chip.limits, **changed}, times=own)


def constant(key: str, value: float) -> Constant:
    return Constant(f"times.{key}", value, "s", f"{value} s", "this test", "model")


def run(made: Program, n_samples: int = 2, n_steps: int = 6, rate: float = 0.4) -> tuple[np.ndarray, Trace]:
    """Return input spikes and the recorded run on them."""
    spikes = np.random.default_rng(1).random((n_samples, n_steps, made.n_inputs)) < rate
    return spikes, simulate(made, spikes.astype(np.uint8), record=True, engine="plain")


def networks() -> list[Program]:
    small = dense(20, 30, 12, density=0.3, weight_exp=0, vth=300)
    image = convolution(Window((2, 7, 6), 4, (3, 3), (2, 1), (1, 1)), density=0.7, then=5, weight_exp=1)
    return [small, image]


def counted(made: Program, placed: Placement, spikes: dict[str, np.ndarray], n_steps: int) -> dict[str, np.ndarray]:
    """Return synops, messages in and out and spikes of every step and core, one spike at a time."""
    found = {key: np.zeros((n_steps, placed.n_cores)) for key in ("synops", "in", "out", "spikes")}
    for name, core_N in placed.core_of.items():
        for step, neuron in np.argwhere(spikes[name]):
            found["spikes"][step, core_N[neuron]] += 1
    for one in made.connections:
        weight_OI = one.window.unrolled(one.held) if one.window else one.held
        whole_rows = placed.layer(one.target).encodings[one.name] == "dense"
        core_O = placed.core_of[one.target]
        for step, source in np.argwhere(spikes[one.source]):
            for core in np.unique(core_O[weight_OI[:, source] != 0]):
                mine = core_O == core
                found["in"][step, core] += 1
                found["synops"][step, core] += mine.sum() if whole_rows else (weight_OI[mine, source] != 0).sum()
                if one.source != INPUT:
                    found["out"][step, placed.core_of[one.source][source]] += 1
    return found


@pytest.mark.parametrize("made", networks(), ids=["dense", "image"])
@pytest.mark.parametrize("base", [LOIHI1, LOIHI2], ids=["loihi1", "loihi2"])
def test_times_are_those_of_a_count_spike_by_spike(made: Program, base: Chip) -> None:
    prices = {"synop_s": 1.0, "neuron_update_s": 1e3, "spike_s": 1e5, "axon_in_s": 7.0, "message_s": 1e4}
    chip = chip_of(base, prices, neurons_per_core=11)
    placed = place(made, chip)
    assert placed.n_cores > len(made.layers)
    given, trace = run(made, n_samples=1)
    n_steps = made.n_steps(trace.n_input_steps)
    spikes = {name: one.spikes_BTN[0] != 0 for name, one in trace.layers.items()}
    spikes[INPUT] = np.concatenate([given[0], np.zeros((n_steps - len(given[0]), made.n_inputs), bool)])
    assert all(one.any() for one in spikes.values())
    expected = counted(made, placed, spikes, n_steps)
    memory, compute, traffic = core_times(routes(made, placed), placed, spikes, Prices(chip))[..., 1]
    neurons = np.array([one.n_neurons for one in placed.cores])
    np.testing.assert_array_equal(memory, expected["synops"])
    np.testing.assert_array_equal(compute, 1e3 * neurons + 1e5 * expected["spikes"])
    np.testing.assert_array_equal(traffic, 7 * expected["in"] + 1e4 * expected["out"])
    found = latency(made, placed, trace, chip, spikes_BTI=given).to_dict()
    busiest = np.maximum.reduce([memory, compute, traffic]).max(axis=1)
    assert found["latency_s"] == pytest.approx(busiest.sum(), rel=1e-12)
    assert found["step_s"]["max"] == busiest.max()
    assert found["latency_band_s"]["high"] == pytest.approx((memory + compute + traffic).max(axis=1).sum(), rel=1e-12)
    assert (found["exact"], found["samples"], found["steps"]) == (True, 1, n_steps)


@pytest.mark.parametrize("made", networks(), ids=["dense", "image"])
def test_messages_and_hops_are_those_of_every_spike(made: Program) -> None:
    chip = chip_of(LOIHI1, neurons_per_core=3, cores_per_tile=2, mesh_columns=3)
    placed = place(made, chip)
    _, trace = run(made)
    summed = tally(trace)
    found = asdict(traffic_of(made, placed, summed.spikes, summed.n_samples))
    hops = {"ew": 0, "ns": 0}
    sent = arriving = 0
    for one in made.connections:
        weight_OI = one.window.unrolled(one.held) if one.window else one.held
        core_O = placed.core_of[one.target]
        for source in range(one.n_inputs):
            times = summed.spikes[one.source][source]
            for core in np.unique(core_O[weight_OI[:, source] != 0]):
                arriving += times
                if one.source != INPUT:
                    here, there = int(placed.core_of[one.source][source]) // 2, int(core) // 2
                    hops["ew"] += times * abs(here % 3 - there % 3)
                    hops["ns"] += times * abs(here // 3 - there // 3)
                    sent += times
    assert min(hops.values()) > 0
    assert found["messages_per_sample"] == sent / 2
    assert found["messages_in_per_sample"] == arriving / 2
    assert (found["hops_ew_per_sample"], found["hops_ns_per_sample"]) == (hops["ew"] / 2, hops["ns"] / 2)
    assert (found["cores"], found["chips"], found["chip_crossings_per_sample"]) == (placed.n_cores, 1, 0)


@pytest.mark.parametrize(
    "window",
    [
        Window((2, 9, 8), 4, (3, 3), padding=(1, 1), dilation=(2, 2)),
        Window((2, 4, 4), 4, (2, 2), (2, 2), padding=(5, 5)),  # some cores see nothing
        Window((4, 6, 5), 4, (3, 2), (2, 1), padding=(1, 0), groups=2),
    ],
)
def test_a_convolutions_routes_are_those_of_its_matrix(window: Window) -> None:
    made = convolution(window, density=0.7, then=3)
    placed = place(made, chip_of(LOIHI1, neurons_per_core=5))
    one, kernel = routes(made, placed)[0], made.connections[0]
    there_OI, core_O = window.unrolled(kernel.held) != 0, placed.core_of["conv"]
    synops_IC = np.stack([there_OI[core_O == core].sum(axis=0) for core in one.cores], axis=1)
    np.testing.assert_array_equal(one.synops_IC.toarray(), synops_IC)
    np.testing.assert_array_equal(one.reaches_IC.toarray(), synops_IC > 0)


def test_rows_of_several_exponents_send_a_message_each_the_whole_way() -> None:
    made = dense(20, 30, 12, density=0.3, weight_exp=0, vth=300)
    first, second = made.connections
    exponents_O = np.arange(12) % 3 - 1
    made = replace(made, connections=(first, replace(second, weight_exp=exponents_O)))
    placed = place(made, chip_of(LOIHI1, neurons_per_core=4, cores_per_tile=2, mesh_columns=3))
    one, core_O, core_I = routes(made, placed)[1], placed.core_of["lif2"], placed.core_of["lif1"]
    messages_IC, hops_I = np.zeros((30, len(one.cores))), np.zeros((30, 2))
    for source, (place_, core) in itertools.product(range(30), enumerate(one.cores)):
        rows = (core_O == core) & (second.held[:, source] != 0)
        messages_IC[source, place_] = messages = len(np.unique(exponents_O[rows]))
        here, there = int(core_I[source]) // 2, int(core) // 2
        hops_I[source] += messages * np.array([abs(here % 3 - there % 3), abs(here // 3 - there // 3)])
    np.testing.assert_array_equal(one.reaches_IC.toarray(), messages_IC)
    np.testing.assert_array_equal(one.hops_I[:, :2], hops_I)
    assert (messages_IC > 1).any()


def test_ways_from_chip_to_chip_are_counted_apart() -> None:
    made = dense(20, 30, 12, density=0.3, weight_exp=0, vth=300)
    chip = chip_of(LOIHI1, neurons_per_core=11, cores_per_chip=3)
    placed = place(made, chip)
    assert placed.n_chips > 1
    _, trace = run(made)
    summed = tally(trace)
    found = asdict(traffic_of(made, placed, summed.spikes, summed.n_samples))
    assert found["chip_crossings_per_sample"] == found["messages_per_sample"] > 0
    assert found["hops_ew_per_sample"] == 0
    assert "ways from chip to chip" in latency(made, placed, trace, chip).to_dict()["unpriced"]


def test_a_messages_way_goes_along_rows_then_columns() -> None:
    mesh = Mesh.of(128, Limits.of(LOIHI1))
    ways = mesh.ways(np.array([0, 3, 127]), np.array([0, 4, 127]))
    np.testing.assert_array_equal(ways[0], [[0, 1, 7], [0, 1, 7], [7, 6, 0]])
    np.testing.assert_array_equal(ways[1], [[0, 0, 3], [0, 0, 3], [3, 3, 0]])


def test_the_barrier_and_the_longest_way_are_added_to_every_step() -> None:
    made = networks()[0]
    times = {"synop_s": 1.0, "hop_ew_s": 10.0, "hop_ns_s": 100.0, "barrier_s": 1e4}
    chip = chip_of(LOIHI1, times, neurons_per_core=11, cores_per_tile=1, mesh_columns=2)
    placed = place(made, chip)  # five cores: lif1 on 0, 1, 2 and lif2 on 3, 4
    assert placed.n_cores == 5
    # From core 0 at (0, 0) to core 4 at (0, 2), or from 1 at (1, 0) to 4: 1 column and 2 rows.
    assert between(routes(made, placed), placed, Prices(chip))[1] == 1e4 + 10 + 200
    given, trace = run(made)
    found = latency(made, placed, trace, chip, spikes_BTI=given).to_dict()
    assert found["between_s"] == 1e4 + 210
    assert found["latency_s"] > found["steps"] * found["between_s"]


def test_without_recorded_states_the_mean_step_stands_for_all() -> None:
    made = networks()[0]
    chip = chip_of(LOIHI1, neurons_per_core=11)
    placed = place(made, chip)
    given, trace = run(made, n_samples=4)
    exact, mean = (
        latency(made, placed, trace, chip, spikes_BTI=given).to_dict(),
        latency(made, placed, trace, chip).to_dict(),
    )
    assert (exact["exact"], mean["exact"]) == (True, False)
    assert mean["latency_s"] <= exact["latency_s"]
    # What every core does in sum is the same, so the means of single cores are too.
    for one, other in zip(exact["by_core"], mean["by_core"], strict=True):
        assert one["memory_s"] == pytest.approx(other["memory_s"], rel=1e-5)
        assert one["compute_s"] == pytest.approx(other["compute_s"], rel=1e-5)
    summed = latency(made, placed, tally(trace), chip).to_dict()
    assert summed["latency_s"] == mean["latency_s"]


def test_a_layer_is_reported_by_its_busiest_core() -> None:
    made = networks()[0]
    chip = chip_of(LOIHI1, neurons_per_core=11)
    placed = place(made, chip)
    given, trace = run(made)
    found = latency(made, placed, trace, chip, spikes_BTI=given).to_dict()
    for row, layer in zip(found["by_layer"], placed.layers, strict=True):
        own = [one for one in found["by_core"] if one["layer"] == layer.name]
        assert row["layer"] == layer.name
        assert row["step_s"] == max(one["step_s"] for one in own)
        assert row["step_s"] == row[f"{row['bound']}_s"]
    assert sum(found["bound"].values()) == pytest.approx(1)
    assert found["latency_band_s"]["low"] <= found["latency_s"] <= found["latency_band_s"]["high"]
    assert found["step_s"]["mean"] == pytest.approx(found["latency_s"] / found["steps"])


def test_every_constant_has_a_source_and_what_has_none_is_said() -> None:
    made = networks()[0]
    _, trace = run(made)
    one = latency(made, place(made, LOIHI1), trace, LOIHI1).to_dict()
    two = latency(made, place(made, LOIHI2), trace, LOIHI2).to_dict()
    for found in (one, two):
        assert all(value["source"] and value["evidence"] for value in found["constants"].values())
    assert "messages leaving a core" in two["unpriced"]
    assert "messages leaving a core" not in one["unpriced"]
    assert two["measured_step_s"]["evidence"] == "measured"
    nothing = chip_of(LOIHI2, {"barrier_s": 1.0})
    empty = latency(made, place(made, nothing), trace, nothing).to_dict()
    assert (empty["latency_s"], empty["latency_band_s"], empty["step_s"]) == (None, None, None)
    assert "synops" in empty["unpriced"]


@pytest.mark.parametrize("seed", range(8))
def test_random_networks_of_every_kind_have_a_latency(seed: int) -> None:
    case = random_case(seed)
    made = case.program
    placed = place(made, LOIHI2)
    trace = simulate(made, case.spikes, record=True, engine="plain")
    found: dict[str, Any] = latency(made, placed, trace, LOIHI2, spikes_BTI=case.spikes).to_dict()
    assert 0 < found["latency_band_s"]["low"] <= found["latency_s"] <= found["latency_band_s"]["high"]


def test_a_trace_of_another_network_is_refused() -> None:
    made, other = networks()
    placed = place(made, LOIHI1)
    given, trace = run(other)
    with pytest.raises(DataError, match=r"^trace: "):
        latency(made, placed, trace, LOIHI1, spikes_BTI=given)
    given, trace = run(made)
    with pytest.raises(DataError, match=r"^placement: is of another network"):
        latency(made, place(other, LOIHI1), trace, LOIHI1)
    with pytest.raises(DataError, match=r"^spikes_BTI: input of shape \(2, 5, 20\)"):
        latency(made, placed, trace, LOIHI1, spikes_BTI=given[:, :5])
    large = dense(5000, 2)
    nowhere, trace = place(large, LOIHI1), run(large, 1, 2)[1]
    with pytest.raises(DataError, match=r"^placement: test does not fit loihi1; lif1: neuron 0 alone needs 5,000"):
        latency(large, nowhere, trace, LOIHI1)


@pytest.mark.data
def test_the_measured_step_of_pilotnet_is_within_the_band() -> None:
    """From Intel's recorded spikes of one frame; measured: 152.8 us a step on 74 cores, with other frames."""
    from tests.conformance.lava_dl import folder, read, recorded, steps_first
    from tests.needs import data_folder

    data_folder("lava_dl")
    made, arrays = read(folder() / "netx_gts" / "pilotnet_lif" / "network.net"), recorded("pilotnet_lif")
    names = ("input", "conv-0", "conv-1", "conv-2", "conv-3", "conv-4", "fc-0", "fc-1", "fc-2")
    spikes = {str(index): steps_first(arrays[name]) != 0 for index, name in enumerate(names)}
    spikes |= {"9": np.zeros((24, 1), bool), INPUT: np.zeros((24, made.n_inputs), bool)}
    placed = place(made, LOIHI2)
    assert (placed.n_cores, placed.n_chips) == (47, 1)
    found, prices = routes(made, placed), Prices(LOIHI2)
    step_TK, bound_T = steps_of(core_times(found, placed, spikes, prices), between(found, placed, prices))
    low, mid, high = 1e6 * step_TK.mean(axis=0)
    assert low < 152.8 < high
    assert (round(low), round(mid), round(high)) == (89, 267, 284)
    assert bound_T.tolist() == [0] * 24


def test_rows_of_two_exponents_get_two_messages() -> None:
    made = dense(3, 10, 4, vth=1, weight_exp=0)
    one = replace(made.connections[1], weight_exp=np.array([0, 0, 1, 1]))
    two = replace(made, connections=(made.connections[0], one))
    found = [asdict(traffic_of(net, place(net, LOIHI1), tally(run(made)[1]).spikes, 2)) for net in (made, two)]
    assert found[1]["messages_per_sample"] == 2 * found[0]["messages_per_sample"] > 0
    given, trace = run(two)
    first = [latency(net, place(net, LOIHI1), trace, LOIHI1, spikes_BTI=given).by_core[0] for net in (made, two)]
    assert first[1].traffic_s > first[0].traffic_s
