"""Every kind of connection and input of a Program runs in Lava, and equals our simulator in every state.

Random Programs mix all kinds; the corners of connections are set by hand here, those of layers in
`test_lava_layers`. `tests/conformance` does the same for matrices and plain LIF layers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from neurodeploy.backends import fixed, lava
from neurodeploy.errors import LavaError
from neurodeploy.fixedpoint import rules
from neurodeploy.program.connection import Connection
from neurodeploy.program.dynamics import AnyLayer
from neurodeploy.program.layer import Layer
from neurodeploy.program.program import INPUT, READOUTS, Program
from neurodeploy.program.window import Window
from tests.backends.lava_support import (
    MESSAGE,
    assert_same_states,
    layer,
    messages,
    passive,
    program,
    random_spikes,
    same,
    sigma_delta,
    sum_pool,
)

pytestmark = pytest.mark.lava

LIMIT = rules.STATE_LIMIT
UNITLESS_READOUTS = tuple(readout for readout in READOUTS if readout != rules.SOFTMAX)


# Random Programs: `conformance` draws many more; here each starts with a convolution

SEEDS = range(14)


def random_layer(rng: np.random.Generator, name: str, n_neurons: int, start: int) -> AnyLayer:
    if rng.random() < 0.4:
        return sigma_delta(
            name,
            n_neurons,
            rng.choice(["sigma", "delta", "sigma_delta"]).item(),
            start=start,
            vth=int(rng.choice([0, 3, 200, 65535])),
            bias=rng.integers(-300, 300, n_neurons),
            activation=rng.choice(["relu", "unit"]).item(),
            spike_exp=int(rng.integers(0, 8)),
            state_exp=int(rng.integers(0, 8)),
            cumulative=bool(rng.random() < 0.5),
        )
    clear_every = int(rng.choice([0, 1, 5]))
    return layer(
        name,
        n_neurons,
        start=start,
        reset=rng.choice(rules.RESETS, p=[0.7, 0.3]).item(),
        vth=rng.choice([0, 60, 2000, rules.NEVER]).item(),
        bias_mant=rng.integers(-60, 60, n_neurons),
        u_init=rng.integers(1 - LIMIT, LIMIT, n_neurons),
        refractory=int(rng.choice([0, 0, 1, 63])),
        clear_every=clear_every,
        clear_offset=int(rng.integers(0, 8)) if clear_every else 0,
    )


def random_connection(
    rng: np.random.Generator, source: str, target: AnyLayer, shape: tuple[int, int, int], graded: bool
) -> Connection:
    """Return a matrix, with exponents for its rows, delays and a sign mode."""
    n_sources, n_targets = int(np.prod(shape)), target.n_neurons
    low, high = [(-256, 255), (0, 255), (-255, 0)][rng.integers(3)]
    top = 2 if graded else rules.WEIGHT_EXPONENT_MAX
    delays: list[Any] = [0, 1, 63, rng.integers(0, 5, (n_targets, n_sources))]
    return Connection(
        f"{source}-{target.name}",
        source,
        target.name,
        rng.integers(low, high + 1, (n_targets, n_sources)),
        rng.integers(-8, top + 1, n_targets) if rng.random() < 0.5 else int(rng.integers(-8, top + 1)),
        rng.choice(rules.SIGNS).item(),
        delays[rng.choice(4, p=[0.4, 0.15, 0.15, 0.3])],
    )


def random_case(seed: int) -> tuple[Program, np.ndarray]:
    """Return a Program that starts with a convolution and goes on with any kind, and its input."""
    rng = np.random.default_rng(seed)
    graded = bool(rng.random() < 0.5)
    groups = int(rng.choice([1, 2]))
    window = Window(
        (2 * groups, int(rng.integers(5, 8)), int(rng.integers(4, 7))),
        groups * int(rng.integers(1, 3)),
        (int(rng.integers(1, 4)), int(rng.integers(1, 3))),
        stride=(int(rng.integers(1, 3)), int(rng.integers(1, 3))),
        padding=(int(rng.integers(0, 3)), int(rng.integers(0, 3))),
        dilation=(int(rng.integers(1, 3)), 1),
        groups=groups,
    )
    negative = rng.random() < 0.4
    # A convolution of values must stay within int32, and one with a negative exponent within 24 bits.
    widest = 5 if graded and not negative else 127
    weight = rng.integers(-widest - 1, widest + 1, window.weight_shape)
    exponents = rng.integers(-8, 1, window.out_channels) if negative else rng.integers(0, 2, window.out_channels)
    first = random_layer(rng, "l0", window.n_outputs, 1)
    layers = [first, random_layer(rng, "l1", 5, 2), random_layer(rng, "l2", 3, 3)]
    delay = int(rng.choice([0, 1, 9]))
    connections = [Connection("conv", INPUT, "l0", weight, exponents, delay=delay, window=window)]
    pairs: list[tuple[int, int]] = [(0, 1), (1, 2), *[(2, 2), (0, 2), (2, 1)][: rng.integers(0, 4)]]
    for source, target in pairs:
        one = layers[source]
        connections.append(random_connection(rng, one.name, layers[target], (1, 1, one.n_neurons), one.graded))
    network = program(
        window.n_inputs,
        layers,
        connections,
        graded_input=graded,
        readout=rng.choice(UNITLESS_READOUTS if layers[2].graded else READOUTS).item(),
        input_shape=window.input_shape,
    )
    shape = (int(rng.choice([1, 3])), 25, window.n_inputs)
    spikes = messages(seed, shape, 2000 if negative else MESSAGE - 1) if graded else rng.random(shape) < 0.3
    return network, spikes


@pytest.mark.parametrize("seed", SEEDS)
def test_random_programs_of_every_kind_agree_in_every_state(worker: lava.Worker, seed: int) -> None:
    network, spikes = random_case(seed)
    assert_same_states(fixed.run(network, spikes, record=True), worker.run(network, spikes, record=True))


def test_the_random_programs_reach_what_they_are_for() -> None:
    """Wraps of int32, delays, messages, rests, clears, and convolutions with every kind of exponent."""
    reached = dict.fromkeys(("graded", "messages", "beyond", "unrolled", "late", "rests", "clears", "scores"), 0)
    for seed in SEEDS:
        network, spikes = random_case(seed)
        trace = fixed.run(network, spikes, record=True)
        conv = network.connections[0]
        spiking = [one for one in network.layers if isinstance(one, Layer) and trace.counts[one.name].any()]
        reached["graded"] += network.graded_input
        reached["messages"] += any(one.graded and trace.counts[one.name].any() for one in network.layers)
        reached["beyond"] += any(np.abs(states.u_BTN).max() > 1 << 30 for states in trace.layers.values())
        reached["unrolled"] += bool(np.min(conv.weight_exp) < 0)
        reached["late"] += bool(np.min(conv.weight_exp) >= 0) and conv.largest_delay > 0
        reached["rests"] += any(one.refractory > 0 for one in spiking)
        reached["clears"] += any(one.clear_every > 1 for one in spiking)
        reached["scores"] += trace.scores_BN is not None
    assert min(reached.values()) >= 3, reached


# Matrices: sign modes, exponents, delays


@pytest.mark.parametrize("sign", rules.SIGNS)
@pytest.mark.parametrize("delay", [0, 2])
def test_a_matrix_is_held_by_its_sign_mode(worker: lava.Worker, sign: str, delay: int) -> None:
    """A row on its own would be held otherwise: the mode is that of the whole matrix."""
    weight = np.array([[255, 3, 1], [-3, -1, -256], [7, -7, 0], [5, 3, 1]])
    for exponent in (0, np.array([0, -1, 2, 0])):
        one = Connection("in", INPUT, "hidden", weight, exponent, sign, delay)
        network = program(3, [passive("hidden", 4)], [one])
        spikes = np.tile(np.eye(3), (2, 2, 1))
        trace = same(worker, network, spikes)
        held = rules.loihi_weights(weight, sign=sign)
        sums = rules.shift_by_exponent(held[:, 1], one.row_exponents)
        np.testing.assert_array_equal(trace.layers["hidden"].u_BTN[0, 2 + delay], sums << 6)


def test_delays_up_to_63_reach_past_a_request_to_lava(worker: lava.Worker) -> None:
    delays = np.array([[0, 63], [1, 62], [7, 0]])
    for delay in (delays, 63):
        one = Connection("in", INPUT, "hidden", np.array([[100, -6], [-20, 40], [-2, 4]]), -3, delay=delay)
        trace = same(worker, program(2, [layer("hidden", 3)], [one]), random_spikes(0, 2, 150, 2))
        assert trace.layers["hidden"].u_BTN.any()


def test_the_exponent_acts_on_each_delay_alone(worker: lava.Worker) -> None:
    """Two spikes of weight 1 that arrive together and halve to 1 together halve to 0 apart."""
    one = Connection("in", INPUT, "hidden", np.array([[1, 1, 1, 1]]), -1, delay=np.array([[0, 0, 1, 2]]))
    spikes = np.array([[[0, 0, 0, 1], [0, 0, 1, 0], [1, 1, 0, 0], [0, 0, 0, 0]]])
    trace = same(worker, program(4, [passive("hidden", 1)], [one]), spikes)
    assert trace.layers["hidden"].u_BTN[0, :, 0].tolist() == [0, 0, 0, 64, 0]


@pytest.mark.parametrize("exponent", [-8, -1, 0, 7])
@pytest.mark.parametrize("delay", [0, 1])
def test_sums_of_values_leave_int32_as_lavas_do(worker: lava.Worker, exponent: int, delay: int) -> None:
    """`Dense` wraps its sum before the exponent; `DelayDense` wraps each product, and sums in int64."""
    one = Connection("in", INPUT, "hidden", np.full((1, 8), -256), exponent, "mixed", delay)
    network = program(8, [passive("hidden", 1)], [one], graded_input=True)
    spikes = np.concatenate([np.full((1, 5, 8), -MESSAGE), messages(0, (1, 5, 8))])
    same(worker, network, spikes)


def test_several_connections_end_on_one_layer(worker: lava.Worker) -> None:
    rng = np.random.default_rng(3)
    window = Window((1, 3, 3), 2, (2, 2))
    connections = [
        Connection("dense", INPUT, "hidden", rng.integers(-99, 99, (8, 9)), rng.integers(-2, 3, 8)),
        Connection("late", INPUT, "hidden", rng.integers(0, 99, (8, 9)), delay=rng.integers(0, 9, (8, 9))),
        Connection("conv", INPUT, "hidden", rng.integers(-99, 99, window.weight_shape), window=window),
        Connection("loop", "hidden", "hidden", rng.integers(-99, 99, (8, 8)), delay=1),
    ]
    trace = same(worker, program(9, [layer("hidden", 8)], connections), random_spikes(3, 3, 40, 9))
    assert trace.counts["hidden"].any()


# Convolutions


def conv(window: Window, weight: Any, exponent: Any = 0, delay: int = 0, graded: bool = False) -> Program:
    one = Connection("conv", INPUT, "hidden", np.asarray(weight), exponent, delay=delay, window=window)
    return program(window.n_inputs, [passive("hidden", window.n_outputs)], [one], graded_input=graded)


@pytest.mark.parametrize(
    "window",
    [
        Window((2, 5, 4), 3, (2, 3)),
        Window((1, 6, 5), 2, (3, 2), stride=(2, 1), padding=(1, 2)),
        Window((3, 7, 6), 1, (2, 2), dilation=(3, 2)),
        Window((4, 5, 6), 6, (3, 2), stride=(1, 2), padding=(2, 0), groups=2),
        Window((1, 1, 9), 2, (1, 3), dilation=(1, 2)),
    ],
    ids=["plain", "strides and padding", "dilation", "groups", "one dimension"],
)
@pytest.mark.parametrize("exponent", [1, -2])
def test_a_convolution_is_lavas(worker: lava.Worker, window: Window, exponent: int) -> None:
    """Rows and columns differ everywhere, so that an axis swapped or a kernel not flipped is seen."""
    weight = np.random.default_rng(1).integers(-128, 128, window.weight_shape)
    for delay in (0, 3):
        trace = same(worker, conv(window, weight, exponent, delay), random_spikes(1, 3, 6, window.n_inputs))
        assert trace.layers["hidden"].u_BTN.any()


def test_a_convolutions_weights_keep_their_low_bit_and_its_channels_their_exponents(worker: lava.Worker) -> None:
    window = Window((1, 2, 2), 3, (2, 2))
    weight = np.array([[1, -3, 5, -7], [255, 1, 0, 0], [-255, -1, -3, 0]]).reshape(window.weight_shape)
    trace = same(worker, conv(window, weight, np.array([0, 2, 7])), np.ones((2, 2, 4)))
    assert trace.layers["hidden"].u_BTN[0, 1].tolist() == [-4 << 6, 256 << 8, -259 << 13]


@pytest.mark.parametrize("total", [LIMIT - 1, LIMIT, -LIMIT, -LIMIT - 1, 5 * LIMIT + 7])
@pytest.mark.parametrize("delay", [0, 2])
def test_a_convolutions_sum_wraps_into_24_bits(worker: lava.Worker, total: int, delay: int) -> None:
    window = Window((3, 1, 1), 1, (1, 1))
    spikes = np.zeros((1, 3, 3))
    spikes[0, 0] = total // 6, total - 6 * (total // 6), 0
    network = conv(window, np.array([6, 1, 1]).reshape(window.weight_shape), delay=delay, graded=True)
    trace = same(worker, network, spikes)
    wrapped = (total + LIMIT) % (2 * LIMIT) - LIMIT
    expected = rules.wrap_current(rules.as_int32(np.array([wrapped << 6])))
    assert trace.layers["hidden"].u_BTN[0, 1 + delay] == expected


def test_a_convolution_whose_sum_leaves_int32_is_refused_by_its_name(worker: lava.Worker) -> None:
    """There Lava casts float64 to int32, which C leaves undefined."""
    window = Window((1, 2, 2), 1, (2, 2))
    network = conv(window, np.full(window.weight_shape, 127), graded=True)
    same(worker, network, np.full((1, 2, 4), MESSAGE // 4))
    with pytest.raises(LavaError, match=r"'conv': a sum left int32"):
        worker.run(network, np.full((1, 2, 4), MESSAGE - 1))


def test_average_pools_are_floored_sums(worker: lava.Worker) -> None:
    """With 130 channels there are more groups than Lava's `Conv` counts, with one step there is none."""
    for channels, exponent in ((2, -2), (2, 0), (130, 0), (130, -2)):
        pool = sum_pool("hidden", (channels, 4, 4), (2, 2), weight_exp=exponent)
        network = program(16 * channels, [layer("hidden", 4 * channels, vth=1)], [pool])
        trace = same(worker, network, random_spikes(2, 2, 5, 16 * channels, 0.6))
        assert trace.counts["hidden"].any()


