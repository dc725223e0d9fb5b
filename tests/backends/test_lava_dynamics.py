"""Programs with adaptive neurons and resonators in Lava: every state is that of the readable engine.

Both call one step rule; `test_dynamics_stand_ins` holds it against others.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from neurodeploy.backends import fixed, lava
from neurodeploy.backends.trace import Trace
from neurodeploy.fixedpoint import rules
from neurodeploy.program.connection import Connection
from neurodeploy.program.dynamics import AnyLayer, DynamicsLayer
from neurodeploy.program.program import INPUT, READOUTS, Program
from neurodeploy.program.window import Window
from tests.backends.dynamics_support import TOP, Adaptive, Resonator, cells, random_cells
from tests.backends.lava_support import (
    MESSAGE,
    assert_same_counts,
    assert_same_states,
    layer,
    messages,
    passive,
    program,
    random_spikes,
)

KINDS = (Adaptive, Resonator)
SEEDS = range(8)


def same(worker: lava.Worker, network: Program, spikes: np.ndarray, samples_per_run: int | None = None) -> Trace:
    """Check that Lava equals the readable engine, whose trace is returned."""
    expected = fixed.run(network, spikes, record=True, engine="plain")
    assert_same_states(expected, worker.run(network, spikes, record=True, samples_per_run=samples_per_run))
    return expected


# Random Programs


def random_case(seed: int) -> tuple[Program, np.ndarray]:
    """Return a convolution into cells, cells with a loop, LIF neurons and cells at the end; and its input."""
    rng = np.random.default_rng(seed)
    window = Window((1, 3, 4), 2, (2, 2))
    kinds = [KINDS[(seed >> bit) % 2] for bit in range(3)]
    first = random_cells(rng, kinds[0], "l0", window.n_outputs)
    last = random_cells(rng, kinds[2], "out", 4, start=4)
    layers: list[AnyLayer] = [
        first,
        random_cells(rng, kinds[1], "l1", 6, start=2 + seed % 3),
        layer("l2", 5, start=3, vth=3000),
        replace(last, v_per_unit=np.full(4, 2.0**20)),
    ]
    pairs = [("l0", "l1"), ("l1", "l1"), ("l1", "l2"), ("l2", "out"), ("out", "l1")]
    sizes = {one.name: one.n_neurons for one in layers}
    connections = [
        Connection("conv", INPUT, "l0", rng.integers(-128, 128, window.weight_shape), int(seed % 3) - 1, window=window)
    ]
    delays: list[Any] = [0, 2, rng.integers(0, 4, (6, 6))]
    for source, target in pairs:
        shape = sizes[target], sizes[source]
        exponent = rng.integers(-8, 8, shape[0]) if rng.random() < 0.7 else int(rng.integers(-2, 8))
        delay = delays[seed % 3] if source == target else 0
        weight = rng.integers(-256, 256, shape)
        connections.append(Connection(f"{source}-{target}", source, target, weight, exponent, delay=delay))
    graded = seed % 2 == 1
    network = program(
        12, layers, connections, graded_input=graded, readout=READOUTS[-1 - seed // 2 % 4], input_shape=(1, 3, 4)
    )
    n_samples = int(rng.choice([1, 3]))
    return network, messages(seed, (n_samples, 30, 12), 3000) if graded else random_spikes(seed, n_samples, 30, 12)


@pytest.mark.lava
@pytest.mark.parametrize("seed", SEEDS)
def test_random_programs_agree_in_every_state(worker: lava.Worker, seed: int) -> None:
    same(worker, *random_case(seed))


def test_the_random_programs_reach_what_they_are_for() -> None:
    reached = dict.fromkeys(
        (*(kind.kind for kind in KINDS), "fires and rests", "u saturates", "v saturates", "small", "softmax"), 0
    )
    for seed in SEEDS:
        network, spikes = random_case(seed)
        trace = fixed.run(network, spikes, record=True, engine="plain")
        for one in network.layers:
            if not isinstance(one, DynamicsLayer):
                continue
            states = trace.layers[one.name]
            reached[one.kind] += 1
            reached["fires and rests"] += 0.05 < states.spikes_BTN.mean() < 0.9
            reached["u saturates"] += set(np.unique(np.abs(states.u_BTN)[states.u_BTN != 0])) > {TOP}
            reached["v saturates"] += set(np.unique(np.abs(states.v_BTN)[states.v_BTN != 0])) > {TOP}
            reached["small"] += bool(((states.v_BTN > 0) & (states.v_BTN < 1000)).any())
        reached["softmax"] += network.readout == rules.SOFTMAX and len(np.unique(trace.output_BN.round(6))) > 2
    assert min(reached.values()) >= 2, reached


# Corners


def network_of(kind: type[DynamicsLayer], n_neurons: int = 7) -> Program:
    """Return graded counts into cells with a loop, and a readout whose softmax is no winner alone."""
    rng = np.random.default_rng(4)
    own = {"alpha": 3500, "gain": 600, "beta": 4000, "a": 300, "jump": 400, "re": 3600, "im": 1500, "drop_y": -300}
    one = {key: value for key, value in own.items() if key in kind.integers}
    hidden = cells(kind, "hidden", n_neurons, **one, drop=1500, bias=rng.integers(-90, 200, n_neurons), vth=900)
    last = replace(passive("out", 4, start=2, dv=200), v_per_unit=np.full(4, 30000.0))
    connections = [
        Connection("in", INPUT, "hidden", rng.integers(-60, 101, (n_neurons, 5)), rng.integers(-1, 4, n_neurons)),
        Connection("loop", "hidden", "hidden", rng.integers(-60, 101, (n_neurons, n_neurons))),
        Connection("out", "hidden", "out", rng.integers(-80, 81, (4, n_neurons)), rng.integers(-1, 4, 4)),
    ]
    return program(5, [hidden, last], connections, graded_input=True, readout=rules.SOFTMAX)


@pytest.mark.lava
@pytest.mark.parametrize("kind", KINDS)
def test_eight_samples_are_the_same_alone_and_side_by_side(worker: lava.Worker, kind: type[DynamicsLayer]) -> None:
    network = network_of(kind)
    spikes = np.random.default_rng(1).poisson(0.6, (8, 40, 5))
    trace = same(worker, network, spikes)
    assert trace.counts["hidden"].any(axis=1).all()
    same(worker, network, spikes[:3], samples_per_run=2)
    counted = worker.run(network, spikes)
    assert not counted.layers
    assert_same_counts(trace, counted)
    assert trace.scores_BN is not None
    assert len(np.unique(trace.scores_BN.round(3))) > 20


@pytest.mark.lava
@pytest.mark.parametrize("kind", KINDS)
def test_cells_sleep_until_their_step(worker: lava.Worker, kind: type[DynamicsLayer]) -> None:
    """A bias, and an input that comes before the step, do nothing."""
    layers = [cells(kind, f"l{start}", 1, start=start, bias=start, vth=2) for start in (1, 2, 5)]
    into = [Connection(one.name, INPUT, one.name, np.array([[100]])) for one in layers]
    trace = same(worker, program(1, layers, into), np.ones((1, 6, 1)))
    for one in layers:
        v = trace.layers[one.name].v_BTN[0, :, 0]
        assert not v[: one.start].any()
        assert v[one.start] == 100 + one.start


@pytest.mark.lava
@pytest.mark.parametrize("kind", KINDS)
def test_sums_of_values_wrap_in_int32_before_they_reach_the_states(
    worker: lava.Worker, kind: type[DynamicsLayer]
) -> None:
    hidden = cells(
        kind, "hidden", 6, fraction_bits=4, **{kind.dynamics.coefficients[0]: 16, kind.dynamics.coefficients[1]: 7}
    )
    rng = np.random.default_rng(2)
    into = [Connection(name, INPUT, "hidden", rng.integers(-256, 256, (6, 9)), rng.integers(-8, 8, 6)) for name in "ab"]
    network = program(9, [hidden], into, graded_input=True)
    spikes = messages(3, (2, 12, 9))
    trace = same(worker, network, spikes)
    assert np.abs(spikes[:, :, :].astype(np.int64) @ into[0].held.T).max() > 1 << 31
    assert np.abs(trace.layers["hidden"].v_BTN).max() == TOP
    assert MESSAGE > TOP


@pytest.mark.lava
@pytest.mark.parametrize("graded", [False, True])
def test_exponents_that_share_a_process_equal_one_dense_for_each(worker: lava.Worker, graded: bool) -> None:
    """Cut into a connection for each exponent, every matrix is a `Dense` process of Lava's own."""
    rng = np.random.default_rng(6)
    exponents = np.array([-8, -1, 0, 3, 7, -1, 3])
    weight = rng.integers(-256, 256, (7, 5))
    together = Connection("in", INPUT, "hidden", weight, exponents)
    apart = [
        Connection(f"in {one}", INPUT, "hidden", np.where(exponents[:, None] == one, weight, 0), int(one), "mixed")
        for one in np.unique(exponents)
    ]
    spikes = messages(6, (3, 9, 5)) if graded else random_spikes(6, 3, 9, 5)
    one, other = (
        worker.run(program(5, [passive("hidden", 7)], into, graded_input=graded), spikes, record=True)
        for into in ([together], apart)
    )
    assert_same_states(one, other)
    assert one.layers["hidden"].u_BTN.any(axis=(0, 1)).sum() >= 6


