"""A Legendre memory as integers: 16-bit synapses in two halves, graded messages, and nothing that leaks.

Truth: the reference's own states (`golden/lmu`, float64), and the integer recurrence written out once more here.
Axes: B sample, T step, D coefficient.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest

from neurodeploy.backends import fixed, lava, reference
from neurodeploy.backends.calibration import measure
from neurodeploy.backends.trace import Trace
from neurodeploy.certificate.equations import first_violation
from neurodeploy.errors import GraphError, MappingError
from neurodeploy.formats.nir_to_program import carried_program
from neurodeploy.formats.program_to_nir import program_graph
from neurodeploy.graph.files import read_graph, write_graph
from neurodeploy.graph.metadata import wrapped
from neurodeploy.graph.network import Network, discretised
from neurodeploy.mapping.compile import Compiled, compile_network
from neurodeploy.mapping.memory import LARGEST_MESSAGE
from neurodeploy.neurons.lmu import legendre_matrices
from neurodeploy.pipeline.costs import synops_of
from neurodeploy.program.file import read_program, write_program
from neurodeploy.quantize import grid
from neurodeploy.verbs.certify import certify
from neurodeploy.verbs.inspect import inspect_graph
from tests.backends.lava_support import assert_same_states
from tests.needs import golden_file

UNIT = 2.0**-8
"""What the input's whole numbers stand for."""


pytestmark = pytest.mark.data


def memory_graph(a_DD: np.ndarray, b_D: np.ndarray, **more: Any) -> nir.NIRGraph:
    """Return m = A m' + B u as a graph: an integrator, and what it lacks of A as synapses."""
    order = len(a_DD)
    nodes = {
        "input": nir.Input({"input": np.array([1])}),
        "b": nir.Linear(b_D.reshape(order, 1) * UNIT),
        "m": nir.I(r=np.ones(order)),
        "a": nir.Linear(a_DD - np.eye(order)),
        "output": nir.Output({"output": np.array([order])}),
    }
    edges = [("input", "b"), ("b", "m"), ("m", "a"), ("a", "m"), ("m", "output")]
    metadata = wrapped(dt_s=1.0, counts=True, readout="v_last", **more)
    return nir.NIRGraph(nodes, edges, metadata=metadata, type_check=False)


def read(graph: nir.NIRGraph, folder: Path) -> Network:
    write_graph(folder / "m.nir", graph)
    return discretised(read_graph(folder / "m.nir"))


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(golden_file("lmu", "lmufft_layer.npz")) as stored:
        return dict(stored)


