"""The published cost models: read like chips, each number with its source."""

from __future__ import annotations

import pytest

from neurodeploy.errors import ChipError
from neurodeploy.hardware.cost_models import cost_model, cost_models


def test_each_constant_and_claim_has_its_source() -> None:
    assert cost_models() == ("dampfhoffer2023", "lemaire2022", "yan2024")
    for name in cost_models():
        found = cost_model(name)
        assert found.title
        assert found.costs or found.crossover
        for one in (*found.costs.values(), *found.crossover.values()):
            assert one.source
            assert one.operating_point
            assert one.least <= one.value <= one.most


def test_the_numbers_are_those_of_the_papers() -> None:
    yan, dampfhoffer = cost_model("yan2024"), cost_model("dampfhoffer2023")
    assert yan.costs["accumulate"].value == pytest.approx(0.0545e-12, rel=1e-9, abs=0)
    assert yan.costs["event_bit"].value / yan.costs["moved_bit"].value == pytest.approx(12, rel=1e-9, abs=0)
    assert (yan.crossover["spikes_per_neuron_step"].low, yan.crossover["spikes_per_neuron_step"].high) == (0.057, 0.064)
    one = dampfhoffer.crossover["spikes_per_synapse_inference"]
    assert (one.low, one.high) == (0.15, 1.38)


def test_an_unknown_model_suggests_the_nearest() -> None:
    with pytest.raises(ChipError, match="did you mean 'yan2024'"):
        cost_model("yan2025")
