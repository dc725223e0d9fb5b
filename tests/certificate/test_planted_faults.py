"""One number of a Program is changed: whatever changes a state is found, and blamed on its layer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neurodeploy.backends import fixed
from neurodeploy.certificate.equations import first_violation
from neurodeploy.certificate.fields import different_fields
from neurodeploy.fixedpoint import rules
from neurodeploy.fixedpoint.dynamics.table import TABLE
from neurodeploy.program.decode import Decode
from tests.certificate.planted import Outcome, Subject, faults, outcome, subjects

FAULTS = 25
"""In each network; `benchmarks/planted_faults.py` plants 1,000 and more."""
NETWORKS = 13


@pytest.fixture(scope="module")
def networks() -> list[Subject]:
    return [*subjects()]


def test_networks_of_every_kind_are_there(networks: list[Subject]) -> None:
    assert len(networks) == NETWORKS
    assert {layer.kind for one in networks for layer in one.made.program.layers} == {"lif", *TABLE}
    assert {one.made.program.readout for one in networks} == set(rules.READOUTS)
    assert {getattr(layer, "reset", "subtract") for one in networks for layer in one.made.program.layers} == set(
        rules.RESETS
    )


@pytest.mark.parametrize("place", range(NETWORKS))
def test_what_changes_a_state_is_found_in_its_layer_and_nothing_else_is(place: int, networks: list[Subject]) -> None:
    one = networks[place]
    assert different_fields(one.made.program, one.made.program) == []
    drawn = faults(one.made.program, np.random.default_rng([11, place]))
    outcomes = [outcome(one, next(drawn)) for _ in range(FAULTS)]
    assert [one for one in outcomes if one.by_fields != one.layer] == []
    assert [one for one in outcomes if not _right(one)] == []
    assert sum(one.changes for one in outcomes) >= FAULTS // 3


def _right(one: Outcome) -> bool:
    if not one.changes:
        return not one.by_equations
    # A run with another number of steps does not show which start made it so.
    return bool(one.by_equations) if one.field == "start" else one.by_equations == one.layer


@pytest.mark.parametrize("readout", rules.READOUTS)
def test_what_the_host_makes_of_the_output_is_held_against_the_graph(readout: str, networks: list[Subject]) -> None:
    one = next(one for one in networks if one.made.program.readout == readout)
    n_steps, n_neurons = one.spikes.shape[1], one.made.program.layer(one.made.program.output).n_neurons
    steps = () if readout == "v_last" else (0.0,) * 3 + (1.0,) * (n_steps - 3)
    rows = tuple(tuple(float((row + column) % 3 - 1) for column in range(n_neurons)) for row in range(2))
    right = Decode(steps, rows, (0.5, 0.0))
    quantised, program = replace(one.made.quantised, decode=right), replace(one.made.program, decode=right)
    for decode in (right, replace(right, bias=(0.0, 0.0)), replace(right, matrix=rows[::-1])):
        found = replace(program, decode=decode)
        trace = fixed.run(found, one.spikes, record=True)
        violation = first_violation(quantised, one.made.plan, trace, one.spikes)
        assert (violation is None) == (decode is right)
        assert [each.field for each in different_fields(found, program)] == ([] if decode is right else ["decode"])
        assert violation is None or (violation.what, violation.layer) == ("score", program.output)
