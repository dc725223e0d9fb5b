"""Our simulator and Lava 0.10.0 agree in every spike, current and potential.

Random Programs reach into the corners of every field; the corners themselves are set by hand.
Programs run one sample at a time and several side by side: both are compared.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from neurodeploy.backends import fixed, lava
from neurodeploy.errors import ProgramError
from neurodeploy.fixedpoint import rules
from neurodeploy.mapping.program import INPUT, Connection, Layer, Program
from tests.backends.lava_support import assert_same_states, layer, one_layer, program

N_RANDOM = 60
LIMIT = rules.STATE_LIMIT


@pytest.fixture(scope="module")
def worker() -> Iterator[lava.Worker]:
    with lava.Worker() as kept_alive:
        yield kept_alive


def _among(rng: np.random.Generator, low: int, high: int, size: int | tuple[int, int] | None = None) -> np.ndarray:
    """Return integers of a range, every other one at or beside its ends."""
    anywhere = rng.integers(low, high + 1, size)
    edges = rng.choice([low, low + 1, high - 1, high], size)
    return np.where(rng.random(size) < 0.5, anywhere, edges)


def _random_layer(rng: np.random.Generator, name: str, n_neurons: int, start: int) -> Layer:
    own = rng.random() < 0.3
    each = n_neurons if own else None
    top = (1 << rules.THRESHOLD_BITS) - 1
    return layer(
        name,
        n_neurons,
        start=start,
        reset=rng.choice(rules.RESETS, p=[0.7, 0.3]).item(),
        du=_among(rng, 0, rules.DECAY_ONE - 1, each),
        dv=_among(rng, 0, rules.DECAY_ONE, each),
        vth=_among(rng, 0, top, each) if rng.random() < 0.3 else rng.integers(0, 3000, each),
        bias_mant=_among(rng, -4096, 4095, n_neurons) * (rng.random(n_neurons) < 0.5),
        bias_exp=int(_among(rng, 0, rules.BIAS_EXPONENT_MAX)),
        u_init=_among(rng, 1 - LIMIT, LIMIT - 1, n_neurons) * (rng.random(n_neurons) < 0.5),
        v_init=_among(rng, 1 - LIMIT, LIMIT - 1, n_neurons) * (rng.random(n_neurons) < 0.5),
    )


def _random_connection(rng: np.random.Generator, source: Layer | int, target: Layer) -> Connection:
    name, n_source = (INPUT, source) if isinstance(source, int) else (source.name, source.n_neurons)
    low, high = [(-256, 255), (0, 255), (-255, 0), (-20, 20), (0, 0)][rng.choice(5, p=[0.4, 0.2, 0.2, 0.15, 0.05])]
    weight = _among(rng, low, high, (target.n_neurons, n_source))
    exponent = int(_among(rng, rules.WEIGHT_EXPONENT_MIN, rules.WEIGHT_EXPONENT_MAX))
    return Connection(f"{name}-{target.name}", name, target.name, weight, exponent)


def random_case(seed: int) -> tuple[Program, np.ndarray]:
    """Return a Program of one to three layers, some recurrent or skipping, and spikes for it."""
    rng = np.random.default_rng(seed)
    n_inputs = int(rng.choice([1, 8, 40]))
    layers = [_random_layer(rng, f"l{i}", int(rng.integers(1, 9)), i + 1) for i in range(rng.integers(1, 4))]
    ends: list[Layer | int] = [n_inputs, *layers]
    pairs = [(ends[i], target) for i, target in enumerate(layers)]
    pairs += [(target, target) for target in layers if rng.random() < 0.4]
    pairs += [(layers[-1], layers[0])] if len(layers) > 1 and rng.random() < 0.3 else []
    pairs += [(n_inputs, layers[-1])] if len(layers) > 1 and rng.random() < 0.3 else []
    network = program(n_inputs, layers, [_random_connection(rng, *pair) for pair in pairs])
    shape = (int(rng.choice([1, 3])), int(rng.integers(1, 40)), n_inputs)
    return network, rng.random(shape) < rng.choice([0.05, 0.5, 1.0])


@pytest.mark.lava
@pytest.mark.parametrize("seed", range(N_RANDOM))
def test_random_programs_agree_in_every_state(worker: lava.Worker, seed: int) -> None:
    network, spikes = random_case(seed)
    assert_same_states(fixed.run(network, spikes, record=True), worker.run(network, spikes, record=True))


def test_the_random_programs_reach_what_they_are_for() -> None:
    """Wraps, saturations, currents beyond 24 bits, spikes of both resets and of own parameters."""
    reached = dict.fromkeys(("wrapped", "saturated", "beyond", "zero", "subtract", "own", "silent"), 0)
    for seed in range(N_RANDOM):
        network, spikes = random_case(seed)
        trace = fixed.run(network, spikes, record=True)
        for one in network.layers:
            assert isinstance(one, Layer)
            for key in ("wrapped", "saturated"):
                reached[key] += trace.overflows[one.name][key] > 0
            n_spikes = trace.counts[one.name].sum()
            reached["beyond"] += np.abs(trace.layers[one.name].u_BTN.astype(np.int64)).max() > LIMIT
            reached[one.reset] += n_spikes > 0
            reached["own"] += n_spikes > 0 and not one.shared
            reached["silent"] += n_spikes == 0
    assert min(reached.values()) >= 3, reached


EIGHT = np.ones((1, 4, 8))
"""Eight input channels that spike at each of four steps."""

CORNERS = {
    "a current of +2^23 stays": (
        one_layer(np.full((1, 8), 128), 7, du=4095, vth=131071, dv=4096),
        LIMIT,
        None,
    ),
    "a current of -2^23 becomes +2^23": (
        one_layer(np.full((1, 8), -128), 7, du=4095, vth=131071, dv=4096),
        LIMIT,
        None,
    ),
    "a current above 2^23 wraps": (
        one_layer([[128] * 7 + [255]], 7, du=4095, vth=131071),
        (128 * 7 + 255 << 13) - 2 * LIMIT,
        None,
    ),
    "a current wraps once and may stay beyond": (
        one_layer(np.full((1, 8), 255), 7, du=4095, vth=131071),
        (255 * 8 << 13) - 2 * LIMIT,
        None,
    ),
    "a potential stops at -(2^23 - 1)": (
        one_layer([[0] * 8], dv=0, v_init=1 - LIMIT, bias_mant=-4096, bias_exp=7),
        0,
        1 - LIMIT,
    ),
    "a potential at +(2^23 - 1) is above any threshold": (
        one_layer([[0] * 8], dv=0, v_init=LIMIT - 1, bias_mant=1, vth=131071, reset="subtract"),
        0,
        None,
    ),
    "a potential at the threshold does not spike": (
        one_layer([[0] * 8], dv=4096, vth=2, bias_mant=128),
        0,
        128,
    ),
    "a potential above the threshold spikes": (one_layer([[0] * 8], dv=4096, vth=2, bias_mant=129), 0, 0),
    "subtraction keeps the rest": (
        one_layer([[0] * 8], dv=4096, vth=2, bias_mant=129, reset="subtract"),
        0,
        1,
    ),
    "leaks go toward zero": (one_layer([[0] * 8], du=0, dv=1, u_init=-1, v_init=-1), 0, 0),
    "a mixed matrix loses its low bit downward": (
        one_layer([[-3, 1, 0, 0, 0, 0, 0, 0]], du=4095, dv=4096),
        -4 << 6,
        -4 << 6,
    ),
    "a matrix of one sign loses nothing": (
        one_layer([[-3, -1, 0, 0, 0, 0, 0, 0]], du=4095, dv=4096),
        -4 << 6,
        -4 << 6,
    ),
    "a negative exponent floors the sum": (
        one_layer([[-1] * 8], -4, du=4095, dv=4096),
        -1 << 6,
        -1 << 6,
    ),
}
"""A Program, and its current and potential at the last step; None where the next test tells."""


@pytest.mark.parametrize("name", CORNERS, ids=str)
def test_corners_are_what_the_rules_say(name: str) -> None:
    network, u, v = CORNERS[name]
    states = fixed.run(network, EIGHT, record=True).layers["hidden"]
    assert states.u_BTN[0, -1, 0] == u
    assert v is None or states.v_BTN[0, -1, 0] == v


@pytest.mark.lava
def test_corners_agree_in_every_state(worker: lava.Worker) -> None:
    """All corners as the layers of one network: 13 networks would take ten times as long."""
    layers, connections = [], []
    for index, (network, _, _) in enumerate(CORNERS.values()):
        own, synapses = network.layers[0], network.connections[0]
        name = f"corner{index}"
        layers.append(Layer(**{**vars(own), "name": name}))
        connections.append(Connection(name, INPUT, name, synapses.weight, synapses.weight_exp))
    network = program(8, layers, connections)
    for samples in (EIGHT, np.concatenate([EIGHT, 0 * EIGHT])):
        expected = fixed.run(network, samples, record=True)
        assert_same_states(expected, worker.run(network, samples, record=True))


@pytest.mark.lava
@pytest.mark.parametrize("du", [0, 100])
@pytest.mark.parametrize("weight", [255, -255])
def test_currents_that_outgrow_32_bits_overflow_alike(worker: lava.Worker, du: int, weight: int) -> None:
    network = one_layer(np.full((2, 40), weight), 7, du=du, vth=131071)
    spikes = np.ones((1, 100, 40))
    expected = fixed.run(network, spikes, record=True)
    assert np.abs(expected.layers["hidden"].u_BTN.astype(np.int64)).max() > 1 << 30
    assert_same_states(expected, worker.run(network, spikes, record=True))


def test_a_synaptic_sum_beyond_lavas_int32_is_refused() -> None:
    with pytest.raises(ProgramError, match="largest synaptic sum"):
        one_layer(np.full((1, 1100), 255), 7)
