"""The certificate fails when something is wrong, and says where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest

from neurodeploy.backends import fixed, reference
from neurodeploy.backends.trace import Trace
from neurodeploy.certificate.certify import CertificateSettings, StageRun, certificate
from neurodeploy.certificate.difference import Difference, first_unequal, spike_agreement
from neurodeploy.certificate.equations import first_violation
from neurodeploy.graph.files import GraphFile
from neurodeploy.graph.network import Network, discretised
from neurodeploy.mapping.compile import Compiled, compile_network
from neurodeploy.program.connection import Connection
from neurodeploy.program.layer import Layer
from neurodeploy.program.program import Program

N_STEPS = 30


@pytest.fixture(scope="module")
def network() -> Network:
    """A recurrent CUBA-LIF network of two layers with biases, and a slow second layer."""
    generator = np.random.default_rng(11)

    def cuba(size: int, tau_mem: float) -> nir.CubaLIF:
        full = np.ones(size)
        return nir.CubaLIF(
            tau_syn=0.002 * full,
            tau_mem=tau_mem * full,
            r=2 * full,
            v_leak=0 * full,
            v_threshold=full,
            v_reset=0 * full,
            w_in=2 * full,
        )

    nodes = {
        "in": nir.Input({"input": np.array([6])}),
        "fc1": nir.Affine(generator.normal(size=(10, 6)) * 2, generator.normal(size=10) * 0.2),
        "n1": cuba(10, 0.004),
        "rec": nir.Linear(generator.normal(size=(10, 10))),
        "fc2": nir.Linear(generator.normal(size=(3, 10)) * 2),
        "n2": cuba(3, 0.02),
        "out": nir.Output({"output": np.array([3])}),
    }
    edges = [
        ("in", "fc1"),
        ("fc1", "n1"),
        ("n1", "rec"),
        ("rec", "n1"),
        ("n1", "fc2"),
        ("fc2", "n2"),
        ("n2", "out"),
    ]
    graph = nir.NIRGraph(nodes, edges, type_check=False)
    return discretised(GraphFile(Path("g.nir"), "g", graph, True), dt_s=1e-3)


@pytest.fixture(scope="module")
def spikes() -> np.ndarray:
    return (np.random.default_rng(2).random((5, N_STEPS, 6)) < 0.3).astype(np.uint8)


def violation(made: Compiled, program: Program, spikes: np.ndarray) -> Any:
    trace = fixed.run(program, spikes, record=True)
    return first_violation(made.quantised, made.plan, trace, spikes)


def certified(made: Compiled, network: Network, program: Program, spikes: np.ndarray) -> dict[str, Any]:
    real = reference.run(network, spikes, record=True)
    whole = fixed.run(program, spikes, record=True)
    runs = [
        StageRun(real),
        StageRun(whole, first_violation(made.quantised, made.plan, whole, spikes)),
    ]
    return certificate(runs, program, real.predictions_B, CertificateSettings(max_accuracy_drop=1.0)).to_dict()


def with_layer(program: Program, name: str, change: Callable[[Layer], Layer]) -> Program:
    return replace(
        program, layers=tuple(change(la) if isinstance(la, Layer) and la.name == name else la for la in program.layers)
    )


def with_weight(program: Program, name: str, at: tuple[int, int], value: int) -> Program:
    def change(one: Connection) -> Connection:
        weight = one.weight.copy()
        weight[at] = value
        return replace(one, weight=weight)

    return replace(program, connections=tuple(change(co) if co.name == name else co for co in program.connections))


def first_use(program: Program, spikes: np.ndarray, source: str, neuron: int) -> tuple[int, int]:
    """Return the chip step at which a spike of `neuron` first arrives anywhere, and its sample."""
    trace = fixed.run(program, spikes, record=True)
    sent = spikes if source == "input" else trace.layers[source].spikes_BTN
    steps = sent[:, :, neuron].any(axis=0)
    step = int(steps.argmax())
    return step + 1, int(sent[:, step, neuron].argmax())


def busiest(program: Program, spikes: np.ndarray, name: str) -> int:
    """Return the neuron of a layer that spikes most."""
    counts = fixed.run(program, spikes).counts[name].sum(axis=0)
    assert counts.max() > 0
    return int(counts.argmax())


def test_an_intact_program_passes(network: Network, spikes: np.ndarray) -> None:
    made = compile_network(network)
    found = certified(made, network, made.program, spikes)
    assert found["passed"]
    assert found["failures"] == []
    assert found["stages"][1]["equations"] == {"holds": True, "first_violation": None}


def test_potentials_of_graph_and_integers_are_compared_in_thresholds(network: Network, spikes: np.ndarray) -> None:
    made = compile_network(network)
    first = spikes[:, :2]  # before any two roundings can part the spikes
    layers = certified(made, made.quantised, made.program, first)["stages"][1]["layers"]
    assert [row["potential_rms"] < 1e-3 for row in layers] == [True, True]
    broken = with_layer(made.program, "n1", lambda layer: replace(layer, dv=layer.dv + 400))
    layers = certified(made, made.quantised, broken, first)["stages"][1]["layers"]
    assert layers[0]["potential_rms"] > 1e-2


@pytest.mark.parametrize(("name", "source"), [("fc1", "input"), ("rec", "n1"), ("fc2", "n1")])
def test_one_broken_weight_fails_where_it_is_first_used(
    name: str, source: str, network: Network, spikes: np.ndarray
) -> None:
    made = compile_network(network)
    neuron = 4 if source == "input" else busiest(made.program, spikes, source)
    connection = next(one for one in made.program.connections if one.name == name)
    before = int(connection.weight[1, neuron])
    broken = with_weight(made.program, name, (1, neuron), before + 2 if before < 254 else before - 2)
    found = certified(made, network, broken, spikes)
    assert not found["passed"]
    first = found["stages"][1]["equations"]["first_violation"]
    step, sample = first_use(broken, spikes, source, neuron)
    assert (first["layer"], first["neuron"], first["what"]) == (connection.target, 1, "u")
    assert (first["step"], first["sample"]) == (step, sample)
    assert "does not compute the graph" in found["failures"][0]


def test_one_broken_decay_fails_where_its_state_first_matters(network: Network, spikes: np.ndarray) -> None:
    made = compile_network(network)
    by = 16
    for key, what in (("du", "u"), ("dv", "v")):
        for name in ("n1", "n2"):
            intact = getattr(fixed.run(made.program, spikes, record=True).layers[name], f"{what}_BTN")
            neuron = int(np.abs(intact).max(axis=(0, 1)).argmax())  # the one that its decay matters most to

            def change(layer: Layer, key: str = key, neuron: int = neuron) -> Layer:
                decay = getattr(layer, key).copy()
                decay[neuron] += by
                return replace(layer, **{key: decay})

            broken = with_layer(made.program, name, change)
            first = violation(made, broken, spikes)
            assert (first.layer, first.what, first.neuron) == (name, what, neuron)
            states = getattr(fixed.run(broken, spikes, record=True).layers[name], f"{what}_BTN")[:, :, neuron]
            initial = np.full((len(states), 1), getattr(broken.layer(name), f"{what}_init")[neuron])
            # What the broken decay changes in each step; one unit of rounding may hide as much again.
            changed = np.abs(np.concatenate([initial, states[:, :-1]], axis=1)) * by / 4096
            assert changed[first.sample, first.step] > 0.5
            assert (changed[:, : first.step] <= 2).all()
            assert not certified(made, network, broken, spikes)["passed"]


def test_one_broken_threshold_fails_in_its_layer(network: Network, spikes: np.ndarray) -> None:
    made = compile_network(network)
    for name in ("n1", "n2"):
        neuron = busiest(made.program, spikes, name)
        for factor in (0.25, 4.0):

            def change(layer: Layer, factor: float = factor, neuron: int = neuron) -> Layer:
                vth = layer.vth.copy()
                vth[neuron] = int(vth[neuron] * factor)
                return replace(layer, vth=vth)

            broken = with_layer(made.program, name, change)
            first = violation(made, broken, spikes)
            assert (first.layer, first.neuron, first.what) == (name, neuron, "spikes")
            # It is the neuron's first spike that came too early, or did not come.
            states = fixed.run(broken, spikes, record=True).layers[name]
            came = bool(states.spikes_BTN[first.sample, first.step, neuron])
            assert came == (factor < 1)
            assert not certified(made, network, broken, spikes)["passed"]


def test_one_broken_initial_state_fails_in_the_first_step(network: Network, spikes: np.ndarray) -> None:
    made = compile_network(network)
    for key in ("u_init", "v_init"):

        def change(layer: Layer, key: str = key) -> Layer:
            state = getattr(layer, key).copy()
            state[2] += 5000
            return replace(layer, **{key: state})

        broken = with_layer(made.program, "n2", change)
        first = violation(made, broken, spikes)
        assert (first.layer, first.what, first.neuron) == ("n2", key[0], 2)
        assert first.step == 0 < made.program.layer("n2").start - 1
        assert not certified(made, network, broken, spikes)["passed"]


def test_a_difference_between_two_integer_runs_is_found_at_its_step(network: Network, spikes: np.ndarray) -> None:
    program = compile_network(network).program
    right = fixed.run(program, spikes, record=True)
    assert first_unequal(right, right) is None
    neuron = busiest(program, spikes, "n1")
    weight = next(one for one in program.connections if one.name == "fc2").weight
    broken = with_weight(program, "fc2", (0, neuron), int(weight[0, neuron]) ^ 8)
    first = first_unequal(fixed.run(broken, spikes, record=True), right)
    step, sample = first_use(program, spikes, "n1", neuron)
    assert first is not None
    assert (first.layer, first.what, first.step, first.sample, first.neuron) == ("n2", "u", step, sample, 0)


def test_lava_that_differs_from_fixed_fails_the_certificate(network: Network, spikes: np.ndarray) -> None:
    made = compile_network(network)
    broken = with_weight(made.program, "fc1", (0, 0), int(made.program.connections[0].weight[0, 0]) ^ 16)
    right = fixed.run(made.program, spikes, record=True)
    # Stands in for a Lava that computes something else; the real one is in the conformance suite.
    other = fixed.run(broken, spikes, record=True)
    other = Trace(**{**vars(other), "backend": "lava"})
    settings = CertificateSettings(max_accuracy_drop=1.0)
    found = certificate([StageRun(right), StageRun(other)], made.program, right.predictions_B, settings).to_dict()
    assert found["bit_exact"] == {"fixed/lava": False}
    assert not found["passed"]
    assert "not bit-exact with fixed: u of layer n1 at step" in found["failures"][0]
    between = StageRun(reference.run(network, spikes, record=True))
    apart = certificate(
        [StageRun(right), between, StageRun(other)], made.program, right.predictions_B, settings
    ).to_dict()
    assert apart["bit_exact"] == {"fixed/lava": False}
    assert not apart["passed"]


def test_lost_accuracy_fails_and_the_limit_itself_passes(network: Network, spikes: np.ndarray) -> None:
    made = compile_network(network)
    real = reference.run(network, spikes, record=True)
    whole = fixed.run(made.program, spikes, record=True)
    labels = real.predictions_B.copy()
    whole.counts["n2"][0] = np.roll(whole.counts["n2"][0], 1) + np.array([0, 0, 1])
    lost = float((whole.predictions_B != labels).mean())
    assert lost > 0
    for limit, passed in ((lost, True), (lost - 0.1, False)):
        settings = CertificateSettings(max_accuracy_drop=limit)
        found = certificate([StageRun(real), StageRun(whole)], made.program, labels, settings).to_dict()
        assert found["passed"] == passed


def test_values_of_24_bits_that_differ_read_differently() -> None:
    read = str(Difference("v", "lif1", 3, 0, 7, -8388607.0, -8388608.0))
    assert read.endswith("found -8388607, expected -8388608")
    assert str(Difference("v", "lif1", 3, 0, 7, 0.25, float("nan"))).endswith("found 0.25, expected nan")


def test_spike_agreement_does_not_count_silence() -> None:
    a, b = np.zeros((1, 100, 10), bool), np.zeros((1, 100, 10), bool)
    assert spike_agreement(a, b) is None
    a[0, 0, 0] = b[0, 1, 0] = True
    assert spike_agreement(a, b) == 0.0
    a[0, 1, 0] = True
    assert spike_agreement(a, b) == pytest.approx(2 / 3)
