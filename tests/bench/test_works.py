"""The work is the same everywhere, and fires as promised."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from neurodeploy.backends import fixed
from neurodeploy.bench.stages import stages_of
from neurodeploy.bench.workloads import DENSITY, N_STEPS, SIZES, Work, dense, from_graph
from neurodeploy.errors import NeurodeployError
from neurodeploy.program.layer import Layer
from tests.bench.support import work_of
from tests.cli import graphs


@pytest.fixture(scope="module")
def work() -> Work:
    return dense(8)


def test_it_is_the_same_each_time(work: Work) -> None:
    again = dense(8)
    assert again.program.digest == work.program.digest
    np.testing.assert_array_equal(again.spikes_BTI, work.spikes_BTI)


def test_more_samples_leave_the_network_and_the_first_samples_alone(work: Work) -> None:
    more = dense(9)
    assert more.program.digest == work.program.digest
    np.testing.assert_array_equal(more.spikes_BTI[:8], work.spikes_BTI)


def test_sizes_steps_and_input_density_are_the_promised_ones(work: Work) -> None:
    assert work.sizes == list(SIZES)
    assert work.spikes_BTI.shape == (8, N_STEPS, SIZES[0])
    assert work.spikes_BTI.mean() == pytest.approx(DENSITY, rel=0.02)


def test_every_layer_fires_in_seven_and_a_half_percent_of_its_steps(work: Work) -> None:
    trace = fixed.run(work.program, work.spikes_BTI)
    for counts in trace.counts.values():
        assert counts.mean() / N_STEPS == pytest.approx(0.075, abs=0.01)
    assert not any(number for layer in trace.overflows.values() for number in layer.values())


def test_biases_exponents_and_both_signs_are_on(work: Work) -> None:
    layers = [work.program.layer(name) for name in ("lif1", "lif2", "lif3")]
    assert all(np.unique(layer.bias_mant).size > 10 and layer.bias_exp for layer in layers)
    assert {int(one.weight_exp) for one in work.program.connections} == {1, 0, -1}
    assert all(one.weight.min() < -128 and one.weight.max() > 127 for one in work.program.connections)


def test_batches_go_through_the_samples_and_start_again(work: Work) -> None:
    np.testing.assert_array_equal(work.batch(3, 1), work.spikes_BTI[3:6])
    np.testing.assert_array_equal(work.batch(3, 2), work.spikes_BTI[[6, 7, 0]])


def test_a_network_in_a_file_is_a_work(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("graph")
    graph, data = graphs.write_good(folder / "good.nir"), graphs.write_data(folder / "data.npz")
    made = from_graph(str(graph), str(data), dt_s=graphs.DT_S)
    assert made.sizes == [graphs.CHANNELS, graphs.HIDDEN, graphs.CLASSES]
    np.testing.assert_array_equal(made.spikes_BTI, graphs.spikes())


def test_stages_hold_the_weights_in_units_of_the_threshold(work: Work) -> None:
    for stage, layer, one in zip(stages_of(work.program), work.program.layers, work.program.connections, strict=True):
        expected = one.held * 2.0 ** float(one.weight_exp) / work.program.layer(layer.name).vth[0]
        np.testing.assert_allclose(stage.weight, expected, rtol=1e-6)  # float32 has 24 bits
        assert (stage.alpha, stage.beta) == (3072 / 4096, 3687 / 4096)


def test_a_network_that_is_no_chain_is_refused() -> None:
    work = work_of((3, 4, 2), recurrent=True)
    with pytest.raises(NeurodeployError, match="no link of a plain chain"):
        stages_of(work.program)


def test_neurons_that_peers_do_not_have_are_refused(work: Work) -> None:
    first, *rest = work.program.layers
    assert isinstance(first, Layer)
    kinds: tuple[dict[str, Any], ...] = (
        {"vth": first.vth + np.arange(first.n_neurons) % 2},
        {"refractory": 3},
        {"clear_every": 5},
    )
    for changed in kinds:
        program = dataclasses.replace(work.program, layers=(dataclasses.replace(first, **changed), *rest))
        with pytest.raises(NeurodeployError, match="no link of a plain chain"):
            stages_of(program)
