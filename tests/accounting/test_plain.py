"""Results to JSON and back: nothing is lost, and what is no such result is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from neurodeploy.accounting.counts import Counts
from neurodeploy.accounting.energy import Energy
from neurodeploy.accounting.latency import Latency
from neurodeploy.accounting.plain import Band
from neurodeploy.accounting.tally import tally
from neurodeploy.backends import fixed
from neurodeploy.errors import DataError
from neurodeploy.hardware.chips import chip_named
from neurodeploy.pipeline.costs import costs, counts_of
from tests.backends.lava_support import random_spikes, small_network


@pytest.mark.parametrize("name", ["loihi1", "loihi2", "truenorth"])
def test_what_a_run_costs_comes_back_from_its_json(name: str) -> None:
    program, chip = small_network(4), chip_named(name)
    spikes_BTI = random_spikes(3, n_samples=5, n_steps=14, n_inputs=5)
    trace = fixed.run(program, spikes_BTI, record=True, engine="plain")
    counts = counts_of(program, tally(trace))
    cost = costs(program, counts, tally(trace), chip, (trace, spikes_BTI), advise=False)
    assert Counts.from_dict(stored(counts.to_dict())) == counts
    assert Energy.from_dict(stored(cost.energy.to_dict())).to_dict() == cost.energy.to_dict()
    if cost.latency is not None:
        assert Latency.from_dict(stored(cost.latency.to_dict())).to_dict() == cost.latency.to_dict()
    assert stored(cost.to_dict()) == cost.to_dict()


def stored(values: dict[str, Any]) -> Any:
    return json.loads(json.dumps(values, allow_nan=False))


def test_keys_of_other_versions_are_passed_over_and_take_their_defaults() -> None:
    found = Counts.from_dict({"synops_per_sample": 3.0, "of_tomorrow": 1, "layers": [{"name": "lif", "neurons": 2}]})
    assert (found.synops_per_sample, found.macs_per_sample, found.layers[0].neurons) == (3.0, 0.0, 2)


@pytest.mark.parametrize("wrong", [{"low": 1.0, "mid": 2.0}, [1.0, 2.0, 3.0]])
def test_what_is_no_such_result_is_refused(wrong: Any) -> None:
    with pytest.raises(DataError, match=r"Band: (lacks one of high|is list, a table was expected)"):
        Band.from_dict(wrong)
