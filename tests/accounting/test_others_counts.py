"""Counts that others published or recorded: Sinabs, the SiLIF paper's script, and Intel's PilotNet.

Axes: B sample, T step, I input, N neuron; (K, C, Y, X) channels, rows and columns.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurodeploy.accounting.counts import Weights, count_layer
from neurodeploy.backends.trace import Trace
from neurodeploy.errors import DataError
from neurodeploy.pipeline.costs import synops_of
from neurodeploy.program.window import Window
from tests.conformance.lava_dl import folder, read, recorded, steps_first
from tests.neurons.silif import golden

pytestmark = pytest.mark.data

SINABS = "sinabs_synops"
SAMPLES, STEPS = 4, 5
CALLS = 5
"""The recorded model keeps its potentials from call to call; its firing rates are those of the fifth."""


def sinabs() -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    where = Path(os.environ["NEURODEPLOY_DATA"]) / SINABS
    with np.load(where / "synops_reference.npz") as arrays:
        return dict(arrays), json.loads((where / "synops_reference.json").read_text())


def per_entry(layer: Weights | Window | np.ndarray, fed: np.ndarray) -> dict[str, Any]:
    """Return the counts of a layer where the leading axis holds steps of several samples: per step."""
    return count_layer(layer, fed.reshape(len(fed), 1, -1))


@pytest.mark.parametrize("index", range(18))
def test_sinabs_convolutions(index: int) -> None:
    arrays, told = sinabs()
    case = told["conv_layer_synops_per_timestep"][index]
    size, stride, padding = case["kernel_size"], case["stride"], case["padding"]
    window = Window((3, 9, 9), 5, (size, size), (stride, stride), (padding, padding))
    found = per_entry(window, arrays["input"])
    assert found["by_convention"]["value_weighted"] == case["synops"]
    assert found["synops_per_sample"] < case["synops"]  # a count of 2 is one event


class IntegrateAndFire:
    """Sinabs' IAF: several spikes a step, reset by subtraction, potentials that stay from call to call."""

    def __init__(self) -> None:
        self.v: Any = 0.0

    def __call__(self, fed: np.ndarray) -> np.ndarray:
        """Return the spikes (samples x steps, …), counts."""
        fed = fed.reshape(SAMPLES, STEPS, *fed.shape[1:])
        sent = np.empty_like(fed)
        for step in range(STEPS):
            self.v = self.v + fed[:, step]
            sent[:, step] = np.floor(np.maximum(self.v, 0))
            self.v = self.v - sent[:, step]
        return sent.reshape(SAMPLES * STEPS, *fed.shape[2:])


def test_sinabs_model() -> None:
    """Average pools divide a count, which Sinabs takes back: the sum of the pooled spikes, not their mean."""
    arrays, told = sinabs()
    first = Weights(arrays["conv0_weight"], Window((3, 9, 9), 6, (3, 3), padding=(1, 1)))
    second = Weights(arrays["conv3_weight"], Window((6, 4, 4), 4, (2, 2), (2, 2)))
    hidden, output = IntegrateAndFire(), IntegrateAndFire()
    for _ in range(CALLS):
        fed = arrays["input"].reshape(SAMPLES * STEPS, -1).astype(np.float64)
        assert first.window
        assert second.window
        spikes = hidden(first.window.apply(fed, first.weight.astype(np.float64)).reshape(-1, 6, 9, 9))
        pooled = spikes[:, :, :8, :8].reshape(-1, 6, 4, 2, 4, 2).sum(axis=(3, 5))
        flat = second.window.apply(pooled.reshape(len(pooled), -1) / 4, second.weight.astype(np.float64))
        sent = output(flat @ arrays["linear5_weight"].T.astype(np.float64) + arrays["linear5_bias"])
    np.testing.assert_allclose(spikes.mean(axis=0), arrays["firing_rate_per_neuron_1"], atol=1e-7)
    np.testing.assert_allclose(sent.mean(axis=0), arrays["firing_rate_per_neuron_6"], atol=1e-7)
    expected = told["model_synops_per_timestep"]
    assert per_entry(first, arrays["input"])["by_convention"]["value_weighted"] == expected["0"]
    # A mean in float32 of 2064 operations.
    assert pooled.sum() * 4 == round(expected["3"] * len(pooled)) == 2064
    assert per_entry(second, pooled)["by_convention"]["value_weighted"] == 2064 / len(pooled)
    # What the last layer is fed has no neurons before it: real numbers of both signs, summed as they are.
    last = per_entry(arrays["linear5_weight"], flat)
    assert last["by_convention"]["value_weighted"] == pytest.approx(expected["5"], rel=1e-6)
    assert last["macs_per_sample"] == last["synops_per_sample"] == np.count_nonzero(flat) * 3 / len(flat)


@pytest.mark.parametrize("model", ["silif", "csilif", "cadlif", "rf"])
@pytest.mark.parametrize("mode", ["zero", "rand"])
def test_the_silif_papers_script(model: str, mode: str) -> None:
    arrays = golden(f"ssc_full_{model}")
    hidden = [np.unpackbits(arrays[f"{mode}.f64.spikes{index}"].numpy(), axis=-1) for index in (0, 1)]
    fed = [arrays["x"].numpy(), *hidden]
    found = [
        count_layer(np.ones((width, one.shape[-1])), one)["by_convention"]["silif_paper"]
        for one, width in zip(fed, (512, 512, 35), strict=True)
    ]
    assert sum(found) == float(arrays[f"{mode}.f64.sop"])


PILOTNET = ["input", "conv-0", "conv-1", "conv-2", "conv-3", "conv-4", "fc-0", "fc-1", "fc-2"]
PILOTNET_STEPS = 24


def pilotnet() -> tuple[Any, Trace]:
    """Return PilotNet behind its input layer, and the recorded spikes of every layer but the last as a Trace."""
    arrays = recorded("pilotnet_lif")
    program = read(folder() / "netx_gts" / "pilotnet_lif" / "network.net", first=1)
    sent = [steps_first(arrays[name]).sum(axis=0)[None] for name in PILOTNET]
    counts = dict(zip([layer.name for layer in program.layers], [*sent[1:], np.zeros((1, 1), np.int64)], strict=True))
    trace = Trace("recorded", PILOTNET_STEPS, program.output, sent[0], counts, {}, {}, 1.0)
    return program, trace


def test_pilotnet_by_intels_recorded_spikes() -> None:
    program, trace = pilotnet()
    counts = synops_of(program, trace).to_dict()
    per_step = {name: value / PILOTNET_STEPS for name, value in counts["by_convention"].items()}
    assert per_step["all_weights"] == pytest.approx(3.04e6, rel=2e-3)
    assert per_step["nonzero_weights"] < per_step["all_weights"]
    sent = (counts["input_spikes_per_sample"] + counts["spikes_per_sample"]) / PILOTNET_STEPS
    assert sent == pytest.approx(46_605, abs=1)
    assert program.n_inputs + sum(layer["neurons"] for layer in counts["layers"]) == 158_509
    assert counts["input_spikes_per_sample"] / PILOTNET_STEPS / program.n_inputs == pytest.approx(0.887, abs=5e-4)
    assert {row["kind"] for row in counts["connections"]} == {"conv", "dense"}


def test_pilotnet_does_not_take_another_networks_trace() -> None:
    _, trace = pilotnet()
    fewer = read(folder() / "netx_gts" / "pilotnet_lif" / "network.net", first=1, last=8)
    with pytest.raises(DataError, match="trace: has a layer '9', which the network has not"):
        synops_of(fewer, trace)
