"""Counting batch by batch: exact sums and spreads, values, loops, constant memory, and Traces that do not belong.

Axes: B sample, T step, I channel, N neuron.
"""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from neurodeploy.accounting.counts import count
from neurodeploy.accounting.tally import Spread, Tally
from neurodeploy.backends import fixed
from neurodeploy.backends.table import BACKENDS, RunOptions
from neurodeploy.backends.trace import Trace, one_after_another
from neurodeploy.errors import DataError
from neurodeploy.pipeline.batches import counter_of, run_batches, summary
from neurodeploy.pipeline.costs import counts_of, synops_of
from neurodeploy.program.connection import Connection
from neurodeploy.program.program import INPUT, Program
from tests.backends.lava_support import layer, program, sigma_delta, small_network


def spikes_for(made: Program, n_samples: int, seed: int = 3, n_steps: int = 20) -> np.ndarray:
    """Return spikes (B, T, I) whose density grows from sample to sample."""
    random = np.random.default_rng(seed)
    density = np.linspace(0.1, 0.6, n_samples)[:, None, None]
    return (random.random((n_samples, n_steps, made.n_inputs)) < density).astype(np.uint8)


def graded_network() -> Program:
    """Return a Program that takes values and sends them between its layers."""
    weight = np.array([[2, 0, 4], [6, 2, -2]])
    first = sigma_delta("a", 2, vth=1)
    second = sigma_delta("b", 1, start=2)
    connections = [Connection("in", INPUT, "a", weight), Connection("on", "a", "b", np.array([[2, 4]]))]
    return program(3, [first, second], connections, graded_input=True)


def test_narrow_counts_are_summed_as_wide_ones_are() -> None:
    made = small_network(5)
    trace = fixed.run(made, spikes_for(made, 300))
    narrow = one_after_another([trace])
    assert {one.dtype for one in narrow.counts.values()} == {np.dtype(np.uint8)}
    assert max(one.sum(axis=0).max() for one in narrow.counts.values()) > 255
    assert synops_of(made, narrow) == synops_of(made, trace)
    np.testing.assert_array_equal(counter_of(made).synops(narrow), counter_of(made).synops(trace))


def test_synops_of_each_sample_by_recorded_spikes() -> None:
    made = small_network(5)  # with a loop
    spikes = spikes_for(made, 9)
    trace = fixed.run(made, spikes, record=True)
    by_hand = np.zeros(9, np.int64)
    for one in made.connections:
        sent_BTN = spikes if one.source == INPUT else trace.layers[one.source].spikes_BTN
        for (b, _, n), fired in np.ndenumerate(sent_BTN):
            by_hand[b] += int(fired) * int((one.weight[:, n] != 0).sum())
    counts = synops_of(made, trace).to_dict()
    np.testing.assert_array_equal(counter_of(made).synops(trace), by_hand)
    assert any(row["recurrent"] and row["synops_per_sample"] for row in counts["connections"])
    assert counts["synops"] == {
        "mean": by_hand.sum() / 9,
        "min": by_hand.min(),
        "max": by_hand.max(),
        "sd": pytest.approx(by_hand.std(), rel=1e-12),
    }
    assert counts["synops_per_sample"] == counts["synops"]["mean"]
    forward = [row["dense_synops_per_sample"] for row in counts["connections"] if not row["recurrent"]]
    assert counts["by_convention"]["silif_paper"] == pytest.approx(sum(forward), rel=1e-12)
    assert sum(forward) < counts["by_convention"]["all_weights"]
    assert counts["macs_per_sample"] == 0


def test_batches_of_any_size_give_the_same_counts() -> None:
    made = small_network(5)
    spikes = spikes_for(made, 9)
    whole = synops_of(made, fixed.run(made, spikes)).to_dict()
    counter = counter_of(made)
    for size in (1, 2, 8):
        batches = [spikes[first : first + size] for first in range(0, 9, size)]
        found = summary(run_batches(BACKENDS["fixed"], made, batches, 9, RunOptions(threads=1)), 9, counter)
        assert counts_of(made, found.tally, counter).to_dict() == whole
    without = summary(run_batches(BACKENDS["fixed"], made, batches, 9, RunOptions(threads=1)), 9)
    assert counts_of(made, without.tally).to_dict() == whole | {"synops": None}


def test_layers_hold_what_arrives_and_what_leaves() -> None:
    made = small_network(5)
    counts = synops_of(made, fixed.run(made, spikes_for(made, 4))).to_dict()
    assert sum(one["synops_per_sample"] for one in counts["layers"]) == counts["synops_per_sample"]
    from_input = [row["messages_per_sample"] for row in counts["connections"] if row["source"] == INPUT]
    sent = sum(one["messages_per_sample"] for one in counts["layers"])
    assert sent + sum(from_input) == counts["messages_per_sample"] > 0


def test_a_message_goes_to_every_connection_with_a_weight_for_it() -> None:
    weight = np.array([[2, 0], [4, 0]])
    layers = [layer("a", 2, vth=1), layer("b", 2, vth=1)]
    connections = [
        Connection("one", INPUT, "a", weight),
        Connection("two", INPUT, "b", np.full((2, 2), 2)),
    ]
    counts = synops_of(made := program(2, layers, connections), fixed.run(made, np.ones((1, 5, 2), np.uint8))).to_dict()
    assert [row["messages_per_sample"] for row in counts["connections"]] == [5, 10]
    assert counts["messages_per_sample"] == 15


