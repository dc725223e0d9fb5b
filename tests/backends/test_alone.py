"""What a layer on the chip's grid loses alone is told apart from what has added up before it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neurodeploy.backends import reference
from neurodeploy.backends.reference import layers_alone
from neurodeploy.data.stream import unlabelled
from neurodeploy.graph.network import Network
from neurodeploy.mapping.compile import compile_network
from neurodeploy.pipeline.stage_runs import certified
from neurodeploy.progress import silent
from tests.backends.test_given_spikes import network, spikes


def spoilt(name: str) -> tuple[Network, Network]:
    """Return a network, and the same with the weights into one layer made coarse."""
    found = network(recurrent=True)
    coarse = tuple(replace(one, weight=np.round(one.weight)) if one.target == name else one for one in found.synapses)
    return found, replace(found, synapses=coarse)


@pytest.mark.parametrize("name", ["n1", "n2", "n3"])
def test_only_the_layer_at_fault_loses_something_alone(name: str) -> None:
    found, coarse = spoilt(name)
    data = spikes(5)
    real = reference.run(found, data, record=True)
    alone = layers_alone(coarse, data, real.layers)
    differs = {key: bool((mine.spikes_BTN != real.layers[key].spikes_BTN).any()) for key, mine in alone}
    assert differs == {key: key == name for key in ("n1", "n2", "n3")}
    with_all = reference.run(coarse, data, record=True)
    assert (with_all.layers["n3"].spikes_BTN != real.layers["n3"].spikes_BTN).any()


def test_a_certificate_tells_both_and_what_was_clipped() -> None:
    found, data = network(), spikes(20)
    made = compile_network(found, weight_bits=4)
    stage = certified(("reference", "fixed"), made, found, unlabelled(data), None, None, silent)["stages"][1]
    rows = {row["name"]: row for row in stage["layers"]}
    # The first layer hears the input alone, so that nothing has added up before it: the first 8 samples are one run.
    whole = reference.run(made.quantised, data[:8], record=True).layers["n1"]
    real = reference.run(found, data[:8], record=True).layers["n1"]
    both = int(whole.spikes_BTN.sum()) + int(real.spikes_BTN.sum())
    kept = 2 * int((whole.spikes_BTN & real.spikes_BTN).sum()) / both
    assert rows["n1"]["alone"] == {
        "spike_agreement": pytest.approx(kept),
        "potential_rms": pytest.approx(float(np.sqrt(((whole.v_BTN - real.v_BTN) ** 2).mean()))),
        "samples": 8,
    }
    assert rows["n3"]["alone"]["spike_agreement"] > rows["n3"]["spike_agreement"]
    limit = {one.name: np.abs(one.weight).max() for one in made.quantised.synapses}
    step = {one.name: np.diff(np.unique(np.abs(one.weight))).min() for one in made.quantised.synapses}
    for one in found.synapses:
        clipped = int((np.abs(one.weight) > limit[one.name] + step[one.name] / 2).sum())
        assert rows[one.target]["clipped_weights"] == clipped
    assert sum(row["clipped_weights"] for row in rows.values())
    assert any("are larger than the grid's largest" in note for note in made.program.notes)
