"""The torch engine equals the plain one in every state, count and score, on random Programs of all kinds.

Axes: B sample, T step, I channel.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from neurodeploy.backends.fixed.plain import PlainEngine
from neurodeploy.backends.fixed.torch_engine import TorchEngine, exact_products
from neurodeploy.backends.trace import Part
from neurodeploy.fixedpoint import rules, sigma_delta
from neurodeploy.program.connection import Connection
from neurodeploy.program.dynamics import AnyLayer
from neurodeploy.program.layer import Layer, SigmaDelta
from neurodeploy.program.program import INPUT, READOUTS, Program
from neurodeploy.program.window import Window
from tests.backends.lava_support import layer, one_layer, program, random_spikes

DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device")),
]
N_SAMPLES, N_STEPS, SPLIT = 3, 17, 10
SHAPE = (4, 5, 6)
N_INPUTS = 4 * 5 * 6


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def random_lif(rng: np.random.Generator, name: str, n_neurons: int, start: int) -> AnyLayer:
    """Return a layer whose neurons differ in every number; some wrap, some saturate."""
    high = rules.STATE_LIMIT
    return layer(
        name,
        n_neurons,
        start=start,
        reset=str(rng.choice(rules.RESETS)),
        du=rng.choice([0, 5, 400, 4095], n_neurons),
        dv=rng.choice([0, 1, 300, 4096], n_neurons),
        vth=rng.choice([0, 40, 2000, rules.NEVER], n_neurons),
        bias_mant=rng.integers(-4096, 4096, n_neurons),
        bias_exp=int(rng.integers(0, 8)),
        u_init=rng.integers(1 - high, high, n_neurons),
        v_init=rng.choice([1 - high, 0, high - 1], n_neurons),
        refractory=int(rng.choice([0, 0, 1, 3])),
        clear_every=int(rng.choice([0, 5])),
        clear_offset=int(rng.integers(0, 8)),
    )


def random_sigma_delta(rng: np.random.Generator, name: str, n_neurons: int, start: int) -> AnyLayer:
    return SigmaDelta(
        name,
        role=str(rng.choice(sigma_delta.ROLES)),
        vth=int(rng.choice([0, 1, 30, 65535])),
        bias=rng.integers(-(1 << 15), 1 << 15, n_neurons),
        activation=str(rng.choice(sigma_delta.ACTIVATIONS)),
        start=start,
        spike_exp=int(rng.integers(0, 8)),
        state_exp=int(rng.integers(0, 8)),
        cumulative=bool(rng.integers(2)),
    )


def random_matrix(rng: np.random.Generator, source: str, target: str, n_sources: int, n_targets: int) -> Connection:
    shape = (n_targets, n_sources)
    low, high = ((-256, 256), (0, 256), (-256, 1))[rng.integers(3)]
    return Connection(
        f"{source} to {target}",
        source,
        target,
        rng.integers(low, high, shape),
        weight_exp=rng.integers(-8, 8, n_targets) if rng.integers(2) else int(rng.integers(-8, 8)),
        sign=str(rng.choice(rules.SIGNS)),
        delay=rng.choice([0, 1, 4], shape) if rng.integers(2) else int(rng.integers(0, 4)),
    )


def random_convolution(rng: np.random.Generator, source: str, target: str) -> Connection:
    groups = int(rng.choice([1, 2, 4]))
    window = Window(
        SHAPE,
        4 * int(rng.integers(1, 3)),
        kernel=(int(rng.integers(1, 4)), int(rng.integers(1, 4))),
        stride=(int(rng.integers(1, 3)), int(rng.integers(1, 4))),
        padding=(int(rng.integers(0, 3)), int(rng.integers(0, 2))),
        dilation=(int(rng.integers(1, 3)), int(rng.integers(1, 3))),
        groups=groups,
    )
    return Connection(
        f"{source} to {target}",
        source,
        target,
        rng.integers(-256, 256, window.weight_shape),
        weight_exp=rng.integers(-8, 8, window.out_channels) if rng.integers(2) else int(rng.integers(-8, 8)),
        delay=int(rng.integers(0, 3)),
        window=window,
    )


def random_program(seed: int, *, graded_input: bool) -> Program:
    """Return input -> convolution -> first -> matrices -> second, a loop, and a way past the first layer."""
    rng = np.random.default_rng(seed)
    kinds = [random_lif, random_sigma_delta]
    into = random_convolution(rng, INPUT, "first")
    first = kinds[rng.integers(2)](rng, "first", into.n_outputs, 1)
    second = kinds[rng.integers(2)](rng, "second", 7, 2)
    # The messages of sigma-delta neurons have no unit that a softmax could be taken in.
    readouts = [readout for readout in READOUTS if second.units or readout != rules.SOFTMAX]
    return program(
        N_INPUTS,
        [first, second],
        [
            into,
            random_matrix(rng, "first", "second", into.n_outputs, 7),
            random_matrix(rng, "second", "second", 7, 7),
            random_matrix(rng, INPUT, "second", N_INPUTS, 7),
        ],
        graded_input=graded_input,
        readout=readouts[rng.integers(len(readouts))],
    )


def random_input(seed: int, simulated: Program) -> np.ndarray:
    spikes_BTI = random_spikes(seed, N_SAMPLES, N_STEPS, simulated.n_inputs)
    if not simulated.graded_input:
        return spikes_BTI.astype(np.uint8)
    high = 1 << rules.MESSAGE_BITS - 1
    return np.random.default_rng(seed).integers(-high, high, spikes_BTI.shape).astype(np.int32) * spikes_BTI


def assert_same(one: Part, other: Part) -> None:
    assert one.overflows == other.overflows
    assert one.counts.keys() == other.counts.keys()
    assert one.layers.keys() == other.layers.keys()
    for name, counts in one.counts.items():
        np.testing.assert_array_equal(other.counts[name], counts, err_msg=name, strict=True)
    for name, states in one.layers.items():
        for key in ("spikes_BTN", "u_BTN", "v_BTN"):
            found, expected = getattr(other.layers[name], key), getattr(states, key)
            np.testing.assert_array_equal(found, expected, err_msg=f"{name} {key}", strict=True)
    assert (one.scores_BN is None) == (other.scores_BN is None)
    if one.scores_BN is not None:
        np.testing.assert_array_equal(other.scores_BN, one.scores_BN, strict=True)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("graded_input", [False, True], ids=["spikes", "graded"])
@pytest.mark.parametrize("seed", range(24))
def test_both_engines_agree_in_every_state(seed: int, graded_input: bool, device: str) -> None:
    simulated = random_program(seed, graded_input=graded_input)
    spikes_BTI = random_input(seed, simulated)
    plain, ours = PlainEngine(simulated, N_SAMPLES), TorchEngine(simulated, N_SAMPLES, device)
    # The engine goes on where it was: 10 steps and 7 steps, compared with the plain one's 10 and 7.
    for part in (spikes_BTI[:, :SPLIT], spikes_BTI[:, SPLIT:]):
        assert_same(plain.advance(part, ["first", "second"]), ours.advance(part, ["first", "second"]))
    assert ours.now == plain.now == N_STEPS


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("seed", range(6))
def test_two_calls_are_one_run(seed: int, device: str) -> None:
    simulated = random_program(seed, graded_input=False)
    spikes_BTI = random_input(seed, simulated)
    whole = PlainEngine(simulated, N_SAMPLES).advance(spikes_BTI, ["first", "second"])
    engine = TorchEngine(simulated, N_SAMPLES, device)
    parts = [engine.advance(some, ["first", "second"]) for some in (spikes_BTI[:, :SPLIT], spikes_BTI[:, SPLIT:])]
    for name, states in whole.layers.items():
        for key in ("spikes_BTN", "u_BTN", "v_BTN"):
            joined = np.concatenate([getattr(part.layers[name], key) for part in parts], axis=1)
            np.testing.assert_array_equal(joined, getattr(states, key), err_msg=f"{name} {key}")
        np.testing.assert_array_equal(sum(part.counts[name] for part in parts), whole.counts[name])


def test_the_random_programs_hold_every_kind() -> None:
    programs = [random_program(seed, graded_input=bool(seed % 2)) for seed in range(24)]
    layers = [one for simulated in programs for one in simulated.layers]
    synapses = [one for simulated in programs for one in simulated.connections]
    assert {one.role for one in layers if isinstance(one, SigmaDelta)} == set(sigma_delta.ROLES)
    assert {one.reset for one in layers if isinstance(one, Layer)} == set(rules.RESETS)
    assert {one.sign for one in synapses if not one.window} == set(rules.SIGNS)
    assert {one.window.groups for one in synapses if one.window} == {1, 2, 4}
    assert {simulated.readout for simulated in programs} == set(READOUTS)
    overflows = [
        PlainEngine(simulated, 1).advance(random_input(0, simulated)[:1]).overflows["first"] for simulated in programs
    ]
    assert all(sum(one[key] for one in overflows) for key in ("wrapped", "saturated"))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("last", [1, 2], ids=["float32 holds it", "float32 rounds it"])
def test_a_sum_at_the_edge_of_float32_is_exact(last: int, device: str) -> None:
    weight = np.full((1, 65794), 255)
    weight[0, -1] = last
    total = int(weight.sum())
    assert total == (1 << 24) + last - 1
    simulated = one_layer(weight, du=4095, vth=rules.NEVER)
    engine = TorchEngine(simulated, 1, device)
    assert engine.synapses[0].kind == (torch.float32 if last == 1 else torch.float64)
    spikes_BTI = np.ones((1, 3, weight.shape[1]), np.uint8)
    assert_same(PlainEngine(simulated, 1).advance(spikes_BTI, ["hidden"]), engine.advance(spikes_BTI, ["hidden"]))


@pytest.mark.parametrize("device", DEVICES)
def test_a_message_of_the_smallest_int32_leaves_the_cumulative_error(device: str) -> None:
    bias = np.zeros(1, np.int64)
    only = SigmaDelta("only", sigma_delta.DELTA, 5, bias, sigma_delta.UNIT, 1, 7, 7, cumulative=True)
    simulated = program(1, [only], [Connection("in", INPUT, "only", np.ones((1, 1), np.int64))], graded_input=True)
    spikes_BTI = np.array([[[-3], [-(1 << 17)], [1 - (1 << 17)], [1 - (1 << 17)]]], np.int32)
    plain = PlainEngine(simulated, 1).advance(spikes_BTI, ["only"])
    assert plain.layers["only"].spikes_BTN.ravel().tolist() == [0, 0, -(1 << 24), 1 << 7]
    assert_same(plain, TorchEngine(simulated, 1, device).advance(spikes_BTI, ["only"]))


def test_input_that_cannot_be_written_is_taken() -> None:
    simulated = random_program(0, graded_input=False)
    spikes_BTI = random_input(0, simulated)
    spikes_BTI.flags.writeable = False
    TorchEngine(simulated, N_SAMPLES).advance(spikes_BTI)


def test_the_precision_of_products_is_given_back() -> None:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        with exact_products():
            assert torch.get_float32_matmul_precision() == "highest"
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)
