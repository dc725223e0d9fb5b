"""Intel's recorded layer traces, reproduced in every integer by our simulator.

The recordings come with lava-dl (github.com/lava-nc/lava-dl, commit d825ac5, BSD-3-Clause,
`tests/lava/lib/dl/netx/gts`). What they hold besides plain states:

- PilotNet, spiking: a neuron that spikes has potential 128 in the record, and starts its next step
  from 0. The states of layer i are cleared before the steps i and i + 17, counted from 0. The last
  layer was recorded in another run: cleared every 16 steps, and one step earlier (lava-dl's
  `reset_interval=16`).
- Tiny network: each layer is shifted back by the steps that its input travels, and step 0 is empty.
- Dense layer and tiny network: currents before the alignment shift of 6 bits.

Axes: B sample, T step, N neuron of a layer.
"""

from __future__ import annotations

import numpy as np
import pytest

from neurodeploy.backends.fixed.run import run
from neurodeploy.backends.trace import LayerTrace
from neurodeploy.fixedpoint import rules
from neurodeploy.program.connection import Connection
from neurodeploy.program.program import INPUT, Program
from tests.backends.lava_support import layer, program
from tests.conformance.lava_dl import BIAS_EXPONENT, folder, read, recorded, steps_first

pytestmark = pytest.mark.data

PILOTNET = ["input", "conv-0", "conv-1", "conv-2", "conv-3", "conv-4", "fc-0", "fc-1", "fc-2", "fc-3"]
PILOTNET_STEPS = 24
PILOTNET_PERIOD = 17
SPIKING = 128
TINY_PERIOD = 17


def traces(simulated: Program, spikes_TN: np.ndarray) -> dict[str, LayerTrace]:
    """Return the states of every layer in the steps of the input."""
    trace = run(simulated, spikes_TN[None], record=True)
    return {name: states.steps(0, len(spikes_TN)) for name, states in trace.layers.items()}


def silence(simulated: Program, n_steps: int) -> np.ndarray:
    return np.zeros((n_steps, simulated.n_inputs), np.uint8)


def assert_as_recorded(states: LayerTrace, arrays: dict[str, np.ndarray], name: str) -> None:
    spikes_TN = steps_first(arrays[name]).astype(bool)
    assert spikes_TN.any()
    np.testing.assert_array_equal(states.spikes_BTN[0], spikes_TN)
    if name in ("input", "conv-0"):  # recorded without their states
        return
    np.testing.assert_array_equal(states.u_BTN[0], steps_first(arrays[f"{name}-u"]))
    potential_TN = steps_first(arrays[f"{name}-v"])
    np.testing.assert_array_equal(states.v_BTN[0][~spikes_TN], potential_TN[~spikes_TN])
    assert (states.v_BTN[0][spikes_TN] == 0).all()
    assert (potential_TN[spikes_TN] == SPIKING).all()


@pytest.mark.parametrize("index", range(1, 9), ids=lambda index: PILOTNET[index])
def test_a_spiking_layer_fed_by_the_recorded_spikes_before_it(index: int) -> None:
    arrays = recorded("pilotnet_lif")
    network = folder() / "netx_gts" / "pilotnet_lif" / "network.net"
    alone = read(network, first=index, last=index, clear_every=PILOTNET_PERIOD)
    found = traces(alone, steps_first(arrays[PILOTNET[index - 1]]))
    assert_as_recorded(found[str(index)], arrays, PILOTNET[index])


@pytest.mark.parametrize("first", [0, 1], ids=["from the image", "from the input spikes"])
def test_the_whole_spiking_network(first: int) -> None:
    arrays = recorded("pilotnet_lif")
    network = folder() / "netx_gts" / "pilotnet_lif" / "network.net"
    image_N = steps_first(arrays["image"][..., None])[0]
    whole = read(network, first=first, last=8, image_N=image_N, clear_every=PILOTNET_PERIOD)
    found = traces(whole, steps_first(arrays["input"]) if first else silence(whole, PILOTNET_STEPS))
    assert len(found) == 9 - first
    for name, states in found.items():
        assert_as_recorded(states, arrays, PILOTNET[int(name)])


def test_the_last_spiking_layer_in_a_run_of_its_own() -> None:
    arrays = recorded("pilotnet_lif")
    network = folder() / "netx_gts" / "pilotnet_lif" / "network.net"
    image_N = steps_first(arrays["image"][..., None])[0]
    whole = read(network, image_N=image_N, clear_every=16, clear_first=-1)
    states = traces(whole, silence(whole, arrays["fc-3-u"].shape[1]))["9"]
    np.testing.assert_array_equal(states.u_BTN[0], arrays["fc-3-u"].T)
    np.testing.assert_array_equal(states.v_BTN[0], arrays["fc-3-v"].T)
    np.testing.assert_array_equal(states.spikes_BTN[0], arrays["fc-3-s"].T)
    assert np.count_nonzero(arrays["fc-3-u"]) == 4


