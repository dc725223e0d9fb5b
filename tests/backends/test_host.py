"""A first convolution on the host: the same currents from every path, written and read, priced and never left out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

import neurodeploy
from neurodeploy.backends import fixed
from neurodeploy.certificate.equations import first_violation
from neurodeploy.certificate.fields import different_fields
from neurodeploy.errors import DataError, GraphError, ProgramError
from neurodeploy.graph.files import read_graph, write_graph
from neurodeploy.graph.network import discretised
from neurodeploy.mapping.compile import Compiled
from neurodeploy.networks.families.plif import deployable
from neurodeploy.pipeline.conversion import read_network
from neurodeploy.program.file import read_program, write_program
from neurodeploy.program.host import Host
from tests.networks.test_plif import on_grid, pictures, small

PIXELS_BTI = pictures().numpy().astype(np.uint8)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Host, Compiled]:
    host = deployable(small(host_encoder=True)).host
    assert host is not None
    return host, on_grid(small(host_encoder=True), host.currents(PIXELS_BTI), tmp_path_factory.mktemp("host"))[1]


def test_currents_are_those_of_the_trained_layers_to_half_a_unit(made: tuple[Host, Compiled]) -> None:
    """Truth is the convolution, the norm and the gain of the trained network, by torch."""
    host, first = made[0], small().double().stages[0]
    gain = float(first.neurons.w.detach().sigmoid())  # type: ignore[union-attr, operator]
    with torch.no_grad():
        pixels = torch.tensor(PIXELS_BTI[:, 0]).double().view(-1, 1, 12, 12)
        real_BN = functional.conv2d(pixels, first.weights.weight, padding=1)  # type: ignore[union-attr, arg-type]
        real_BN = first.norm(real_BN).flatten(1).numpy() * gain * 256  # type: ignore[operator]
    found_BTN = host.currents(PIXELS_BTI)
    assert found_BTN.shape == (6, 5, 576)
    assert found_BTN.min() < -100
    assert found_BTN.max() > 100
    slack = 9 * 255 * 2.0**-host.shift / 2  # of weights of 16 bits
    np.testing.assert_allclose(found_BTN[:, 0], real_BN, rtol=0, atol=0.5 + slack)
    assert (found_BTN == found_BTN[:, :1]).all()
    loud = Host.of(np.ones((1, 1, 3, 3)), np.zeros(1), (1, 12, 12), once=False).currents(PIXELS_BTI)
    assert loud.max() == 2047


def test_the_program_says_what_the_host_does_and_gets_the_same_currents(
    made: tuple[Host, Compiled], tmp_path: Path
) -> None:
    host, program = made[0], made[1].program
    assert program.host == host
    currents = host.currents(PIXELS_BTI)
    trace = fixed.run(program, currents, record=True)
    assert all(one.spikes_BTN.any() for one in trace.layers.values())
    assert first_violation(made[1].quantised, made[1].plan, trace, currents) is None
    (first,) = program.into("plif1")
    assert first.weight.size == 4  # of the currents' unit alone: the kernel is the host's
    write_program(tmp_path / "p.npz", program)
    neurodeploy.convert(tmp_path / "p.npz", out=tmp_path / "p.nir")
    neurodeploy.compile(tmp_path / "p.nir", out=tmp_path / "q.npz")
    for name in ("p.npz", "q.npz"):
        assert read_program(tmp_path / name).digest == program.digest
    for data in (PIXELS_BTI, PIXELS_BTI.reshape(6, 5, 1, 12, 12).astype(float), currents):
        found = neurodeploy.simulate(tmp_path / "p.npz", data, record=True)
        np.testing.assert_array_equal(found.layers["plif1"].spikes_BTN, trace.layers["plif1"].spikes_BTN)
    other = replace(program, host=replace(host, shift=host.shift + 1))
    assert other.digest != program.digest
    assert [one.field for one in different_fields(other, program)] == ["host"]


def test_its_macs_and_bytes_are_priced_and_told(made: tuple[Host, Compiled]) -> None:
    program = made[1].program
    n_macs, n_bytes = 4 * 144 * 9, 4 * 144 * 12 // 8
    found = neurodeploy.profile(program, PIXELS_BTI)
    assert (found["host"]["macs_per_sample"], found["host"]["bytes_per_sample"]) == (n_macs, n_bytes)
    assert found["host"]["energy_j"]["low"] == pytest.approx(n_macs * 4.6e-12 + n_bytes * 8 * 20.3125e-12)
    high = n_macs * (4.6e-12 + 64 * 40.625e-12) + n_bytes * 8 * 40.625e-12
    assert found["host"]["energy_j"]["high"] == pytest.approx(high)
    assert found["host"]["text"] in found["energy"]["notes"]
    assert any(one.startswith("on the host: the first convolution") for one in neurodeploy.fit(program)["notes"])
    steps = replace(program, host=replace(made[0], once=False))
    assert neurodeploy.profile(steps, PIXELS_BTI)["host"]["macs_per_sample"] == 5 * n_macs
    assert "host" not in neurodeploy.profile(replace(program, host=None), made[0].currents(PIXELS_BTI))


def test_data_and_files_that_do_not_fit_the_host_are_refused(made: tuple[Host, Compiled], tmp_path: Path) -> None:
    host, program = made[0], made[1].program
    moving = PIXELS_BTI.copy()
    moving[2, 3] += 1
    with pytest.raises(DataError, match="steps differ, but the host works once a sample"):
        neurodeploy.simulate(program, moving)
    assert (replace(host, once=False).currents(moving)[2, 3] != host.currents(PIXELS_BTI)[2, 3]).any()
    with pytest.raises(ProgramError, match="the host sends 576 currents, 5 fit"):
        replace(program, n_inputs=5, input_shape=(5,))
    for change in ({"bias": [1]}, {"weight": [1 << 20] * 36}, {"shift": "x"}, {"once": 3}, {"more": 1}):
        with pytest.raises(ProgramError, match="host is "):
            Host.read(json.dumps(host.plain | change))
    graph = read_network(deployable(small(host_encoder=True)), 1e-3).graph
    graph.metadata["neurodeploy"]["host"] = Host.of(np.ones((1, 1, 3, 3)), np.zeros(1), (1, 4, 4), once=True).text
    write_graph(tmp_path / "odd.nir", graph)
    with pytest.raises(GraphError, match="host sends 16 currents to 576 input channels"):
        discretised(read_graph(tmp_path / "odd.nir"))
