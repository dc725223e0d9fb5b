"""lava-dl's own reader of `.net` files, netx 0.6.0, beside our Programs: every spike, every potential.

Axes: B sample, T step, I input value.
"""

from __future__ import annotations

import gzip
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import neurodeploy
from neurodeploy.backends import fixed, lava
from neurodeploy.backends.trace import Trace
from neurodeploy.cli.app import invoke
from neurodeploy.errors import DataError, LavaError
from neurodeploy.formats.lava_dl.read import read_net
from neurodeploy.formats.lava_dl.write import write_net
from neurodeploy.pipeline.netx import check_net, random_input, run_both
from neurodeploy.program.program import Program
from tests.cli import graphs
from tests.conformance.lava_dl import folder
from tests.conformance.test_converted_networks import NETWORKS
from tests.mapping import nets

pytestmark = pytest.mark.lava

BACK = "netx_gts/pilotnet_sdnn/square_network"
LARGE = [name for name in NETWORKS if "pilotnet" in name and name != BACK]
SPIKING_STEPS, IMAGE_STEPS = 32, 16
"""The second network was trained with 16; how the spiking one was is not part of lava-dl."""
IMAGES, IMAGES_IN_NETX = 200, 6
REACHED = {"mnist/trained_mnist_network": 0.97, "mnist_bootstrap/network": 0.97}


@pytest.mark.parametrize("name", nets.EXAMPLES)
def test_networks_of_every_kind_of_layer_and_their_way_back(name: str, tmp_path: Path, worker: lava.Worker) -> None:
    """Grouped convolutions, both kinds of delays, recurrence, sigma-delta messages, images as biases, sums."""
    found = check_net(nets.write(tmp_path / "made.net", *nets.EXAMPLES[name]()), worker=worker)
    assert found["equal"], found["line"]
    assert found["spikes"] > 1000
    program = read_net(tmp_path / "made.net")
    write_net(tmp_path / "back.net", program)
    assert check_net(tmp_path / "back.net", program, worker=worker)["spikes"] == found["spikes"]


def test_states_are_cleared_at_the_same_steps(tmp_path: Path, worker: lava.Worker) -> None:
    program = read_net(nets.write(tmp_path / "n.net", *nets.mixed()), reset_interval=7, reset_offset=3)
    assert check_net(tmp_path / "n.net", program, worker=worker)["equal"]
    never = check_net(tmp_path / "n.net", read_net(tmp_path / "n.net"), worker=worker)
    assert never["equal"]
    assert never["spikes"] != check_net(tmp_path / "n.net", program, worker=worker)["spikes"]


def test_a_difference_is_seen_and_placed(tmp_path: Path, worker: lava.Worker) -> None:
    program = read_net(nets.write(tmp_path / "n.net", *nets.mixed()))
    layers: tuple[Any, ...] = program.layers
    other = replace(program, layers=(layers[0], replace(layers[1], vth=2 * layers[1].vth), *layers[2:]))
    found = check_net(tmp_path / "n.net", other, worker=worker)
    assert not found["equal"]
    assert found["first_difference"]["layer"] == "dense1"
    assert "differ" in found["line"]


