"""A page of what the other rooms say of a real run: every number is in the report, whatever the chip prices."""

from __future__ import annotations

from typing import Any

import pytest

from neurodeploy.accounting.crossover import crossover
from neurodeploy.accounting.tally import tally
from neurodeploy.backends import fixed
from neurodeploy.hardware.chips import chip_named
from neurodeploy.pipeline.costs import costs, counts_of
from neurodeploy.report.page import render
from tests.backends.lava_support import random_spikes, small_network
from tests.report.example import example
from tests.report.numbers import problems
from tests.report.rendered import written
from tests.report.test_page import Page

ANN = {
    "accuracy": {"float": 0.98, "quantised": 0.975},
    "weight_bits": 8,
    "activation_bits": 5,
    "macs_per_sample": 47,
    "weights": 47,
    "activations_per_sample": 9,
    "parameters": 60,
}


def measured(chip_name: str) -> dict[str, Any]:
    """Return the example with the costs of a small network's run on a chip."""
    program, chip = small_network(4), chip_named(chip_name)
    spikes_BTI = random_spikes(3, n_samples=5, n_steps=14, n_inputs=5)
    trace = fixed.run(program, spikes_BTI, record=True, engine="plain")
    counts = counts_of(program, tally(trace))
    found = costs(program, counts, tally(trace), chip, (trace, spikes_BTI))
    devices: dict[str, Any] = {
        "records": [],
        "notes": [],
        "ann": ANN,
        "crossover": crossover(counts, found.energy, ANN, []),
    }
    return written(example() | {"counts": counts.to_dict(), "devices": devices} | found.to_dict())


@pytest.mark.parametrize("chip", ["loihi1", "loihi2", "truenorth", "gpu_h100"])
def test_every_number_of_a_real_run_is_in_its_report(chip: str) -> None:
    report = measured(chip)
    html = render(report)
    assert problems(html, report) == []
    text = Page(html).text
    assert report["energy"]["title"] in text
    assert all(line in text for line in report["energy"]["unpriced"])
    for holder in ("energy", "fit", "latency"):
        for constant in ((report[holder] or {}).get("constants") or {}).values():
            assert constant["source"] in text
    if report["fit"] is None:
        assert f"no limits of {report['energy']['chip']} are known" in text
    else:
        assert "Fits on " in text
        assert "bound by " in text.lower()


def test_a_network_that_does_not_fit_has_no_latency_and_says_why() -> None:
    report = measured("loihi2")
    report["fit"] |= {"fits": False, "problems": ["lif1: one neuron has 9 synapses too many"], "cores": None}
    report["fit"] |= {"chips": None, "limits": [], "layers": [], "core_list": []}
    report["latency"] = None
    html = render(report)
    assert problems(html, report) == []
    text = Page(html).text
    assert "Does not fit" in text
    assert "one neuron has 9 synapses too many" in text
    assert "A network that does not fit has no latency." in text
