"""One number of a Program is changed: whatever changes a state is found, and blamed on its layer."""

from __future__ import annotations

import numpy as np
import pytest

from neurodeploy.certificate.fields import different_fields
from neurodeploy.fixedpoint import rules
from neurodeploy.fixedpoint.dynamics.table import TABLE
from tests.certificate.planted import Outcome, Subject, faults, outcome, subjects

FAULTS = 25
"""In each network; `benchmarks/planted_faults.py` plants 1,000 and more."""
NETWORKS = 12


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
