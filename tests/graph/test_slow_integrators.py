"""Neurons without a leak, at a time step that makes them as good as silent: said, and never suggested."""

from __future__ import annotations

from pathlib import Path

import nir
import numpy as np
import pytest

import neurodeploy
from neurodeploy.backends import reference
from neurodeploy.errors import GraphError
from neurodeploy.graph.doctor.problems import of_slow, steps_to_first_spike
from tests.graph.images import chained, conv2d, network, neurons


def if_neurons(*shape: int, r: float = 1.0) -> nir.IF:
    ones = np.ones(shape)
    return nir.IF(r=r * ones, v_threshold=ones, v_reset=0 * ones)


def graph(weight: float = 0.0625) -> nir.NIRGraph:
    """Return the published case: an input of 1 and a weight of 0.0625 fire first at step 17, counted from 1."""
    return chained((1,), w=nir.Linear(np.array([[weight]])), n=if_neurons(1))


def test_the_steps_to_the_first_spike_are_those_of_the_reference() -> None:
    found = network(graph(), dt_s=1.0)
    assert steps_to_first_spike(found, found.populations[0]) == 17
    spikes = reference.run(found, np.ones((1, 60, 1), np.uint8), record=True).layers["n"].spikes_BTN[0, :, 0]
    assert int(spikes.argmax()) + 1 == 17


def test_of_a_convolution_every_place_of_the_kernel_counts() -> None:
    found = network(chained((1, 3, 3), w=conv2d(np.full((1, 1, 3, 3), 0.05)), n=if_neurons(1, 1, 1)), dt_s=1.0)
    assert steps_to_first_spike(found, found.populations[0]) == 3


def test_a_step_that_silences_them_is_a_problem_with_the_step_that_does_not() -> None:
    (problem,) = of_slow(network(graph(), dt_s=1e-4))
    assert "its first spike takes at least 160,001 steps of 0.0001 s" in problem.text
    assert problem.remedy == "give dt_s=1, which adds weights whole, if it was trained so"
    assert list(of_slow(network(graph(), dt_s=1.0))) == []
    assert list(of_slow(network(chained((1,), w=nir.Linear(np.eye(1)), n=neurons(1)), dt_s=1e-4))) == []
    (never,) = of_slow(network(graph(weight=-1.0), dt_s=1.0))
    assert "it never spikes" in never.text


def test_without_a_step_1e_4_is_not_suggested(tmp_path: Path) -> None:
    nir.write(tmp_path / "if.nir", graph())
    with pytest.raises(GraphError, match=r"IF neurons gain r \* dt of a weight in a step, so dt_s=1 where r is 1"):
        neurodeploy.compile(tmp_path / "if.nir", out=tmp_path / "p.npz")
    found = neurodeploy.inspect_graph(tmp_path / "if.nir")
    assert found["dt_s"] == 1.0
    assert not any("1e-4" in one["remedy"] for one in found["problems"])
    warned = neurodeploy.inspect_graph(tmp_path / "if.nir", dt_s=1e-4)["problems"]
    assert any("its first spike takes at least 160,001 steps" in one["text"] for one in warned)
