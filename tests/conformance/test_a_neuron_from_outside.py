"""A neuron that the package does not have, added by its equations and one line, goes the whole way.

It has three coupled states: a synaptic current i, a fast adaptation w of the potential and the potential v itself,
which spikes. Everything else is what the package makes of that text: training, NIR, integers, every engine, Lava,
and the certificate. Axes: B sample, T step, N neuron.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest
import torch

from neurodeploy.backends import fixed, lava, reference
from neurodeploy.backends.trace import Trace
from neurodeploy.certificate.equations import first_violation
from neurodeploy.conformance.run import check_conformance
from neurodeploy.errors import GraphError, ProgramError
from neurodeploy.fixedpoint.dynamics.equations import Dynamics
from neurodeploy.fixedpoint.dynamics.table import TABLE, register
from neurodeploy.graph.files import read_graph, write_graph
from neurodeploy.graph.network import Network, discretised
from neurodeploy.mapping.compile import Compiled, compile_network
from neurodeploy.neurons.dynamics import DynamicsNeurons, LeakyReadout
from neurodeploy.program.connection import Connection
from neurodeploy.program.dynamics import layer_type
from neurodeploy.program.file import read_program, write_program
from neurodeploy.program.layer import Layer
from neurodeploy.program.program import Program
from neurodeploy.reading.graph_of import GraphOf, graph_of
from neurodeploy.reading.precision import put_on_grid

DT_S, N_INPUTS, N_HIDDEN, N_CLASSES, N_STEPS = 0.001, 12, 10, 3, 30

BURSTING = Dynamics(
    name="bursting",
    equations=(
        "i = decay i' + input",
        "w = beta w' + a v' + jump s'",
        "v = alpha v' + c i - gain w - drop s'",
        "s = v > threshold",
    ),
    leaks=("decay", "beta", "alpha"),
)
NUMBERS = {"decay": 0.7, "c": 0.4, "beta": 0.9, "a": 0.08, "alpha": 0.85, "gain": 0.3, "jump": 0.2, "drop": 0.9}


@pytest.fixture(scope="module", autouse=True)
def registered() -> Iterator[None]:
    register(BURSTING)
    yield
    del TABLE[BURSTING.name]


class Net(torch.nn.Module):
    """Weights, the neurons, weights, and a leaky readout whose potentials are summed."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.last = torch.nn.Linear(N_INPUTS, N_HIDDEN), torch.nn.Linear(N_HIDDEN, N_CLASSES)
        self.hidden = DynamicsNeurons(BURSTING, {key: torch.full((N_HIDDEN,), one) for key, one in NUMBERS.items()})
        self.readout = LeakyReadout({"beta": torch.full((N_CLASSES,), 0.95)})

    def forward(self, x_BTI: torch.Tensor) -> torch.Tensor:
        return self.readout(self.last(self.hidden(self.first(x_BTI)))).sum(dim=1)