def test_convert_checks_the_files_that_netx_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nets.write(tmp_path / "n.net", *nets.mixed())
    assert invoke(["convert", str(tmp_path / "n.net"), str(tmp_path / "m.net"), "--check", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found["check"]) == {str(tmp_path / "n.net"), str(tmp_path / "m.net")}
    assert all(one["equal"] and one["spikes"] > 1000 for one in found["check"].values())


def test_convert_says_where_netx_differs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """netx leaves out how long a neuron rests after a spike, and our Program does not."""
    resting = nets.dense(6, 4, neuron=nets.CUBA | {"refDelay": 4})
    nets.write(tmp_path / "n.net", resting, nets.dense(3, 6))
    assert invoke(["convert", str(tmp_path / "n.net"), str(tmp_path / "n.nir"), "--check"]) == 1
    said = capsys.readouterr().out
    assert "rests 3 step(s) after a spike; lava-dl's netx does not" in said
    assert "lava-dl's netx and our simulator differ" in said
    assert "of layer dense0 at step" in said


def test_a_graph_of_our_own_becomes_a_net_file(tmp_path: Path, worker: lava.Worker) -> None:
    """Without biases and with the reset to zero, what any framework trained can run in netx."""
    nodes, edges = graphs.parts(fc1=graphs.linear(5, 4), lif1=graphs.cuba(5))
    graphs.write(tmp_path / "g.nir", nodes, edges)
    found = neurodeploy.convert(tmp_path / "g.nir", out=tmp_path / "g.net", dt_s=1e-3)
    assert found["warnings"][0].startswith("compiled without exponents, which a .net file does not have")
    program = read_net(tmp_path / "g.net")
    assert [int(np.abs(one.held).max()) for one in program.connections] == [254, 254]
    both = check_net(tmp_path / "g.net", program, samples=6, worker=worker)
    assert both["equal"], both["line"]
    assert both["spikes"] > 50


@pytest.mark.data
def test_the_nir_papers_convolutional_graph_runs_in_netx(tmp_path: Path, worker: lava.Worker) -> None:
    graph = folder().parent / "nir_corpus" / "nir__cnn_sinabs__89e0a618.nir"
    neurodeploy.convert(graph, out=tmp_path / "cnn.net", dt_s=1.0, reset="zero")
    found = check_net(tmp_path / "cnn.net", samples=2, steps=12, worker=worker)
    assert found["equal"], found["line"]
    assert found["spikes"] > 1000


def test_what_netx_refuses_is_one_line(tmp_path: Path) -> None:
    pool = nets.conv((3, 4, 4), 3) | {"type": "pool", "weight": np.full((1, 1, 2, 2), 6.0)}
    del pool["groups"]
    path = nets.write(tmp_path / "n.net", {"type": "input", "shape": np.array([3, 4, 4])}, pool)
    with pytest.raises(LavaError, match=r"netx refuses it \(NotImplementedError: pool is not implemented") as refusal:
        check_net(path)
    assert "\n" not in str(refusal.value)


def test_an_image_that_changes_has_no_place_in_netx(tmp_path: Path) -> None:
    program = read_net(nets.write(tmp_path / "n.net", *nets.image()))
    changing = np.arange(2 * program.n_inputs).reshape(1, 2, -1)
    with pytest.raises(DataError, match="netx takes one image for all steps of a sample"):
        run_both(tmp_path / "n.net", program, changing)


@pytest.mark.data
@pytest.mark.parametrize("name", [name for name in NETWORKS if name not in (*LARGE, BACK)])
def test_lava_dls_trained_networks(name: str, tmp_path: Path, worker: lava.Worker) -> None:
    both_ways(folder() / f"{name}.net", tmp_path, worker)


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("name", LARGE)
def test_lava_dls_large_networks(name: str, worker: lava.Worker) -> None:
    """Their way back is compared in `test_converted_networks`, integer by integer; one goes through netx here."""
    file = folder() / f"{name}.net"
    found = check_net(file, samples=1, steps=12, worker=worker)
    assert found["equal"], found["line"]
    assert found["spikes"]


@pytest.mark.data
@pytest.mark.slow
def test_a_large_network_and_its_way_back(tmp_path: Path, worker: lava.Worker) -> None:
    both_ways(folder() / f"{BACK}.net", tmp_path, worker)


def both_ways(file: Path, folder: Path, worker: lava.Worker) -> None:
    """The file, and the file that its Program becomes, in netx."""
    found = check_net(file, samples=1, steps=12, worker=worker)
    assert found["equal"], found["line"]
    assert found["spikes"]
    program = read_net(file)
    neurodeploy.convert(file, out=folder / "made.nir")
    neurodeploy.convert(folder / "made.nir", out=folder / "back.net")
    back = check_net(folder / "back.net", program, samples=1, steps=12, worker=worker)
    assert (back["equal"], back["spikes"]) == (True, found["spikes"])


def mnist(n_images: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the first test images (B, I), 0..255, and their labels."""
    there = Path(os.environ["NEURODEPLOY_DATA"]) / "mnist"
    with (
        gzip.open(there / "test-images-idx3-ubyte.gz") as images,
        gzip.open(there / "test-labels-idx1-ubyte.gz") as labels,
    ):
        pixels = np.frombuffer(images.read(16 + n_images * 784), np.uint8, offset=16).reshape(n_images, 784)
        return pixels, np.frombuffer(labels.read(8 + n_images), np.uint8, offset=8).astype(np.int64)


def entering(program: Program, images_BI: np.ndarray) -> np.ndarray:
    """Return what the networks take: spikes with the pixels' brightness as their chance, or int(76 x + 64).

    The second is what lava-dl's own tutorial trains with (`tutorials/lava/lib/dl/bootstrap/mnist/mnist.py`): pixels
    from -1 to 1, for 16 steps.
    """
    if not program.graded_input:
        chance = images_BI[:, None] / 255
        drawn = np.random.default_rng(0).random((len(images_BI), SPIKING_STEPS, 784))
        return (drawn < chance).astype(np.uint8)
    weight, bias = program.encoding
    values = np.trunc(weight * (images_BI / 127.5 - 1) + bias).astype(np.int32)
    return np.repeat(values[:, None], IMAGE_STEPS + program.depth, axis=1)


def predictions(program: Program, trace: Trace) -> np.ndarray:
    states = trace.layers[program.output]
    scores = states.spikes_BTN.sum(axis=1) if program.readout == "spikes" else states.v_BTN[:, -1]
    return scores.argmax(axis=1)


@pytest.mark.data
@pytest.mark.parametrize("name", REACHED)
def test_images_of_digits(name: str, worker: lava.Worker) -> None:
    """Few images in netx, whose every spike and potential must be ours; the accuracy is of many in our simulator."""
    file = folder() / f"{name}.net"
    program = read_net(file)
    images, labels = mnist(IMAGES)
    entered = entering(program, images)
    both = run_both(file, program, entered[:IMAGES_IN_NETX], worker=worker)
    assert both.difference is None, str(both.difference)
    ours = predictions(program, fixed.run(program, entered, record=True))
    np.testing.assert_array_equal(predictions(program, both.netx), ours[:IMAGES_IN_NETX])
    assert float((ours == labels).mean()) >= REACHED[name]


def test_random_input_is_of_the_kind_that_the_network_takes(tmp_path: Path) -> None:
    spiking = random_input(read_net(nets.write(tmp_path / "a.net", *nets.mixed())), 3, 10, 0)
    assert [bool((one == 1).all()) for one in spiking] == [False, False, True]
    image = random_input(read_net(nets.write(tmp_path / "b.net", *nets.image())), 2, 10, 0)
    assert (image == image[:, :1]).all()
    assert image.max() > 200