def test_other_reset_steps_give_another_record() -> None:
    """The resets matter: a period of 16 agrees until the second of them only."""
    arrays = recorded("pilotnet_lif")
    network = folder() / "netx_gts" / "pilotnet_lif" / "network.net"
    alone = read(network, first=2, last=2, clear_every=16)
    states = traces(alone, steps_first(arrays["conv-0"]))["2"]
    same_T = (states.v_BTN[0] == np.where(steps_first(arrays["conv-1"]), 0, steps_first(arrays["conv-1-v"]))).all(1)
    assert same_T[:18].all()
    assert not same_T[18]


def test_the_dense_layer() -> None:
    """2000 steps; threshold and decays from lava-dl's `test_blocks.py`, which compares the spikes only."""
    arrays = recorded("dense")
    only = layer("only", 256, du=4095, dv=415, vth=6, bias_exp=BIAS_EXPONENT)
    dense = program(200, [only], [Connection("to it", INPUT, "only", arrays["weight"])])
    states = traces(dense, steps_first(arrays["in"]))["only"]
    np.testing.assert_array_equal(states.spikes_BTN[0], arrays["out"].T)
    np.testing.assert_array_equal(states.u_BTN[0], steps_first(arrays["current"]) << rules.ALIGN_SHIFT)
    assert arrays["out"].sum() == 1826


def test_the_tiny_network() -> None:
    arrays = recorded("tinynet")
    network = folder() / "netx" / "tiny.net"
    image_N = steps_first(arrays["input_bias"][..., None])[0]
    tiny = read(network, image_N=image_N, clear_every=TINY_PERIOD)
    # Lava flips kernels and has the channel last.
    np.testing.assert_array_equal(
        tiny.connections[1].weight[..., ::-1, ::-1], arrays["layer1_kernel"].transpose(0, 3, 2, 1)
    )
    n_steps = arrays["input"].shape[-1]
    found = traces(tiny, silence(tiny, n_steps + 2))
    for index, name in enumerate(("input", "layer1", "output")):
        spikes_TN = _tiny(arrays[name])
        assert spikes_TN.any()
        assert not spikes_TN[0].any()
        np.testing.assert_array_equal(found[str(index)].spikes_BTN[0, index : n_steps - 1 + index], spikes_TN[1:])
    current_TN = _tiny(arrays["current"])
    assert not current_TN[0].any()
    np.testing.assert_array_equal(found["1"].u_BTN[0, 1:n_steps], current_TN[1:] << rules.ALIGN_SHIFT)


def _tiny(values: np.ndarray) -> np.ndarray:
    """Return the one sample, recorded with the axes (C, Y, X, T), as (T, N)."""
    return steps_first(values[0].transpose(2, 1, 0, 3))


def test_the_sigma_delta_network() -> None:
    """Sums of two layers over 20 steps, and the output's over 9, from the recorded messages of layer 0."""
    arrays = recorded("pilotnet_sdnn")
    network = folder() / "netx_gts" / "pilotnet_sdnn" / "network.net"
    found = traces(read(network, first=1), steps_first(arrays["act0"]))
    assert len(found) == 8
    for index in (1, 2):
        np.testing.assert_array_equal(found[str(index)].u_BTN[0], steps_first(arrays[f"sigma{index}"]))
    np.testing.assert_array_equal(found["8"].spikes_BTN[0, :9], arrays["output"].T)


def test_the_sigma_delta_network_with_a_square_input() -> None:
    arrays = recorded("pilotnet_sdnn")
    network = folder() / "netx_gts" / "pilotnet_sdnn" / "square_network.net"
    found = traces(read(network, first=1), steps_first(arrays["act0"][:33, :33]))
    assert len(found) == 4
    for name, states in found.items():
        np.testing.assert_array_equal(states.u_BTN[0], steps_first(arrays[f"sigma{name}_square"]))


def test_the_delta_layer_sends_the_recorded_messages() -> None:
    """The image stays on; our connection brings it one step later than Lava's source."""
    arrays = recorded("pilotnet_sdnn")
    network = folder() / "netx_gts" / "pilotnet_sdnn" / "network.net"
    messages_TN = steps_first(arrays["act0"])
    image_TN = np.repeat(steps_first(arrays["input"]), len(messages_TN) + 1, axis=0)
    states = traces(read(network, last=0), image_TN)["0"]
    np.testing.assert_array_equal(states.spikes_BTN[0, 1:], messages_TN)
