"""lava-dl's trained networks through our files: recorded traces and every integer are kept.

The recordings are those of `test_recorded_traces`. Here the image is the input of the converted network, so
everything happens one step later than it was recorded.
"""

from __future__ import annotations

from pathlib import Path

import nir
import numpy as np
import pytest

import neurodeploy
from neurodeploy.formats.lava_dl.read import read_net
from neurodeploy.formats.nir_to_program import carried_program
from neurodeploy.graph.files import read_graph
from tests.conformance.lava_dl import folder, recorded, steps_first
from tests.conformance.test_recorded_traces import PILOTNET, PILOTNET_PERIOD, PILOTNET_STEPS, assert_as_recorded

pytestmark = pytest.mark.data

NETWORKS = (
    "mnist/trained_mnist_network",
    "mnist_bootstrap/network",
    "netx/tiny",
    "netx_gts/pilotnet_lif/network",
    "netx_gts/pilotnet_sdnn/network",
    "netx_gts/pilotnet_sdnn/square_network",
    "oxford/network",
    "pilotnet_sdnn/network",
    "pilotnet_snn/network",
)


def test_the_recorded_spiking_network_from_its_converted_file(tmp_path: Path) -> None:
    """Currents, potentials and spikes of every recorded layer in all 24 steps, both resets included."""
    out = tmp_path / "pilotnet.nir"
    network = folder() / "netx_gts" / "pilotnet_lif" / "network.net"
    neurodeploy.convert(network, out=out, reset_interval=PILOTNET_PERIOD)
    arrays = recorded("pilotnet_lif")
    image_N = steps_first(arrays["image"][..., None])[0]
    image_TN = np.broadcast_to(image_N, (1, PILOTNET_STEPS, len(image_N)))
    trace = neurodeploy.simulate(out, image_TN, record=True)
    for name, states in zip(PILOTNET[:-1], list(trace.layers.values())[:-1], strict=True):
        assert_as_recorded(states.steps(1, PILOTNET_STEPS + 1), arrays, name)


def test_the_last_layer_was_recorded_in_a_run_of_its_own(tmp_path: Path) -> None:
    """Cleared every 16 steps, and one step earlier."""
    out = tmp_path / "pilotnet.nir"
    network = folder() / "netx_gts" / "pilotnet_lif" / "network.net"
    neurodeploy.convert(network, out=out, reset_interval=16, reset_offset=-1)
    arrays = recorded("pilotnet_lif")
    image_N = steps_first(arrays["image"][..., None])[0]
    steps = arrays["fc-3-u"].shape[1]
    trace = neurodeploy.simulate(out, np.broadcast_to(image_N, (1, steps, len(image_N))), record=True)
    states = trace.layers["dense9"].steps(1, steps + 1)
    np.testing.assert_array_equal(states.u_BTN[0], arrays["fc-3-u"].T)
    np.testing.assert_array_equal(states.v_BTN[0], arrays["fc-3-v"].T)
    np.testing.assert_array_equal(states.spikes_BTN[0], arrays["fc-3-s"].T)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_integer_survives_nir_and_net(name: str, tmp_path: Path) -> None:
    network = folder() / f"{name}.net"
    graph, back, again = tmp_path / f"{network.stem}.nir", tmp_path / "back.net", tmp_path / "again.npz"
    made = neurodeploy.convert(network, out=graph)
    nir.read(graph)
    assert neurodeploy.convert(graph, out=back)["program"] == made["program"]
    assert neurodeploy.convert(back, out=again)["program"] == made["program"]
    expected, found = read_net(network), carried_program(read_graph(graph))
    assert found is not None
    assert (found.digest, found.notes, found.encoding) == (expected.digest, expected.notes, expected.encoding)
    for one, other in zip(expected.connections, read_net(back).connections, strict=True):
        np.testing.assert_array_equal(other.weight, one.weight)
