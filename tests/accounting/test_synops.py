"""Counts by hand, and conservation between what is sent and what is counted."""

from __future__ import annotations

import numpy as np
import pytest

from neurodeploy.accounting.counts import count
from neurodeploy.accounting.tally import tally
from neurodeploy.backends import fixed
from neurodeploy.pipeline.costs import synops_of
from neurodeploy.program.connection import Connection
from neurodeploy.program.program import INPUT
from tests.backends.lava_support import layer, program


def test_a_network_small_enough_to_count_by_hand() -> None:
    weights = np.array([[254, 0], [2, -2], [0, 0]])
    made = program(2, [layer("a", 3, vth=1, du=4095, dv=4095)], [Connection("c", INPUT, "a", weights, 0)])
    spikes = np.array([[[1, 0], [1, 1]], [[0, 0], [0, 1]]], dtype=np.uint8)
    trace = fixed.run(made, spikes)
    counts = synops_of(made, trace).to_dict()
    # Channel 0 drives 2 synapses and spikes 2 times in all, channel 1 drives 1 and spikes 2 times.
    assert counts["synops_per_sample"] == (2 * 2 + 2 * 1) / 2
    assert counts["by_convention"]["all_weights"] == (4 * 3) / 2
    assert counts["steps"] == 3
    assert counts["neuron_updates_per_sample"] == 3 * 3
    assert counts["input_spikes_per_sample"] == 2


def test_counts_equal_the_events_of_a_recorded_run() -> None:
    generator = np.random.default_rng(4)
    weights = generator.integers(-20, 20, (6, 5)) * 2
    recurrent = generator.integers(-20, 20, (6, 6)) * 2
    connections = [Connection("c", INPUT, "a", weights, 0), Connection("r", "a", "a", recurrent, 0)]
    made = program(5, [layer("a", 6, vth=20, du=2000, dv=500)], connections)
    spikes = (generator.random((7, 30, 5)) < 0.4).astype(np.uint8)
    trace = fixed.run(made, spikes, record=True)
    states = trace.layers["a"].spikes_BTN
    by_hand = sum(int(np.count_nonzero(weights[:, i])) * int(spikes[:, :, i].sum()) for i in range(5))
    by_hand += sum(int(np.count_nonzero(recurrent[:, i])) * int(states[:, :, i].sum()) for i in range(6))
    counts = count(made.connections, {"a": 6}, tally(trace), made.n_steps(30)).to_dict()
    assert states.sum() > 0
    assert counts["synops_per_sample"] * 7 == pytest.approx(by_hand, rel=1e-12)