def samples() -> tuple[np.ndarray, np.ndarray]:
    """Return spikes of three classes, each from four channels of its own above all, and the classes."""
    rng = np.random.default_rng(3)
    labels = rng.integers(N_CLASSES, size=24)
    rates = np.where(np.arange(N_INPUTS) // 4 == labels[:, None], 0.5, 0.1)
    return (rng.random((24, N_STEPS, N_INPUTS)) < rates[:, None]).astype(np.uint8), labels


@pytest.fixture(scope="module")
def trained() -> tuple[Net, list[float]]:
    network, (spikes, labels) = Net(), samples()
    with torch.no_grad():
        network.first.weight.mul_(3)
    weights = [*network.first.parameters(), *network.last.parameters()]
    # The neurons' poles must stay inside the unit circle.
    groups: list[dict[str, Any]] = [{"params": weights}, {"params": network.hidden.parameters(), "lr": 0.002}]
    optimiser = torch.optim.Adam(groups, lr=0.02)
    losses = []
    for _ in range(25):
        loss = torch.nn.functional.cross_entropy(network(torch.tensor(spikes).float()) / N_STEPS, torch.tensor(labels))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return network.double().eval(), losses


def read(network: Net) -> GraphOf:
    """Return the module as the tracing reader makes a graph of it."""
    with torch.no_grad():
        return graph_of(network, torch.tensor(samples()[0]).double(), dt_s=DT_S)


def discretise(network: Net, path: Path) -> Network:
    write_graph(path, read(network).graph)
    return discretised(read_graph(path))


@pytest.fixture(scope="module")
def compiled(trained: tuple[Net, list[float]], tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    return compile_network(discretise(trained[0], tmp_path_factory.mktemp("outside") / "model.nir"))


@pytest.fixture(scope="module")
def plain(compiled: Compiled) -> Trace:
    return fixed.run(compiled.program, samples()[0], record=True, engine="plain")


def test_it_trains(trained: tuple[Net, list[float]]) -> None:
    network, losses = trained
    assert losses[-1] < 0.8 * losses[0]
    moved = network.hidden.trained()["beta"].detach().numpy() - np.float32(NUMBERS["beta"])
    assert (moved != 0).mean() > 0.5, "the neurons' own numbers learn too"


def test_its_graph_is_standard_nodes_and_gives_every_spike_of_the_module(
    trained: tuple[Net, list[float]], tmp_path: Path
) -> None:
    network = discretise(trained[0], tmp_path / "m.nir")
    plain_reader: Any = nir.read(tmp_path / "m.nir")
    kinds = {type(node).__name__ for node in plain_reader.nodes["hidden"].nodes.values()}
    assert kinds == {"Input", "Output", "Scale", "Delay", "Threshold"}
    found = reference.run(network, samples()[0], record=True)
    assert 0.02 < found.layers["hidden"].spikes_BTN.mean() < 0.7
    np.testing.assert_array_equal(found.layers["hidden"].spikes_BTN, read(trained[0]).spikes["hidden"])
    scores = trained[0](torch.tensor(samples()[0]).double()).detach().numpy()
    np.testing.assert_allclose(found.output_BN, scores, rtol=1e-9)


def test_it_comes_back_as_the_identical_program(
    trained: tuple[Net, list[float]], compiled: Compiled, tmp_path: Path
) -> None:
    """The module with the chip's numbers says its precision in the graph that is read from it."""
    network = copy.deepcopy(trained[0])
    put_on_grid(network, read(network), compiled.plan)
    again = discretise(network, tmp_path / "m.nir")
    assert again.quantised
    assert compile_network(again).program.digest == compiled.program.digest
    write_program(tmp_path / "p.npz", compiled.program)
    assert read_program(tmp_path / "p.npz").digest == compiled.program.digest


def test_a_program_brings_its_equations_where_nobody_registered_them(
    compiled: Compiled, plain: Trace, tmp_path: Path
) -> None:
    write_program(tmp_path / "p.npz", compiled.program)
    del TABLE[BURSTING.name]
    try:
        there = read_program(tmp_path / "p.npz")
        assert there.digest == compiled.program.digest
        trace = fixed.run(there, samples()[0], record=True)
        np.testing.assert_array_equal(trace.layers["hidden"].u_BTN, plain.layers["hidden"].u_BTN)
        lines = [line.replace("gain w", "gain w'") for line in BURSTING.equations]
        register(replace(BURSTING, equations=tuple(lines)))
        with pytest.raises(ProgramError, match=r"p\.npz: neurons called 'bursting' have other equations here"):
            read_program(tmp_path / "p.npz")
    finally:
        TABLE[BURSTING.name] = BURSTING


def test_the_plain_engine_is_the_equations_by_hand(compiled: Compiled, plain: Trace) -> None:
    """One neuron at a time in Python's integers, from the states and the input alone."""
    hidden: Any = compiled.program.layers[0]
    (one,) = compiled.program.into("hidden")
    states, spikes = plain.layers["hidden"], samples()[0]
    current = (spikes.astype(np.int64) @ one.held.T) << one.row_exponents.clip(0)
    current >>= (-one.row_exponents).clip(0)
    for neuron in range(N_HIDDEN):
        n = {key: int(getattr(hidden, key)[neuron]) for key in hidden.integers}
        i = w = v = s = 0
        for step in range(N_STEPS):
            i = int(n["decay"] * i / 4096) + int(current[0, step, neuron]) + n["bias"]
            w = int((n["beta"] * w + n["a"] * v) / 4096) + n["jump"] * s
            v = int((n["alpha"] * v + n["c"] * i - n["gain"] * w) / 4096) - n["drop"] * s
            s = int(v > n["vth"])
            found = [int(one) for one in states.u_BTN[0, step + 1].reshape(2, N_HIDDEN)[:, neuron]]
            assert (*found, int(states.v_BTN[0, step + 1, neuron])) == (i, w, v)
            assert states.spikes_BTN[0, step + 1, neuron] == s


@pytest.mark.parametrize("engine", ["auto", "torch"])
def test_every_engine_gives_the_same(engine: str, compiled: Compiled, plain: Trace) -> None:
    trace = fixed.run(compiled.program, samples()[0], record=True, engine=engine)
    for name, expected in plain.layers.items():
        for key in ("spikes_BTN", "u_BTN", "v_BTN"):
            np.testing.assert_array_equal(getattr(trace.layers[name], key), getattr(expected, key))
    assert trace.overflows == plain.overflows
    wanted = {"auto": "plain, because hidden: bursting neurons have no compiled kernel", "torch": "torch"}
    assert trace.engine == wanted[engine]


def test_the_compiled_engine_says_that_it_has_no_kernel(compiled: Compiled) -> None:
    with pytest.raises(ProgramError, match=r"hidden: bursting neurons have no compiled kernel: .*use engine 'plain'"):
        fixed.run(compiled.program, samples()[0], engine="native")


@pytest.mark.lava
def test_it_runs_in_lava_bit_for_bit(compiled: Compiled, plain: Trace) -> None:
    """The process that runs Lava has not heard of the neuron: its equations come in the Program's file."""
    spikes = samples()[0]
    trace = lava.run(compiled.program, spikes[:6], record=True)
    for name, expected in plain.layers.items():
        for key in ("spikes_BTN", "u_BTN", "v_BTN"):
            np.testing.assert_array_equal(getattr(trace.layers[name], key), getattr(expected, key)[:6])
    assert plain.layers["hidden"].spikes_BTN[:6].sum() > 100


def test_it_is_certified(compiled: Compiled, plain: Trace) -> None:
    assert first_violation(compiled.quantised, compiled.plan, plain, samples()[0]) is None


FAULTS = [("decay", "i"), ("a", "w"), ("jump", "w"), ("c", "v"), ("vth", "spikes")]
"""A number, and the state that shows first that it is another."""


@pytest.mark.parametrize(("number", "state"), FAULTS)
def test_the_certificate_finds_a_changed_number_where_it_first_matters(
    number: str, state: str, compiled: Compiled
) -> None:
    layer: Any = compiled.program.layers[0]
    values = getattr(layer, number) + np.where(np.arange(N_HIDDEN) == 4, 60, 0)
    changed = replace(layer, **{number: values})
    program = replace(compiled.program, layers=(changed, *compiled.program.layers[1:]))
    spikes = samples()[0]
    trace = fixed.run(program, spikes, record=True)
    found = first_violation(compiled.quantised, compiled.plan, trace, spikes)
    assert found is not None
    assert (found.what, found.layer, found.neuron) == (state, "hidden", 4)


def test_random_networks_draw_it_and_all_engines_agree() -> None:
    found = check_conformance(40, engines_only=True)
    assert found["passed"], found["failures"]
    assert found["kinds"][BURSTING.name] > 2


def test_without_its_line_the_graph_is_not_understood(trained: tuple[Net, list[float]], tmp_path: Path) -> None:
    write_graph(tmp_path / "m.nir", read(trained[0]).graph)
    del TABLE[BURSTING.name]
    try:
        with pytest.raises(GraphError, match="cell = 'bursting', adaptive or resonator or integrator is allowed"):
            discretised(read_graph(tmp_path / "m.nir"))
    finally:
        register(BURSTING)


MEMORY = Dynamics(name="memory", equations=("m = keep m' + input", "s = m"), leaks=("keep",))
"""A linear memory: it sends its state, and what couples its neurons are synapses outside of it."""


def memories(message_exp: int) -> Program:
    """Return two memories that turn into each other by their messages, and a leaky readout of them."""
    one, zero = np.ones(2), np.zeros(2, np.int64)
    units: dict[str, Any] = {"u_per_unit": one, "v_per_unit": one, "u_offset": 0 * one, "v_offset": 0 * one}
    whole: dict[str, Any] = {"keep": zero + 2000, "bias": np.array([0, 3])}
    hidden: Any = layer_type(MEMORY)(
        name="memory", start=1, fraction_bits=12, message_exp=message_exp, **whole, **units
    )
    none: dict[str, Any] = dict.fromkeys(("bias_mant", "u_init", "v_init"), zero)
    readout = Layer(
        name="out", du=zero + 4095, dv=zero + 500, vth=zero + 1000, bias_exp=0, reset="zero", start=2, **none, **units
    )
    connections = (
        Connection("in", "input", "memory", np.array([[90, -40], [20, 250]]), 4),
        Connection("turn", "memory", "memory", np.array([[50, -90], [90, 50]]), message_exp - 8),
        Connection("read", "memory", "out", np.array([[6, 2], [-4, 8]]), message_exp - 8),
    )
    return Program("memory", "loihi2", DT_S, 2, (hidden, readout), connections, "out", graded_input=True)


def values() -> np.ndarray:
    rng = np.random.default_rng(1)
    found: np.ndarray = np.where(rng.random((4, 40, 2)) < 0.2, rng.integers(-900, 900, (4, 40, 2)), 0)
    found[0, 5] = 1 << 20
    return found


@pytest.mark.parametrize("message_exp", [0, 3])
def test_a_neuron_may_send_its_state(message_exp: int, tmp_path: Path) -> None:
    program, spikes = memories(message_exp), values()
    write_program(tmp_path / "p.npz", program)
    assert read_program(tmp_path / "p.npz").digest == program.digest
    plain, torch_run = (fixed.run(program, spikes, record=True, engine=one) for one in ("auto", "torch"))
    assert plain.engine == "plain, because memory: memory neurons have no compiled kernel"
    sent, memory = plain.layers["memory"].spikes_BTN, plain.layers["memory"].v_BTN
    np.testing.assert_array_equal(sent, memory >> message_exp)
    assert np.abs(memory).max() == (1 << 23) - 1, "it saturates"
    assert (sent < 0).any()
    for name, expected in plain.layers.items():
        for key in ("spikes_BTN", "u_BTN", "v_BTN"):
            np.testing.assert_array_equal(getattr(torch_run.layers[name], key), getattr(expected, key))
    m = 0
    for step in range(1, spikes.shape[1]):
        (x, y), (p, q) = spikes[1, step - 1].tolist(), sent[1, step - 1].tolist()
        turned = (50 * p - 90 * q) >> (8 - message_exp)
        m = int(2000 * m / 4096) + ((90 * x - 40 * y) << 4) + turned
        assert m == memory[1, step, 0]


@pytest.mark.lava
@pytest.mark.parametrize("message_exp", [0, 3])
def test_states_are_sent_in_lava_as_well(message_exp: int) -> None:
    program, spikes = memories(message_exp), values()
    plain, trace = fixed.run(program, spikes, record=True, engine="plain"), lava.run(program, spikes, record=True)
    for name, expected in plain.layers.items():
        for key in ("spikes_BTN", "u_BTN", "v_BTN"):
            np.testing.assert_array_equal(getattr(trace.layers[name], key), getattr(expected, key))
