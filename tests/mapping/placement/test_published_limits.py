"""The limits that nengo-loihi publishes for Loihi 1, each reached and passed by one.

Source of the numbers written out here: nengo/nengo-loihi at e564f66e, `nengo_loihi/block.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from neurodeploy.hardware.chips import chip_named
from neurodeploy.mapping.placement import Placement, place
from neurodeploy.mapping.placement.encoding import index_bits, words
from neurodeploy.mapping.placement.limits import Limits
from neurodeploy.mapping.placement.placement import described
from neurodeploy.program.connection import Connection
from neurodeploy.program.program import INPUT, Program
from tests.backends.lava_support import layer, program
from tests.mapping.placement.networks import dense, diagonal, random_weights

LOIHI1, LOIHI2 = chip_named("loihi1"), chip_named("loihi2")


def binding(placement: Placement) -> tuple[str, str]:
    found = described(placement)["binding_limit"]
    return found["name"], found["message"]


def test_nengo_loihis_numbers_are_in_the_chip_file() -> None:
    limits = Limits.of(LOIHI1)
    most = limits.most
    assert most["neurons_per_core"] == 1024
    assert most["input_axons_per_core"] == most["output_axons_per_core"] == 4096
    assert most["synapse_memory_bits_per_core"] == 128 * 1024 * 8 == 1048576
    assert limits.weight_bits == (1, 2, 3, 4, 5, 6, 8)
    assert limits.index_bits == (6, 7, 8, 9, 10, 11, 12)
    assert limits.cores_per_chip == 128
    assert (most["neuron_parameter_sets_per_core"], most["threshold_sets_per_core"]) == (32, 8)
    assert most["synapse_formats_per_core"] == 8


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 5, 6, 8, 14, 20])
@pytest.mark.parametrize("n_weights", [0, 1, 5, 63, 64, 65, 127, 128, 1024, 4000])
def test_words_are_those_of_bits_per_axon(n_weights: int, bits: int) -> None:
    """Written out group by group: 64 synapses, a header of 4 + 6 bits, whole words of 64 bits."""
    expected = sum(-(-(min(64, n_weights - first) * bits + 10) // 64) for first in range(0, n_weights, 64))
    assert words(n_weights, bits, Limits.of(LOIHI1)) == expected


def test_words_of_several_axons_are_their_sum() -> None:
    limits = Limits.of(LOIHI1)
    lists = np.array([0, 1, 64, 65, 200])
    assert words(lists, 8, limits) == sum(words(int(one), 8, limits) for one in lists)


@pytest.mark.parametrize(("n_targets", "bits"), [(1, 6), (64, 6), (65, 7), (1024, 10), (1025, 11), (4096, 12)])
def test_an_index_is_6_to_12_bits_wide(n_targets: int, bits: int) -> None:
    assert index_bits(n_targets, Limits.of(LOIHI1)) == bits


def test_1024_neurons_fit_one_core_and_1025_need_a_second() -> None:
    assert place(diagonal(1024), LOIHI1).n_cores == 1
    two = place(diagonal(1025), LOIHI1)
    assert two.n_cores == 2
    name, message = binding(two)
    assert name == "neurons_per_core"
    assert message.startswith("lif1: 1,025 neurons are more than the 1,024 neurons of a loihi1 core")


def sources(n_inputs: int) -> Program:
    """Return two neurons, one of which hears all but one input and the other the last."""
    weight = np.zeros((2, n_inputs), np.int64)
    weight[0, :-1] = weight[1, -1] = 2
    weight[0, 0] = -2
    return program(n_inputs, [layer("lif1", 2)], [Connection("fc1", INPUT, "lif1", weight)])


def test_4096_input_axons_fit_one_core_and_4097_need_a_second() -> None:
    assert place(sources(4096), LOIHI1).n_cores == 1
    two = place(sources(4097), LOIHI1)
    assert two.n_cores == 2
    name, message = binding(two)
    assert name == "input_axons_per_core"
    assert message.startswith("lif1: 4,097 input axons are more than the 4,096 input axons of a loihi1 core")


def memory(n_more: int) -> Program:
    """Return 1024 neurons whose 113 full rows take 144 words each, and `n_more` sources with one synapse: a word each.

    113 x 144 + 112 = 16,384 words.
    """
    more = np.zeros((1024, n_more), np.int64)
    more[np.arange(n_more), np.arange(n_more)] = np.resize([2, -2], n_more)
    connections = [
        Connection("full", INPUT, "lif1", random_weights(1024, 113 + n_more), -6),
        Connection("single", "other", "lif1", more, -6),
    ]
    full = connections[0].weight
    full[:, 113:] = 0
    other = Connection("in", INPUT, "other", np.eye(n_more, 113 + n_more, dtype=np.int64) * 2)
    layers = [layer("other", n_more), layer("lif1", 1024, start=2)]
    return program(113 + n_more, layers, [other, *connections])


def test_16384_words_of_synapse_memory_fit_one_core_and_one_more_needs_a_second() -> None:
    full = place(memory(112), LOIHI1)
    assert full.layer("lif1").n_cores == 1
    assert full.layer("lif1").whole["synapse_memory_bits_per_core"] == 16384 * 64
    over = place(memory(113), LOIHI1)
    assert over.layer("lif1").whole["synapse_memory_bits_per_core"] == 16385 * 64
    assert over.layer("lif1").n_cores == 2
    name, message = binding(over)
    assert name == "synapse_memory_bits_per_core"
    assert "1,048,640 bits of synapse memory are more than the 1,048,576 bits" in message


def test_output_axons_count_every_core_that_a_spike_goes_to() -> None:
    """1024 neurons that each reach 5 cores need 5120 axons out, so they take two cores themselves."""
    made = dense(4, 1024, 590)
    placed = place(made, LOIHI1)
    n_targets = placed.layer("lif2").n_cores
    assert n_targets == 5
    assert placed.layer("lif1").n_cores == 2
    assert placed.layer("lif1").stopped == {"output_axons_per_core": 1}
    assert placed.layer("lif1").whole["output_axons_per_core"] == 5 * 1024


@pytest.mark.parametrize(
    ("key", "most", "limit"), [("du", 32, "neuron_parameter_sets_per_core"), ("vth", 8, "threshold_sets_per_core")]
)
def test_sets_of_parameters_are_limited(key: str, most: int, limit: str) -> None:
    def network(n_sets: int) -> Program:
        values: dict[str, Any] = {key: 100 + np.minimum(np.arange(64), n_sets - 1)}
        return dense(4, 64, **values)

    assert place(network(most), LOIHI1).n_cores == 1
    two = place(network(most + 1), LOIHI1)
    assert (two.n_cores, binding(two)[0]) == (2, limit)
    assert place(network(most + 1), LOIHI2).n_cores == 1  # a program reads its parameters from memory


@pytest.mark.parametrize(("delay", "neurons"), [(6, 1024), (7, 512), (62, 128)])
def test_longer_delays_leave_fewer_neurons(delay: int, neurons: int) -> None:
    made = diagonal(neurons + 1)
    delays = np.zeros(made.connections[0].weight.shape, np.int64)
    delays[0, 0] = delay
    waiting = Connection("fc1", INPUT, "lif1", made.connections[0].weight, delay=delays)
    placed = place(program(neurons + 1, made.layers, [waiting]), LOIHI1)
    assert placed.n_cores == 2
    assert max(one.n_neurons for one in placed.cores) <= neurons


def test_a_delay_of_each_synapse_takes_bits_and_a_shared_one_none() -> None:
    made = dense(64, 64)
    one = made.connections[0]
    shared = Connection("fc1", INPUT, "lif1", one.weight, -6, delay=3)
    own = Connection("fc1", INPUT, "lif1", one.weight, -6, delay=np.resize([0, 1, 2, 3], one.weight.shape))
    bits = [
        place(program(64, made.layers, [which]), LOIHI1).cores[0].used["synapse_memory_bits_per_core"]
        for which in (one, shared, own)
    ]
    assert bits[0] == bits[1] == 64 * 64 * words(64, 8, Limits.of(LOIHI1))
    assert bits[2] == 64 * 64 * words(64, 8 + 2, Limits.of(LOIHI1))


def test_a_neuron_with_more_inputs_than_a_core_has_axons_does_not_fit() -> None:
    placed = place(dense(4097, 3), LOIHI1)
    assert not placed.fits
    assert placed.n_cores == 0
    assert len(placed.problems) == 1
    assert placed.problems[0].startswith(
        "lif1: neuron 0 alone needs 4,097 input axons, more than the 4,096 input axons of a loihi1 core"
    )
    found = described(placed)
    assert (found["fits"], found["cores"]) == (False, None)
    assert found["binding_limit"]["used"] == 4097
    assert place(dense(4097, 3), LOIHI2).fits


def test_a_chip_too_small_is_followed_by_another() -> None:
    placed = place(diagonal(3 * 1024), LOIHI1)
    assert (placed.n_cores, placed.n_chips) == (3, 1)
    large = place(dense(4, 129 * 1024, density=0.5), LOIHI1)
    assert large.n_cores >= 129
    assert large.n_chips == -(-large.n_cores // 128)
    assert {one.chip for one in large.cores} == set(range(large.n_chips))
