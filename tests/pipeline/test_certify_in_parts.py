"""A certificate made a few samples at a time says the same as one made at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import nir
import numpy as np
import pytest

from neurodeploy.backends.trace import LayerTrace
from neurodeploy.certificate.certify import potential_rms
from neurodeploy.data.stream import unlabelled
from neurodeploy.mapping.compile import Compiled, compile_network
from neurodeploy.pipeline import stage_runs
from neurodeploy.progress import silent
from tests.graph.images import chained, conv2d, network, neurons

RNG = np.random.default_rng(4)
SPIKES = (RNG.random((7, 12, 36)) < 0.3).astype(np.uint8)


@pytest.fixture
def made() -> Compiled:
    graph = chained(
        (1, 6, 6),
        a=conv2d(RNG.normal(size=(2, 1, 3, 3))),
        n=neurons(2, 4, 4),
        w=nir.Linear(RNG.normal(size=(3, 32))),
        m=neurons(3),
    )
    found = network(graph)
    return compile_network(found)


def certified(made: Compiled, spikes: np.ndarray) -> dict[str, Any]:
    return stage_runs.certified(("reference", "fixed"), made, made.quantised, unlabelled(spikes), None, 1.0, silent)


def test_parts_give_the_same_certificate_but_for_what_is_compared(
    made: Compiled, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = certified(made, SPIKES)
    monkeypatch.setattr(stage_runs, "MOST_STATES", 2 * 35 * 14)
    parts = certified(made, SPIKES)
    assert whole["stages"][1]["compared_samples"] == 7
    assert parts["stages"][1]["compared_samples"] == 2
    for key in ("passed", "samples", "bit_exact", "program"):
        assert parts[key] == whole[key]
    for key in ("samples", "accuracy", "overflows", "prediction_agreement", "equations"):
        assert parts["stages"][1][key] == whole["stages"][1][key]


def test_a_violation_in_a_later_part_is_found_with_its_sample(made: Compiled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_runs, "MOST_STATES", 2 * 35 * 14)
    first = made.program.connections[0]
    weight = first.weight.copy()
    weight[0, 0, 0, 0] += 60
    broken = replace(
        made, program=replace(made.program, connections=(replace(first, weight=weight), *made.program.connections[1:]))
    )
    spikes = SPIKES.copy()
    spikes[:5] = 0
    found = certified(broken, spikes)["stages"][1]["equations"]["first_violation"]
    assert found is not None
    assert found["sample"] >= 5


def test_integer_runs_checked_a_sample_at_a_time_give_the_same_certificate(
    made: Compiled, monkeypatch: pytest.MonkeyPatch
) -> None:
    def timeless(found: dict[str, Any]) -> dict[str, Any]:
        return found | {"stages": [stage | {"seconds": 0.0} for stage in found["stages"]]}

    whole = certified(made, SPIKES)
    monkeypatch.setattr(stage_runs, "MOST_CHECKED", 1)
    assert timeless(certified(made, SPIKES)) == timeless(whole)


def test_the_mean_difference_of_potentials_is_that_of_all_at_once(made: Compiled) -> None:
    layer: Any = made.program.layers[0]
    shape = (3, 1001, layer.n_neurons)
    spikes: np.ndarray = np.zeros(shape, bool)
    real, whole = RNG.normal(size=shape), RNG.integers(-999, 999, shape)
    expected = real * layer.v_per_unit + layer.v_offset
    found = potential_rms(LayerTrace(spikes, whole, whole), LayerTrace(spikes, real, real), layer)
    assert found == float(np.sqrt(np.mean(((whole - expected) / layer.potential_unit) ** 2)))
