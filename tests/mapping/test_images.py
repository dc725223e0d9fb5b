"""Convolutions, delays and readouts as integer Programs: the integers equal the graph on the chip's grid."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest

from neurodeploy.backends import fixed, reference
from neurodeploy.backends.calibration import measure
from neurodeploy.backends.search import calibrate
from neurodeploy.certificate.certify import CertificateSettings, StageRun, certificate
from neurodeploy.certificate.equations import first_violation
from neurodeploy.errors import MappingError
from neurodeploy.fixedpoint import rules
from neurodeploy.graph.metadata import wrapped
from neurodeploy.graph.network import Network
from neurodeploy.mapping.compile import Compiled, choose_plan, compile_network, rounded_together
from neurodeploy.program.file import read_program, write_program
from neurodeploy.program.program import Program
from tests.graph.images import chained, conv1d, conv2d, network, neurons, pool
from tests.graph.test_delays_and_readouts import cuba_li, delay, integrator, li

RNG = np.random.default_rng(3)


def weights(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape) * 0.5


def cnn() -> Network:
    """Two convolutional layers with a pool between, a delay, and a leaky readout."""
    graph = chained(
        (2, 8, 8),
        a=conv2d(weights(3, 2, 3, 3), np.array([0.05, 0.02, -0.05]), padding="same"),
        n=neurons(3, 8, 8),
        d=delay(2),
        p=pool(nir.AvgPool2d, 2),
        b=conv2d(weights(4, 3, 3, 3) * 2, np.full(4, 0.03), padding=1),
        m=neurons(4, 4, 4),
        f=nir.Flatten({"input": np.array([4, 4, 4])}, 0),
        w=nir.Affine(weights(3, 64), np.array([0.1, 0.0, -0.1])),
        r=li(3),
    )
    return network(graph, reset="subtract")


def spikes(n_inputs: int, n_samples: int = 4, n_steps: int = 25) -> np.ndarray:
    return (np.random.default_rng(1).random((n_samples, n_steps, n_inputs)) < 0.15).astype(np.uint8)


def violation(made: Compiled, program: Program, data: np.ndarray) -> Any:
    trace = fixed.run(program, data, record=True)
    return first_violation(made.quantised, made.plan, trace, data)


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("calibrated", [False, True])
def test_every_step_of_the_integers_obeys_the_graph(bits: int, calibrated: bool) -> None:
    found, data = cnn(), spikes(128)
    measured = measure(found, data) if calibrated else None
    made = compile_network(found, weight_bits=bits, measured=measured)
    assert violation(made, made.program, data) is None
    conv = made.program.connections[0]
    assert conv.window is not None
    assert (conv.weight % 2 == 0).all()


def test_the_program_keeps_shapes_readout_and_delay_and_survives_its_file(tmp_path: Path) -> None:
    program = compile_network(cnn()).program
    assert program.input_shape == (2, 8, 8)
    assert [layer.shape for layer in program.layers] == [(3, 8, 8), (4, 4, 4), (3,)]
    assert [layer.start for layer in program.layers] == [1, 2, 3]
    assert program.readout == "v_max"
    assert (program.layer("r").vth == rules.NEVER).all()
    assert {one.name: int(one.delay) for one in program.connections} == {"a": 0, "p+b": 2, "w": 0}
    write_program(tmp_path / "p.npz", program)
    assert read_program(tmp_path / "p.npz").digest == program.digest


def test_the_integers_come_close_to_the_real_network() -> None:
    found, data = cnn(), spikes(128, 8)
    made = compile_network(found, measured=measure(found, data))
    real, whole = reference.run(found, data, record=True), fixed.run(made.program, data, record=True)
    runs = [StageRun(real), StageRun(whole, violation(made, made.program, data))]
    result = certificate(runs, made.program, real.predictions_B, CertificateSettings(max_accuracy_drop=0.2)).to_dict()
    assert result["passed"], result["failures"]
    rows = {row["name"]: row for row in result["stages"][1]["layers"]}
    assert rows["n"]["spike_agreement"] > 0.95
    assert rows["r"]["potential_rms"] < 0.1 * np.abs(real.layers["r"].v_BTN).max()
    assert result["stages"][1]["overflows"]["r"] == {"wrapped": 0, "saturated": 0}


def changed(program: Program, name: str, **values: Any) -> Program:
    return replace(
        program,
        connections=tuple(replace(co, **values) if co.name == name else co for co in program.connections),
    )


def test_a_wrong_delay_a_wrong_kernel_and_a_wrong_stride_are_seen() -> None:
    data = spikes(128)
    made = compile_network(cnn())
    late = violation(made, changed(made.program, "p+b", delay=3), data)
    assert late is not None
    assert late.layer == "m"
    kernel = made.program.connections[0].weight.copy()
    kernel[1, 0, 2, 2] += 40
    wrong = violation(made, changed(made.program, "a", weight=kernel), data)
    assert wrong is not None
    assert (wrong.layer, wrong.what) == ("n", "u")
    assert wrong.neuron // 64 == 1


def test_delays_of_each_synapse_and_of_loops_are_kept() -> None:
    nodes: dict[str, nir.NIRNode] = {
        "in": nir.Input({"input": np.array([4])}),
        "early": delay(0, 1, 2, 7),
        "w": nir.Affine(weights(6, 4) * 4, weights(6) * 0.1),
        "n": neurons(6),
        "rec": nir.Linear(weights(6, 6)),
        "loop": delay(4, 1, 2, 3, 1, 1),
        "w2": nir.Linear(weights(3, 6) * 2),
        "m": neurons(3),
        "out": nir.Output({"output": np.array([3])}),
    }
    edges = [("in", "early"), ("early", "w"), ("w", "n"), ("n", "loop"), ("loop", "rec"), ("rec", "n")]
    edges += [("n", "w2"), ("w2", "m"), ("m", "out")]
    made = compile_network(network(nir.NIRGraph(nodes, edges, type_check=False)))
    waits = {one.name: one.delay for one in made.program.connections}
    assert waits["w"][0].tolist() == [0, 1, 2, 7]
    assert waits["rec"][0].tolist() == [3, 0, 1, 2, 0, 0]  # the connection takes one step of its own
    assert violation(made, made.program, spikes(4)) is None


def skipping(*steps: float) -> Network:
    nodes: dict[str, nir.NIRNode] = {
        "in": nir.Input({"input": np.array([4])}),
        "w": nir.Linear(weights(6, 4) * 4),
        "n": neurons(6),
        "w2": nir.Linear(weights(3, 6) * 2),
        "m": neurons(3),
        "skip": nir.Linear(weights(3, 4)),
        "out": nir.Output({"output": np.array([3])}),
    }
    edges = [("in", "w"), ("w", "n"), ("n", "w2"), ("w2", "m"), ("m", "out"), ("in", "skip")]
    if steps:
        nodes["d"] = delay(*steps)
    edges += [("skip", "d"), ("d", "m")] if steps else [("skip", "m")]
    return network(nir.NIRGraph(nodes, edges, type_check=False))


def test_a_shortcut_with_a_delay_keeps_its_time() -> None:
    made = compile_network(skipping(2))
    assert {one.name: int(one.delay) for one in made.program.connections} == {"w": 0, "w2": 0, "skip": 3}
    assert violation(made, made.program, spikes(4)) is None


def test_a_shortcut_without_delay_waits_for_the_longer_way_and_one_that_waits_too_long_is_refused() -> None:
    made = compile_network(skipping())
    assert {one.name: int(one.delay) for one in made.program.connections} == {"w": 0, "w2": 0, "skip": 1}
    assert violation(made, made.program, spikes(4)) is None
    with pytest.raises(MappingError, match=r"skip .* waits 64 steps, at most 63 are allowed; give a larger dt_s="):
        compile_network(skipping(63))


@pytest.mark.parametrize("readout", [li, cuba_li, integrator])
def test_every_readout_obeys_the_graph(readout: Any) -> None:
    found = network(
        chained((3, 9), a=conv1d(weights(4, 3, 3)), n=neurons(4, 7), w=nir.Linear(weights(2, 28)), r=readout(2))
    )
    data = spikes(27)
    made = compile_network(found)
    assert violation(made, made.program, data) is None
    real, whole = reference.run(found, data), fixed.run(made.program, data)
    assert whole.scores_BN is not None
    assert real.scores_BN is not None
    scale = made.program.layer("r").v_per_unit
    np.testing.assert_allclose(whole.scores_BN / scale, real.scores_BN, atol=0.1 * np.abs(real.scores_BN).max())


def test_calibration_looks_at_potentials_where_those_are_read() -> None:
    found, data = cnn(), spikes(128, 64)
    plain, best = compile_network(found, weight_bits=3), calibrate(found, data, 3)
    assert best.choice.chosen == "calibrated"
    made, held = compile_network(best.network, plan=best.plan), data[1::2]
    goal = reference.run(found, held, record=True).layers[found.output].v_BTN
    kept = []
    for one in (plain, made):
        layer = one.program.layer(found.output)
        v = fixed.run(one.program, held, record=True).layers[found.output].v_BTN[:, layer.start :]
        v = (v - layer.v_offset) / layer.v_per_unit
        kept.append(1 - np.abs(v - goal).sum() / (np.abs(v) + np.abs(goal)).sum())
    assert best.choice.layers is not None
    assert list(best.choice.layers[found.output].values()) == pytest.approx(kept)
    assert kept[1] > kept[0]


def test_convolutions_are_rounded_one_by_one_and_matrices_together() -> None:
    found, data = cnn(), spikes(128)
    measured = measure(found, data)
    plan = choose_plan(found, 4, measured)
    together = {one.name: one for one in rounded_together(found, plan, measured).synapses}
    before = {one.name: one for one in found.synapses}
    assert together["a"] is not None
    assert (together["a"].weight == before["a"].weight).all()
    assert (together["w"].weight != before["w"].weight).any()


def test_a_matrix_beside_a_convolution_is_rounded_and_checked_like_any() -> None:
    nodes: dict[str, nir.NIRNode] = {
        "in": nir.Input({"input": np.array([1, 6, 6])}),
        "a": conv2d(weights(2, 1, 3, 3) * 2),
        "n": neurons(2, 4, 4),
        "rec": nir.Linear(weights(32, 32)),
        "out": nir.Output({"output": np.array([2, 4, 4])}),
    }
    edges = [("in", "a"), ("a", "n"), ("n", "rec"), ("rec", "n"), ("n", "out")]
    found, data = network(nir.NIRGraph(nodes, edges, type_check=False)), spikes(36)
    measured = measure(found, data)
    assert measured["n"].moment.shape == (32, 32)
    made = compile_network(found, measured=measured)
    assert violation(made, made.program, data) is None
    assert sorted(one.window is None for one in made.program.connections) == [False, True]


def test_a_precision_in_the_file_is_taken_over_for_a_convolution() -> None:
    """What a quantised convolution carries gives the identical integers again, through a pool of sums too."""
    graph = chained((2, 4, 4), p=pool(nir.SumPool2d, 2), a=conv2d(weights(3, 2, 1, 1)), n=neurons(3, 2, 2))
    made = compile_network(network(graph))
    precise = made.plan.connections["p+a"]
    node = graph.nodes["a"]
    node.weight = made.quantised.synapses[0].weight[:, :, :1, :1]
    node.metadata = wrapped(weight_bits=precise.weight_bits, weight_exp=precise.weight_exp)
    graph.nodes["n"].metadata = wrapped(vth_mant=made.plan.vth_mant["n"], reset="zero")
    again = network(graph)
    assert again.quantised
    assert compile_network(again).program.digest == made.program.digest