# The published size


@pytest.mark.lava
@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_clips_of_a_published_network(worker: lava.Worker, kind: type[DynamicsLayer]) -> None:
    """140-512-512-35 for 100 steps, rows of five exponents, about 10 % of the neurons spiking."""
    rng = np.random.default_rng(0)
    sizes = {INPUT: 140, "one": 512, "two": 512, "out": 35}
    layers = []
    for start, name in enumerate(("one", "two"), 1):
        radius, angle = rng.uniform(0.9, 0.999, 512), rng.uniform(0, 0.5, 512)
        stable = {"re": 4096 * radius * np.cos(angle), "im": 4096 * radius * np.sin(angle)}
        own = {"alpha": rng.integers(3000, 4000, 512), "beta": rng.integers(3900, 4060, 512), "gain": 600, "a": 400}
        own |= {key: value.astype(np.int64) for key, value in stable.items()} | {"jump": 400, "drop_y": 700}
        mine = {key: value for key, value in own.items() if key in kind.integers}
        layers.append(cells(kind, name, 512, start=start, **mine, drop=3000, vth=4096))
    last = replace(passive("out", 35, start=3, dv=300), v_per_unit=np.full(35, 4096.0))
    connections = [
        Connection(f"{source}-{target}", source, target, 2 * rng.integers(-64, 65, (sizes[target], sizes[source])),
                   rng.integers(-1, 4, sizes[target]))
        for source, target in itertools.pairwise(sizes)
    ]  # fmt: skip
    network = program(140, [*layers, last], connections, graded_input=True, readout=rules.SOFTMAX)
    trace = same(worker, network, rng.poisson(0.2, (3, 100, 140)))
    for name in ("one", "two"):
        assert 0.02 < trace.layers[name].spikes_BTN.mean() < 0.4
