"""All engines give the same on adaptive neurons, resonators and integrators, in every state, count and score.

Axes: B sample, T step, I input channel, N neuron of a layer.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from neurodeploy.backends.fixed import ENGINES, Simulator, run
from neurodeploy.backends.fixed.native import engine as engine_module
from neurodeploy.backends.fixed.native.tables import CHUNK, unsupported
from neurodeploy.backends.fixed.run import engine_for
from neurodeploy.backends.scores import Scores, score_unit, summed_softmax
from neurodeploy.backends.trace import Trace
from neurodeploy.fixedpoint import rules
from neurodeploy.program.connection import Connection
from neurodeploy.program.dynamics import AnyLayer, DynamicsLayer
from neurodeploy.program.program import INPUT, READOUTS, Program
from tests.backends.dynamics_support import TOP, Adaptive, Integrator, Resonator, cells, random_cells
from tests.backends.lava_support import assert_same_counts, assert_same_states, layer, program

SPIKING, KINDS = (Adaptive, Resonator), (Adaptive, Resonator, Integrator)
SEEDS = 40
N_SAMPLES = 3


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def random_network(seed: int) -> Program:
    """Return input -> cells -> cells, with loops, ways past a layer and delays, -> leaky neurons or cells."""
    rng = np.random.default_rng(seed)
    n_inputs, *sizes = (int(rng.choice([1, 3, 31, 64, 90])) for _ in range(4))
    names = ("one", "two", "out")
    layers: list[AnyLayer] = [
        random_cells(rng, KINDS[rng.integers(3)], name, size, start)
        for start, (name, size) in enumerate(zip(names, sizes, strict=True), 1)
    ]
    if rng.random() < 0.7:
        layers[2] = leaky(rng, sizes[2])
    ways = [(INPUT, "one"), ("one", "two"), ("two", "out")]
    ways += [way for way in [("one", "one"), ("two", "one"), (INPUT, "two"), ("out", "out")] if rng.random() < 0.3]
    widths = {INPUT: n_inputs} | dict(zip(names, sizes, strict=True))
    return program(
        n_inputs,
        layers,
        [random_matrix(rng, *way, widths[way[0]], widths[way[1]]) for way in ways],
        graded_input=bool(rng.random() < 0.7),
        readout=READOUTS[seed % len(READOUTS)],
    )


def leaky(rng: np.random.Generator, n_neurons: int) -> AnyLayer:
    """Return leaky neurons that each have their own numbers; a spike or a rest period in some layers."""
    return layer(
        "out",
        n_neurons,
        start=3,
        reset=rules.RESETS[rng.integers(2)],
        du=rng.integers(0, 4096, n_neurons),
        dv=rng.integers(0, 4097, n_neurons),
        vth=rng.choice([rules.NEVER, 900, 20000], n_neurons),
        bias_mant=rng.integers(-4096, 4096, n_neurons),
        bias_exp=int(rng.integers(0, 8)),
        v_init=rng.integers(-TOP, TOP + 1, n_neurons),
        refractory=int(rng.choice([0, 0, 2])),
    )


def random_matrix(rng: np.random.Generator, source: str, target: str, n_sources: int, n_targets: int) -> Connection:
    low, high = ((-256, 256), (-256, 256), (0, 256), (-255, 1))[rng.integers(4)]
    exponent = rng.integers(-8, 8, n_targets) if rng.random() < 0.7 else int(rng.integers(-8, 8))
    shape = (n_targets, n_sources)
    delay = rng.choice([0, 3], shape) if rng.random() < 0.2 else int(rng.choice([0, 0, 2]))
    return Connection(f"{source} to {target}", source, target, rng.integers(low, high, shape), exponent, delay=delay)


def random_input(made: Program, seed: int, n_steps: int = 30) -> np.ndarray:
    """Return input (B, T, I): spikes, or mostly small counts; in some steps negative ones, large ones, or a flood."""
    rng = np.random.default_rng(seed)
    shape = (N_SAMPLES, n_steps, made.n_inputs)
    if not made.graded_input:
        return rng.random(shape) < rng.choice([0.05, 0.3, 0.9])
    spikes = rng.poisson(rng.choice([0.05, 0.4]), shape)
    spikes[:, 4:8] = rng.choice([0, 0, -2, 1], shape)[:, 4:8]
    spikes[:, 9:11] = rng.choice([0, 0, 5, 1 << 22], shape)[:, 9:11]
    spikes[:, 11] = 3
    return spikes.astype(np.int32)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_random_networks_agree_in_every_state_recorded_or_only_counted(seed: int) -> None:
    made = random_network(seed)
    spikes = random_input(made, seed)
    expected = run(made, spikes, record=True, engine="plain")
    for engine in ("native", "torch"):
        found = run(made, spikes, record=True, engine=engine, threads=1)
        assert_same_states(expected, found)
        assert found.overflows == expected.overflows
    assert_same_counts(expected, run(made, spikes, engine="native", threads=1))


def test_the_random_networks_reach_every_corner() -> None:
    made = [random_network(seed) for seed in range(SEEDS)]
    layers = [one for network in made for one in network.layers if isinstance(one, DynamicsLayer)]
    assert {one.fraction_bits for one in layers} >= {4, 15}
    assert {type(one) for one in layers} == set(KINDS)
    assert {one.n_neurons for one in layers} >= {1, 31}
    assert {network.readout for network in made} == set(READOUTS)
    assert {network.graded_input for network in made} == {False, True}
    assert any(one.source == one.target for network in made for one in network.connections)
    assert any(one.threshold.min() < 0 for one in layers if one.threshold is not None), (
        "these would spike before they move, were they not asleep"
    )
    traces = [run(network, random_input(network, seed), record=True) for seed, network in enumerate(made)]
    saturated = [trace.overflows["one"]["saturated"] for trace in traces]
    assert any(saturated)
    assert not all(saturated)
    fired = [trace.counts["two"].mean() / trace.n_input_steps for trace in traces]
    assert sum(0.02 < rate < 0.9 for rate in fired) > SEEDS // 3


@pytest.mark.parametrize("seed", range(0, SEEDS, 5))
@pytest.mark.parametrize("engine", ENGINES)
def test_steps_and_chunks_are_one_run(engine: str, seed: int) -> None:
    made = random_network(seed)
    spikes = random_input(made, seed, n_steps=12)
    whole = run(made, spikes, record=True, engine="plain")
    fed = Simulator(made, N_SAMPLES, probes=("one", "two", "out"), engine=engine)
    found = [fed.step(spikes[:, step]) for step in range(7)]
    rest = [fed.advance(spikes[:, 7:]), fed.silent(made.depth)]
    for name, expected in whole.layers.items():
        for key in ("spikes_BTN", "u_BTN", "v_BTN"):
            parts = [getattr(one[name], key)[:, None] for one in found] + [getattr(one[name], key) for one in rest]
            np.testing.assert_array_equal(
                np.concatenate(parts, axis=1), getattr(expected, key), err_msg=f"{name} {key}"
            )
        np.testing.assert_array_equal(fed.counts[name], whole.counts[name])


@pytest.mark.parametrize("engine", ["native", "torch"])
def test_scores_of_parts_add_up_to_those_of_a_run(engine: str) -> None:
    made = dataclasses.replace(random_network(3), readout=rules.SOFTMAX)
    spikes = random_input(made, 1)
    whole = engine_for(made, engine)(made, N_SAMPLES, threads=1, goes_on=True).advance(spikes)
    some = engine_for(made, engine)(made, N_SAMPLES, threads=1, goes_on=True)
    parts = [some.advance(spikes[:, first : first + 2]).scores_BN for first in range(0, 30, 2)]
    found = sum(part for part in parts if part is not None)
    assert whole.scores_BN is not None
    np.testing.assert_allclose(found, whole.scores_BN, rtol=1e-12)
    np.testing.assert_allclose(whole.scores_BN.sum(axis=1), 30 - 3)


@pytest.mark.parametrize("options", [{"threads": 2}, {"threads": 3}, {"batch_size": 1}, {"batch_size": 2}])
@pytest.mark.parametrize("seed", [4, 9])
def test_threads_and_batches_never_change_a_result(seed: int, options: dict[str, Any]) -> None:
    made = dataclasses.replace(random_network(seed), readout=rules.SOFTMAX)
    spikes = random_input(made, seed)
    assert_same_states(
        run(made, spikes, record=True, engine="plain"), run(made, spikes, record=True, engine="native", **options)
    )


@pytest.mark.parametrize("kind", SPIKING)
def test_runs_longer_than_a_chunk_go_on_where_it_ended(kind: type[DynamicsLayer]) -> None:
    rng = np.random.default_rng(2)
    made = program(
        5,
        [cells(kind, "one", 40, vth=2000, drop=2500, bias=rng.integers(0, 90, 40), **slow(kind, rng, 40))],
        [random_matrix(rng, INPUT, "one", 5, 40), Connection("loop", "one", "one", rng.integers(-9, 10, (40, 40)))],
        graded_input=True,
        readout=rules.SOFTMAX,
    )
    spikes = rng.poisson(0.2, (2, 2 * CHUNK + 3, 5)).astype(np.int32)
    expected = run(made, spikes, record=True, engine="plain")
    assert 0.01 < expected.counts["one"].mean() / spikes.shape[1] < 0.5
    assert_same_states(expected, run(made, spikes, record=True, engine="native"))
    assert_same_counts(expected, run(made, spikes, engine="native"))


def slow(kind: type[DynamicsLayer], rng: np.random.Generator, n_neurons: int) -> dict[str, Any]:
    """Return coefficients near 1, in 1 / 4096."""
    return {key: rng.integers(100, 400, n_neurons) for key in kind.dynamics.coefficients} | {
        key: rng.integers(3500, 3900, n_neurons) for key in {"alpha", "beta", "re"} & set(kind.dynamics.coefficients)
    }


def every_product(kind: type[DynamicsLayer], bits: int) -> Program:
    """Return neurons whose coefficients and thresholds stand at both ends, driven hard from both sides."""
    most = 2 << bits
    ends = np.array([-most, 1 - most, -1, 0, 1, most - 1, most])
    grid = np.stack(np.meshgrid(*[ends] * len(kind.dynamics.coefficients)), axis=-1).reshape(
        -1, len(kind.dynamics.coefficients)
    )
    values: dict[str, Any] = {key: grid[:, place] for place, key in enumerate(kind.dynamics.coefficients)}
    weight = np.stack([np.full(len(grid), 254), np.full(len(grid), -256)], axis=1)
    values |= dict.fromkeys({"jump", "drop_y"} & set(kind.integers), TOP)
    hidden = cells(kind, "one", len(grid), fraction_bits=bits, vth=TOP - 1, drop=-TOP, bias=-TOP, **values)
    return program(2, [hidden], [Connection("in", INPUT, "one", weight, 7)], graded_input=True)


@pytest.mark.parametrize("bits", [4, 12, 15])
@pytest.mark.parametrize("kind", KINDS)
def test_the_ends_of_every_field_at_once(kind: type[DynamicsLayer], bits: int) -> None:
    made = every_product(kind, bits)
    rng = np.random.default_rng(bits)
    spikes = rng.choice([0, 1, 150, 300, 1 << 16, (1 << 23) - 1, -(1 << 23)], (N_SAMPLES, 25, 2)).astype(np.int32)
    expected = run(made, spikes, record=True, engine="plain")
    assert expected.counts["one"].any()
    assert expected.overflows["one"]["saturated"]
    for engine in ("native", "torch"):
        assert_same_states(expected, run(made, spikes, record=True, engine=engine))
    assert_same_counts(expected, run(made, spikes, engine="native"))


class RoundsAsEver:
    """Stands where a processor does not let itself be told how to round."""

    def __enter__(self) -> bool:
        return False

    def __exit__(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("seed", [1, 6])
def test_the_rounding_of_the_processor_does_not_matter(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    made = random_network(seed)
    spikes = random_input(made, seed)
    expected = run(made, spikes, record=True, engine="native", threads=1)
    monkeypatch.setattr(engine_module, "TowardZero", RoundsAsEver)
    assert_same_states(expected, run(made, spikes, record=True, engine="native", threads=1))


def leaky_network(reset: str, sign: int, **values: Any) -> Program:
    """Return leaky neurons, reached from spikes and from counts with exponents of their own."""
    rng = np.random.default_rng(11)
    hidden = layer("hidden", 37, reset=reset, **values)
    weight = sign * rng.integers(0, 128, (37, 50)) if sign else rng.integers(-256, 256, (37, 50))
    ways = [Connection("in", INPUT, "hidden", weight, rng.integers(-8, 5, 37))]
    return program(50, [hidden], [*ways, Connection("loop", "hidden", "hidden", rng.integers(-40, 30, (37, 37)), 1)])


@pytest.mark.parametrize("graded", [False, True])
@pytest.mark.parametrize("sign", [0, 1, -1])
@pytest.mark.parametrize("reset", rules.RESETS)
def test_leaky_neurons_with_exponents_and_numbers_of_their_own(reset: str, sign: int, graded: bool) -> None:
    rng = np.random.default_rng(5)
    each = {"du": rng.integers(0, 4096, 37), "dv": rng.integers(0, 4097, 37), "vth": rng.integers(0, 9000, 37)}
    bias = {"bias_mant": rng.integers(-4096, 4096, 37), "bias_exp": 5}
    made = leaky_network(reset, sign, **each, **bias, v_init=rng.integers(-TOP, TOP + 1, 37))
    made = dataclasses.replace(made, graded_input=graded, readout="v_sum")
    spikes = rng.poisson(0.3, (N_SAMPLES, 40, 50)) if graded else rng.random((N_SAMPLES, 40, 50)) < 0.3
    expected = run(made, spikes, record=True, engine="plain")
    assert expected.counts["hidden"].any()
    assert_same_counts(expected, run(made, spikes, engine="native"))
    fed = engine_for(made, "native")(made, N_SAMPLES, threads=1, goes_on=True)
    fed.advance(spikes.astype(np.int32 if graded else np.uint8), n_silent=made.depth)
    np.testing.assert_array_equal(fed.state.v[:, :37], expected.layers["hidden"].v_BTN[:, -1])  # type: ignore[attr-defined]
    np.testing.assert_array_equal(fed.state.u[:, :37], expected.layers["hidden"].u_BTN[:, -1])  # type: ignore[attr-defined]


def test_the_compiled_engine_is_the_one_that_runs() -> None:
    made = random_network(0)
    assert not unsupported(made)
    assert engine_for(made) is ENGINES["native"]


@pytest.mark.parametrize("shape", [(5, 40, 6), (1, 300, 35), (2, 3, 1), (64, 1, 4), (3, 0, 4), (70, 300, 9)])
def test_a_softmax_is_summed_as_step_by_step(shape: tuple[int, int, int]) -> None:
    v_BTN = np.random.default_rng(0).integers(-60000, 60000, shape).astype(np.int32)
    unit = np.random.default_rng(1).uniform(3000, 5000, shape[2])
    scores = Scores(rules.SOFTMAX, shape[0], shape[2], 1, unit=unit)
    for step in range(shape[1]):
        scores.add(v_BTN[:, step].astype(np.int64), 1 + step)
    np.testing.assert_array_equal(summed_softmax(v_BTN, unit), scores.BN)


def test_neurons_that_stand_in_another_order_inside_are_scored_by_their_own_unit() -> None:
    """The channels of a convolution's target stand last inside the compiled engine."""
    from neurodeploy.program.window import Window

    rng = np.random.default_rng(8)
    window = Window((2, 4, 4), 3, (3, 3))
    hidden = dataclasses.replace(
        random_cells(rng, Resonator, "one", window.n_outputs), v_per_unit=rng.uniform(1e3, 1e6, window.n_outputs)
    )
    weight = rng.integers(-200, 200, window.weight_shape)
    made = program(32, [hidden], [Connection("in", INPUT, "one", weight, window=window)], readout=rules.SOFTMAX)
    spikes = rng.random((N_SAMPLES, 20, 32)) < 0.2
    traces: list[Trace] = [run(made, spikes, record=True, engine=engine) for engine in ENGINES]
    v = traces[0].layers["one"].v_BTN[:, 1:]
    np.testing.assert_allclose(traces[0].output_BN, summed_softmax(v, score_unit(made)), rtol=1e-12)
    for trace in traces[1:]:
        assert_same_states(traces[0], trace)