def test_more_samples_than_groups_fit_one_convolution_are_run_apart(worker: lava.Worker) -> None:
    pool = sum_pool("hidden", (50, 2, 2), (2, 2))
    network = program(200, [layer("hidden", 50)], [pool])
    spikes = random_spikes(4, 5, 3, 200)
    expected = fixed.run(network, spikes, record=True)
    assert_same_states(expected, worker.run(network, spikes, record=True, samples_per_run=5))


def test_odd_weights_of_both_signs_with_a_negative_exponent_are_refused(worker: lava.Worker) -> None:
    window = Window((1, 1, 2), 1, (1, 2))
    held = conv(window, np.reshape([-128, 127], window.weight_shape), -1)
    same(worker, held, np.ones((1, 2, 2)))
    with pytest.raises(LavaError, match=r"'conv': .* no odd weights of both signs beyond -128..127, found -129..1"):
        worker.run(conv(window, np.reshape([-129, 1], window.weight_shape), -1), np.ones((1, 2, 2)))


def test_messages_that_would_wrap_a_convolution_unrolled_are_refused(worker: lava.Worker) -> None:
    window = Window((1, 1, 2), 1, (1, 2))
    weight = np.full(window.weight_shape, 64)
    most = ((LIMIT - 1 << 3) + 7) // 128
    network = conv(window, weight, -3, graded=True)
    same(worker, network, np.full((1, 2, 2), most))
    with pytest.raises(LavaError, match="messages up to 8388607 need; they may be up to 524287"):
        worker.run(network, np.full((1, 2, 2), MESSAGE - 1))
    # Messages of a layer are known after the run only.
    sums = sigma_delta("sums", 2, "sigma")
    after = Connection("conv", "sums", "hidden", weight, -3, window=window)
    connections = [Connection("in", INPUT, "sums", 255 * np.eye(2, dtype=np.int64), 7), after]
    network = program(2, [sums, passive("hidden", 1, start=2)], connections)
    same(worker, network, np.ones((2, 5, 2)))
    with pytest.raises(LavaError, match="they may be up to 524287"):
        worker.run(network, np.ones((1, 40, 2)))