@pytest.fixture(scope="module")
def network(golden: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Network:
    graph = memory_graph(golden["param.A"].astype(np.float64), golden["param.B"].astype(np.float64))
    return read(graph, tmp_path_factory.mktemp("memory"))


@pytest.fixture(scope="module")
def made(network: Network) -> Compiled:
    return compile_network(network)


@pytest.fixture(scope="module")
def inputs(golden: dict[str, np.ndarray]) -> np.ndarray:
    return np.rint(golden["u"] / UNIT).astype(np.int32)


@pytest.fixture(scope="module")
def plain(made: Compiled, inputs: np.ndarray) -> Trace:
    return fixed.run(made.program, inputs, record=True, engine="plain")


def error_by_step(made: Compiled, trace: Trace, m_BTD: np.ndarray) -> np.ndarray:
    """Return the relative error of the integer run's states after each step."""
    found = trace.layers["m"].v_BTN[:, 1:] / made.program.layer("m").v_per_unit
    return np.asarray(np.linalg.norm(found - m_BTD, axis=(0, 2)) / np.linalg.norm(m_BTD, axis=(0, 2)))


def test_the_graph_is_the_references_memory(
    network: Network, inputs: np.ndarray, golden: dict[str, np.ndarray]
) -> None:
    states = reference.run(network, inputs, record=True).layers["m"]
    wanted = golden["m_seq_recurrent_f64"]
    np.testing.assert_allclose(states.v_BTN, wanted, rtol=0, atol=UNIT)  # its input is rounded to whole numbers
    np.testing.assert_array_equal(states.spikes_BTN, states.v_BTN)


def test_integers_keep_the_references_states(made: Compiled, plain: Trace, golden: dict[str, np.ndarray]) -> None:
    wanted = golden["m_seq_recurrent_f64"]
    found = plain.layers["m"].v_BTN[:, 1:] / made.program.layer("m").v_per_unit
    assert np.linalg.norm(found - wanted) / np.linalg.norm(wanted) < 0.006
    assert error_by_step(made, plain, wanted).max() < 0.02, "where states are small, the input's rounding shows"
    assert plain.overflows["m"] == {"wrapped": 0, "saturated": 0}


def test_every_state_is_the_integer_recurrence(
    made: Compiled, plain: Trace, inputs: np.ndarray, golden: dict[str, np.ndarray]
) -> None:
    """State m in 2^-20, message m >> 8, weights in 2^-15: the product of both has 27 fraction bits, 7 too many."""
    identity = np.eye(len(golden["param.A"]))
    a = np.rint((golden["param.A"].astype(np.float64) - identity) * 2**15).astype(np.int64)
    b = [one for one in made.program.connections if one.source == "input"]
    m = np.zeros((len(inputs), len(a)), np.int64)
    for step in range(1, plain.layers["m"].v_BTN.shape[1]):
        u = inputs[:, step - 1].astype(np.int64)
        added = sum(np.floor(np.ldexp((u @ one.weight.T).astype(float), one.weight_exp)).astype(np.int64) for one in b)
        m = m + ((m >> 8) @ a.T >> 7) + added
        np.testing.assert_array_equal(plain.layers["m"].v_BTN[:, step], m)
        np.testing.assert_array_equal(plain.layers["m"].spikes_BTN[:, step], m >> 8)
    assert np.abs(m).max() > 1 << 16


@pytest.mark.parametrize("engine", ["native", "torch"])
def test_engines_agree_in_every_state(made: Compiled, plain: Trace, inputs: np.ndarray, engine: str) -> None:
    found = fixed.run(made.program, inputs, record=True, engine=engine)
    assert_same_states(plain, found)
    assert found.overflows == plain.overflows
    counted = fixed.run(made.program, inputs, engine=engine)
    np.testing.assert_array_equal(counted.counts["m"], plain.counts["m"])
    np.testing.assert_array_equal(counted.output_BN, plain.layers["m"].v_BTN[:, -1])


@pytest.mark.lava
def test_lava_has_every_state(made: Compiled, plain: Trace, inputs: np.ndarray) -> None:
    assert_same_states(plain, lava.run(made.program, inputs, record=True))


def test_two_synapses_hold_a_wide_weight_exactly(made: Compiled) -> None:
    wide = np.arange(-32639, 32640)
    high, low = grid.halves(wide)
    np.testing.assert_array_equal(128 * high + low / 2, wide)
    for half in (high, low):
        assert not (half & 1).any()
        assert -256 <= half.min() <= half.max() <= 254
    a, below = (next(one for one in made.program.connections if one.name == name) for name in ("a", "a low"))
    assert (np.unique(a.weight_exp), np.unique(below.weight_exp)) == (0, -8)
    np.testing.assert_array_equal(a.held, a.weight)


@pytest.mark.parametrize("bits", [4, 8, 12])
def test_fewer_bits_keep_less_and_obey_their_equations(
    network: Network, inputs: np.ndarray, golden: dict[str, np.ndarray], bits: int
) -> None:
    made = compile_network(network, memory_bits=bits)
    assert len(made.program.connections) == (4 if bits > 8 else 2)
    trace = fixed.run(made.program, inputs, record=True)
    assert first_violation(made.quantised, made.plan, trace, inputs) is None
    error = error_by_step(made, trace, golden["m_seq_recurrent_f64"])[5:].max()
    low, high = {4: (0.1, 2.0), 8: (0.01, 0.2), 12: (0.001, 0.02)}[bits]
    assert low < error < high


def test_a_file_holds_the_program_and_says_what_it_does(
    made: Compiled, network: Network, inputs: np.ndarray, golden: dict[str, np.ndarray], tmp_path: Path
) -> None:
    write_program(tmp_path / "m.npz", made.program)
    assert read_program(tmp_path / "m.npz").digest == made.program.digest
    write_graph(tmp_path / "m.nir", program_graph(made.program))
    again = carried_program(read_graph(tmp_path / "m.nir"))
    assert again is not None
    assert again.digest == made.program.digest
    graph: Any = nir.read(tmp_path / "m.nir")
    assert {name: type(node).__name__ for name, node in graph.nodes.items()} == {
        "input": "Input",
        "b": "Linear",
        "m": "I",
        "a": "Linear",
        "output": "Output",
    }
    np.testing.assert_allclose(graph.nodes["a"].weight + np.eye(8), golden["param.A"], atol=2**-16)
    states = reference.run(discretised(read_graph(tmp_path / "m.nir")), inputs, record=True).layers["m"].v_BTN
    np.testing.assert_array_equal(states, reference.run(made.quantised, inputs, record=True).layers["m"].v_BTN)


def test_the_certificate_tells_the_error_of_every_step(
    network: Network, made: Compiled, inputs: np.ndarray, golden: dict[str, np.ndarray], tmp_path: Path
) -> None:
    read(memory_graph(*(golden[f"param.{name}"].astype(np.float64) for name in "AB")), tmp_path)
    found = certify(tmp_path / "m.nir", inputs)
    assert found["passed"], found["failures"]
    (layer,) = found["stages"][1]["layers"]
    wanted = reference.run(network, inputs, record=True).layers["m"].v_BTN
    trace = fixed.run(made.program, inputs, record=True)
    np.testing.assert_allclose(layer["state_error"], error_by_step(made, trace, wanted))
    assert layer["spike_agreement"] is None
    changed = replace(made.program.connections[2], weight=made.program.connections[2].weight + 2)
    other = replace(made.program, connections=(*made.program.connections[:2], changed, made.program.connections[3]))
    wrong = first_violation(made.quantised, made.plan, fixed.run(other, inputs, record=True), inputs)
    assert wrong is not None
    assert (wrong.what, wrong.layer) == ("v", "m")


def test_both_halves_are_counted_and_the_memory_is_told_apart(made: Compiled, plain: Trace, inputs: np.ndarray) -> None:
    parts = {one.name: (one.weight != 0).sum(axis=0) for one in made.program.connections}
    sent = np.count_nonzero(plain.layers["m"].spikes_BTN, axis=(0, 1))
    memory = int(sent @ (parts["a"] + parts["a low"]))
    entered = int(np.count_nonzero(inputs) * (parts["b"] + parts["b low"])[0])
    counts = synops_of(made.program, plain)
    assert counts.synops_per_sample * len(inputs) == memory + entered
    synapses = int((parts["a"] + parts["a low"]).sum())
    assert any(f"so each of its {synapses:,} synapses onto itself (two of 8 bits" in one for one in made.program.notes)
    assert 8 * 8 < synapses <= 2 * 8 * 8


def test_potentials_that_leave_24_bits_are_counted(network: Network, inputs: np.ndarray) -> None:
    made = compile_network(network)
    loud = inputs * 400
    traces = [fixed.run(made.program, loud, record=True, engine=engine) for engine in ("plain", "native", "torch")]
    assert traces[0].overflows["m"]["saturated"] > 0
    for trace in traces[1:]:
        assert_same_states(traces[0], trace)
        assert trace.overflows == traces[0].overflows
    assert first_violation(made.quantised, made.plan, traces[0], loud) is None
    with np.errstate(all="ignore"):
        assert np.abs(traces[0].layers["m"].spikes_BTN).max() <= LARGEST_MESSAGE


def test_more_neurons_than_32_bits_can_sum_are_refused(tmp_path: Path) -> None:
    order = 640
    rng = np.random.default_rng(0)
    a = np.eye(order) + rng.choice([-0.99, 0.99], (order, order))
    with pytest.raises(MappingError, match=r"m has 640 neurons, whose messages through a can add .* about \d+ neurons"):
        compile_network(read(memory_graph(a, np.ones(order) * 0.01), tmp_path))


def test_leaky_neurons_take_potentials(golden: dict[str, np.ndarray], inputs: np.ndarray, tmp_path: Path) -> None:
    graph = memory_graph(golden["param.A"].astype(np.float64), golden["param.B"].astype(np.float64))
    one = np.ones(8)
    graph.nodes |= {
        "w": nir.Affine(np.diag(np.linspace(2, 40, 8)), np.linspace(-1, 1, 8)),
        "n": nir.LIF(tau=2 * one, r=one, v_leak=0 * one, v_threshold=one / 2),
    }
    graph.edges = [*(edge for edge in graph.edges if edge[1] != "output"), ("m", "w"), ("w", "n"), ("n", "output")]
    graph.metadata = wrapped(dt_s=1.0, counts=True)
    network = read(graph, tmp_path)
    for measured in (None, measure(network, inputs)):
        made = compile_network(network, measured=measured)
        plain = fixed.run(made.program, inputs, record=True, engine="plain")
        assert first_violation(made.quantised, made.plan, plain, inputs) is None
        for engine in ("native", "torch"):
            assert_same_states(plain, fixed.run(made.program, inputs, record=True, engine=engine))
        own = plain.layers["n"].steps(made.program.depth, made.program.depth + inputs.shape[1]).spikes_BTN
        real = reference.run(network, inputs, record=True).layers["n"].spikes_BTN
        assert 0.05 < real.mean() < 0.95
        assert (own == real).mean() > 0.98


def test_weights_changed_after_quantisation_are_refused(made: Compiled, tmp_path: Path) -> None:
    write_graph(tmp_path / "m.nir", program_graph(made.program))
    file = read_graph(tmp_path / "m.nir")
    file.graph.nodes["a"].weight = file.graph.nodes["a"].weight + np.float32(2.0**-16)
    with pytest.raises(GraphError, match=r"weight of node a|damaged"):
        carried_program(file)


def white_noise(rng: np.random.Generator, n_steps: int, cutoff: int) -> np.ndarray:
    """Return signals (B, T) of as many periods as there are up to `cutoff`, each with a phase of its own; rms 0.5."""
    phases, step = rng.uniform(0, 2 * np.pi, (5, cutoff, 1)), np.arange(n_steps) / n_steps
    found = np.cos(2 * np.pi * np.arange(1, cutoff + 1)[:, None] * step + phases).sum(axis=1)
    return np.asarray(found * 0.5 / np.sqrt((found**2).mean(axis=1, keepdims=True)))


def test_a_delay_of_100_ms_is_as_good_as_in_float(tmp_path: Path) -> None:
    """Voelker's delay network: 3 coefficients, white noise up to 3 Hz, the signal of 100 steps of 1 ms before."""
    (a, b), n_steps, theta = legendre_matrices(3, 100.0), 4000, 100
    noise = white_noise(np.random.default_rng(0), n_steps, 3 * n_steps // 1000)
    network = read(memory_graph(a, b), tmp_path)
    made = compile_network(network)
    inputs = np.rint(noise[:, :, None] / UNIT).astype(np.int32)
    trace = fixed.run(made.program, inputs, record=True)

    def off(m_BTD: np.ndarray) -> float:
        """Return the root mean square error of the sum of the coefficients, as a part of the signal's."""
        error = m_BTD.sum(axis=2)[:, 2 * theta :] - noise[:, theta:-theta]
        return float(np.sqrt((error**2).mean() / (noise**2).mean()))

    real = off(reference.run(network, inputs, record=True).layers["m"].v_BTN)
    whole = off(trace.layers["m"].v_BTN[:, 1:] / made.program.layer("m").v_per_unit)
    assert 0.001 < real < 0.02, (real, whole)
    assert whole <= 1.1 * real, (real, whole)
    assert trace.overflows["m"]["saturated"] == 0


def test_a_memory_that_grows_is_refused_and_one_that_rounding_makes_grow_is_told(tmp_path: Path) -> None:
    a, b = legendre_matrices(128, 784.0)
    network = read(memory_graph(a, b), tmp_path)
    assert not any("spectral radius" in one for one in compile_network(network).program.notes)
    notes = compile_network(network, memory_bits=8).program.notes
    assert any("m: its matrix has a spectral radius of 1.000" in one and "of 8 bits, so its" in one for one in notes)
    with pytest.raises(MappingError, match=r"m: its matrix .* of 1\.1\d+ with weights of 16 bits.*; train it stable"):
        compile_network(read(memory_graph(1.15 * a, b), tmp_path))


def test_the_doctor_tells_why_8_bits_do_not_hold_it_and_what_does(tmp_path: Path) -> None:
    a, b = legendre_matrices(128, 784.0)
    write_graph(tmp_path / "m.nir", memory_graph(a, b))
    found = inspect_graph(tmp_path / "m.nir")
    (memory,) = found["memories"]
    assert memory["spectral_radius"] == pytest.approx(np.abs(np.linalg.eigvals(a)).max())
    assert 784 < memory["steps"] < 1000
    ways = {one["way"]: one for one in memory["ways"]}
    eight, sixteen = ways["weights of 8 bits"], ways["weights of 16 bits in two synapses of 8"]
    assert eight["spectral_radius"] > 1
    assert eight["error"] > 0.3
    assert sixteen["spectral_radius"] < 1
    assert sixteen["error"] < 0.01
    assert eight["synapses"] < 128**2 < sixteen["synapses"] <= 2 * 128**2
    half = ways["64 coefficients, trained anew: weights of 16 bits in two synapses of 8"]
    assert half["synapses"] < sixteen["synapses"] / 3
    changes = [one for way, one in ways.items() if "messages of changes" in way]
    assert [one["error"] for one in changes] == sorted(one["error"] for one in changes)
    assert changes[-1]["synops_per_step"] < changes[0]["synops_per_step"] < 2 * 128**2
    said = {one["name"]: one["targets"] for one in found["nodes"]}
    assert said["m"]["loihi1"]["status"] == "unsupported"
    assert said["a"]["fixed"]["reason"].startswith("weights of 16 bits, in two synapses of 8")
