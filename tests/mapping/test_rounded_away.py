"""What rounds to zero on the chip is said when a network is compiled."""

from __future__ import annotations

import nir
import numpy as np

from neurodeploy.mapping.compile import compile_network
from tests.graph.images import chained, network, neurons


def notes(graph: nir.NIRGraph, dt_s: float = 1e-3) -> list[str]:
    made = compile_network(network(graph, dt_s=dt_s))
    return [one for one in made.program.notes if "to zero" in one or "reaches" in one]


def if_neurons(n: int) -> nir.IF:
    return nir.IF(r=np.ones(n), v_threshold=np.ones(n), v_reset=np.zeros(n))


def test_a_connection_of_which_nothing_is_left_and_what_it_silences() -> None:
    rng = np.random.default_rng(0)
    nodes = {
        "a": nir.Linear(0.002 + 0.01 * rng.random((3, 4))),
        "n": if_neurons(3),
        "b": nir.Linear(rng.random((2, 3))),
    }
    graph = chained((4,), **nodes, m=if_neurons(2))
    found = notes(graph, dt_s=1e-4)
    assert found[0].startswith("a: all 12 of its weights round to zero, so nothing passes from input to n; ")
    assert found[-1] == "no spike and no bias reaches n, m: what rounds to zero silences them"
    assert notes(graph, dt_s=1.0) == []


def test_single_weights_and_biases_that_round_to_zero_are_counted() -> None:
    weight = np.array([[1.0, 0.001, -0.5], [0.0, 0.0005, 0.25]])
    graph = chained((3,), a=nir.Affine(weight, np.array([1e-7, 0.5])), n=neurons(2))
    assert notes(graph) == [
        "2 of 5 weights round to zero (most in a: 40 %)",
        "n: 1 of 2 biases round to zero",
    ]


def test_a_bias_keeps_a_layer_from_being_called_silenced() -> None:
    graph = chained((3,), a=nir.Affine(np.full((2, 3), 1e-9), np.full(2, 0.5)), n=neurons(2))
    assert [one.partition(",")[0] for one in notes(graph)] == ["a: all 6 of its weights round to zero"]