@pytest.mark.parametrize("record", [True, False])
def test_values_between_layers_are_known_where_they_were_recorded(record: bool) -> None:
    made = graded_network()
    fed = np.zeros((2, 6, 3), np.int32)
    fed[0, 0], fed[0, 2], fed[1, 1] = (3, 0, -1), (1, 1, 1), (0, 5, 0)
    trace = fixed.run(made, fed, record=record)
    counts = synops_of(made, trace).to_dict()
    fan_out = np.array([2, 1, 2])
    first, second = counts["connections"]
    events = np.count_nonzero(fed, axis=(0, 1))
    assert first["synops_per_sample"] == first["macs_per_sample"] == events @ fan_out / 2
    assert first["by_convention"]["value_weighted"] == fed.sum() * 2 / 2
    assert first["by_convention"]["binary_only"] == 0
    sent = trace.counts["a"].sum(axis=0)
    assert sent.sum() > 0
    assert counts["macs_per_sample"] == counts["synops_per_sample"] == first["synops_per_sample"] + sent.sum() / 2
    if record:
        messages = trace.layers["a"].spikes_BTN
        assert second["by_convention"]["value_weighted"] == messages.sum() / 2
        assert second["by_convention"]["binary_only"] == 0
        assert counts["by_convention"]["value_weighted"] == (fed.sum() * 2 + messages.sum()) / 2
    else:
        assert second["by_convention"]["value_weighted"] is None
        assert second["by_convention"]["binary_only"] is None
        assert counts["by_convention"]["norse"] is None
    assert (
        counts["by_convention"]["all_weights"] == counts["connections"][0]["dense_synops_per_sample"] + sent.sum() / 2
    )


def test_an_input_of_counts_that_are_all_0_and_1_is_binary() -> None:
    weight = np.array([[2, 4], [6, 8]])
    made = program(2, [layer("a", 2)], [Connection("in", INPUT, "a", weight)], graded_input=True)
    fed = np.array([[[1, 0], [1, 1]], [[0, 0], [0, 1]]], np.int32)
    for most, expected in ((1, 4.0), (2, 0.0)):
        batches = [fed[:1], most * fed[1:]]
        found = summary(run_batches(BACKENDS["fixed"], made, batches, 2, RunOptions(threads=1)), 2, counter_of(made))
        counts = counts_of(made, found.tally).to_dict()
        assert counts["by_convention"]["binary_only"] == expected
        assert counts["by_convention"]["value_weighted"] == 3 + most
        assert counts["macs_per_sample"] == counts["synops_per_sample"] == 4
        joined = one_after_another([fixed.run(made, one) for one in batches])
        assert synops_of(made, joined).to_dict() == counts


def test_a_spread_is_exact_beyond_64_bits() -> None:
    big = np.array([(1 << 40) - 1, (1 << 40) + 1])
    found = Spread.of(big)
    for _ in range(20):
        found += found
    assert found.n == 2 << 20
    assert found.plain() == {"mean": float(1 << 40), "min": big[0], "max": big[1], "sd": 1.0}


def one_trace(made: Program, n_samples: int) -> Trace:
    return fixed.run(made, spikes_for(made, n_samples, n_steps=8), threads=1)


def test_memory_does_not_grow_with_the_samples() -> None:
    made = small_network(5)
    trace, counter = one_trace(made, 64), counter_of(made)
    peaks = []
    for n_batches in (50, 200):
        tracemalloc.start()
        sums = counter.tally(trace)
        for _ in range(n_batches):
            sums = sums + counter.tally(trace)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 2000  # bytes, for what Python itself keeps; a sample's spikes take more


@pytest.mark.parametrize(
    ("names", "n_channels", "said"),
    [
        (("hiden", "readout"), 5, "trace: has a layer 'hiden', which the network has not; did you mean 'hidden'"),
        (("readout",), 5, "trace: has no layer 'hidden', which the network has"),
        (("hidden", "readout"), 4, "trace: 'input' has 4 neurons, the network's has 5"),
        (("readout", "hidden"), 5, "trace: 'hidden' has 3 neurons, the network's has 6"),
    ],
    ids=["another layer", "a layer less", "another input", "other sizes"],
)
def test_a_trace_of_another_program(names: tuple[str, ...], n_channels: int, said: str) -> None:
    made = small_network(5)
    trace = one_trace(made, 2)
    of_sizes = {"hidden": trace.counts["hidden"], "readout": trace.counts["readout"]}
    counts = dict(zip(names, list(of_sizes.values())[-len(names) :], strict=True))
    other = replace(trace, counts=counts, input_counts_BI=trace.input_counts_BI[:, :n_channels])
    with pytest.raises(DataError, match=said) as raised:
        synops_of(made, other)
    assert "\n" not in str(raised.value)
    assert raised.value.exit_status == 2


def test_tallies_of_other_runs_are_not_summed() -> None:
    made = small_network(5)
    counter = counter_of(made)
    some, longer = (counter.tally(fixed.run(made, spikes_for(made, 2, n_steps=steps))) for steps in (4, 5))
    with pytest.raises(DataError, match="are not of one run"):
        some + longer
    with pytest.raises(DataError, match="has 2 neurons"):
        count(counter.connections, counter.sizes, Tally(1, 1, {name: np.zeros(2) for name in some.spikes}), 1)
