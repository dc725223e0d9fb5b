"""The compiled engine equals the readable one in every state, on every kind of Program.

Axes: B sample, T step, I input channel.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from neurodeploy.backends import fixed
from neurodeploy.backends.fixed.native import columns
from neurodeploy.backends.fixed.native import engine as engine_module
from neurodeploy.backends.fixed.native.engine import SOURCES, NativeEngine, TowardZero, advance
from neurodeploy.backends.fixed.native.tables import CHUNK, unsupported
from neurodeploy.backends.fixed.plain import PlainEngine
from neurodeploy.backends.trace import Part, check_spikes
from neurodeploy.compiled import cache_folder
from neurodeploy.conformance.generate import random_case
from neurodeploy.errors import DataError, ProgramError
from neurodeploy.fixedpoint import rules
from neurodeploy.program.connection import Connection
from neurodeploy.program.program import INPUT, Program
from neurodeploy.program.window import Window
from tests.backends.lava_support import assert_same_states, layer, one_layer, program, random_spikes

RANDOM = 150


def checked_case(seed: int) -> tuple[Program, np.ndarray]:
    case = random_case(seed)
    return case.program, check_spikes(case.spikes, case.program.n_inputs, "test", graded=case.program.graded_input)


def assert_same_parts(one: Part, other: Part) -> None:
    for name, states in one.layers.items():
        for key in ("spikes_BTN", "u_BTN", "v_BTN"):
            np.testing.assert_array_equal(
                getattr(other.layers[name], key), getattr(states, key), err_msg=f"{name} {key}"
            )
        if one.overflows[name]:
            assert other.overflows[name] == one.overflows[name], name
    for name, counts in one.counts.items():
        np.testing.assert_array_equal(other.counts[name], counts, err_msg=name)
    assert (one.scores_BN is None) == (other.scores_BN is None)
    if one.scores_BN is not None:
        np.testing.assert_array_equal(other.scores_BN, one.scores_BN)


@pytest.mark.parametrize("seed", range(RANDOM))
def test_random_programs_agree_in_every_state_counted_or_recorded_whole_or_in_parts(seed: int) -> None:
    made, spikes = checked_case(seed)
    names = [la.name for la in made.layers]
    expected = PlainEngine(made, len(spikes)).advance(spikes, names)
    assert_same_parts(expected, NativeEngine(made, len(spikes)).advance(spikes, names))
    counted = NativeEngine(made, len(spikes), goes_on=False).advance(spikes)
    for name in names:
        np.testing.assert_array_equal(counted.counts[name], expected.counts[name], err_msg=name)
    half = spikes.shape[1] // 2
    parts = NativeEngine(made, len(spikes), threads=2)
    first, rest = parts.advance(spikes[:, :half], names), parts.advance(spikes[:, half:], names)
    for name in names:
        v = np.concatenate([first.layers[name].v_BTN, rest.layers[name].v_BTN], axis=1)
        np.testing.assert_array_equal(v, expected.layers[name].v_BTN, err_msg=name)
        np.testing.assert_array_equal(first.counts[name] + rest.counts[name], expected.counts[name])


@pytest.mark.parametrize("sign", [1, -1, 0])
@pytest.mark.parametrize("density", [0.0, 0.02, 0.3, 0.5, 0.51, 0.9, 1.0])
def test_any_activity_gives_the_same_sums(density: float, sign: int) -> None:
    """Few rows are summed in 16 bits, many in 32, and where most are active the others are taken off."""
    rng = np.random.default_rng(1)
    weight = rng.integers(-256, 256, (40, 700)) if sign == 0 else sign * rng.integers(0, 256, (40, 700))
    made = one_layer(weight, 0, vth=90000, du=1000, dv=200)
    spikes = random_spikes(2, 2, 30, 700, density)
    expected = fixed.run(made, spikes, record=True, engine="plain")
    assert_same_states(expected, fixed.run(made, spikes, record=True, engine="native"))
    counted = fixed.run(made, spikes, engine="native")
    np.testing.assert_array_equal(counted.counts["hidden"], expected.counts["hidden"])


@pytest.mark.parametrize("exponent", [6, 4])
@pytest.mark.parametrize("graded", [True, False])
@pytest.mark.parametrize("kept", [0, 1000])
def test_pictures_pools_and_neurons_that_rest_at_first_are_the_same(graded: bool, exponent: int, kept: int) -> None:
    """A picture that stays is summed once, a pool is an or of its spikes only where one spike is enough for it."""
    rng = np.random.default_rng(5)
    first = Window((2, 7, 9), 24, (3, 3), padding=(1, 1))
    pool = Window(first.output_shape, 24, (2, 2), stride=(2, 2), groups=24)
    second = Window(pool.output_shape, 70, (3, 3), stride=(2, 1), padding=(1, 2))
    own: dict[str, Any] = {"du": 4095 - kept, "dv": 2048, "rest_init": 2, "bias_exp": 4, "reset": "subtract"}
    own["bias_mant"] = rng.integers(-40, 60, second.n_outputs)
    layers = [
        layer("a", first.n_outputs, vth=20000 if graded else 300, du=4095, dv=1500, shape=first.output_shape),
        layer("b", pool.n_outputs, start=2, vth=6000, du=4095, dv=4096, shape=pool.output_shape),
        replace(layer("c", second.n_outputs, start=3, vth=4000, **own, shape=second.output_shape), at_threshold=True),
        layer("d", 9, start=4, vth=300, du=4095, dv=0, reset="subtract"),
    ]
    weight = rng.integers(-60, 90, (24, 2, 3, 3)) * 2
    connections = [
        Connection("ia", INPUT, "a", weight, window=first),
        # With an exponent of 4 a pool needs two spikes.
        Connection("ab", "a", "b", np.full((24, 1, 2, 2), 218), exponent, window=pool),
        Connection("bc", "b", "c", rng.integers(-90, 110, (70, 24, 3, 3)), rng.integers(-1, 3, 70), window=second),
        Connection("cd", "c", "d", rng.integers(-30, 50, (9, second.n_outputs)) * 2),
    ]
    made = program(first.n_inputs, layers, connections, graded_input=graded)
    assert (engine_module.native(made).tables.layers[:, columns.POOL] >= 0).tolist() == [
        False,
        exponent == 6,
        False,
        False,
    ]
    # Every second step another picture, of as many events as the one before.
    picture = rng.integers(1, 256, (2, 126)) if graded else rng.random((2, 126)) < 0.3
    values = np.stack([np.roll(picture, step // 2, axis=1) for step in range(6)], axis=1).astype(np.int32)
    spikes = check_spikes(values, made.n_inputs, "test", graded=graded)
    names = [one.name for one in layers]
    expected = PlainEngine(made, 2).advance(spikes, names, n_silent=5)
    for name in names:
        assert 0 < expected.counts[name].mean() < 11, name
    quick = NativeEngine(made, 2)
    parts = [quick.advance(spikes[:, :2]), quick.advance(spikes[:, 2:4]), quick.advance(spikes[:, 4:], n_silent=5)]
    for name in names:
        np.testing.assert_array_equal(sum(one.counts[name] for one in parts), expected.counts[name], err_msg=name)
    half = NativeEngine(made, 2)
    half.advance(spikes[:, :1])
    after = half.advance(spikes[:, 1:], names, n_silent=5)
    for name, states in expected.layers.items():
        for key in ("spikes_BTN", "u_BTN", "v_BTN"):
            np.testing.assert_array_equal(getattr(after.layers[name], key), getattr(states, key)[:, 1:], err_msg=name)


@pytest.mark.parametrize("sign", [1, -1, 0])
@pytest.mark.parametrize(("channels", "how"), [(24, {}), (64, {"stride": (2, 1)}), (130, {"dilation": (2, 1)})])
def test_convolutions_are_the_same_output_by_output_as_event_by_event(
    channels: int, how: dict[str, Any], sign: int
) -> None:
    """Of many events all rows that reach an output are summed at once, more than 16 bits hold; of few each alone."""
    rng = np.random.default_rng(channels)
    first = Window((1, 7, 9), 40, (3, 3), padding=(1, 1))
    second = Window(first.output_shape, channels, (3, 3), padding=(2, 0), **how)
    even, wide = rng.integers(-128, 128, second.weight_shape) * 2, rng.integers(1, 256, second.weight_shape)
    layers = [
        layer("a", first.n_outputs, vth=60, du=4095, dv=4096, shape=first.output_shape),
        layer("b", second.n_outputs, start=2, vth=9000, du=4095, dv=500, shape=second.output_shape),
    ]
    connections = [
        Connection("ia", INPUT, "a", rng.integers(10, 90, (40, 1, 3, 3)) * 2, window=first),
        Connection("ab", "a", "b", sign * wide if sign else even, 1, window=second),
    ]
    made = program(first.n_inputs, layers, connections)
    assert engine_module.native(made).tables.connections[1, columns.CON_ROWS] >= 0
    spikes = np.zeros((2, 6, 63), np.uint8)
    spikes[:, 0], spikes[0, 1, 5], spikes[1, 3, ::3] = 1, 1, 1
    expected = PlainEngine(made, 2).advance(spikes, ["a", "b"])
    sent = expected.layers["a"].spikes_BTN.sum(axis=2)
    assert set(np.sign(sent - first.n_outputs / 80 / (2 if "stride" in how else 1)).ravel()) == {-1.0, 1.0}  # both ways
    assert sent.max() == first.n_outputs
    assert_same_parts(expected, NativeEngine(made, 2).advance(spikes, ["a", "b"]))
    counted = NativeEngine(made, 2, goes_on=False).advance(spikes)
    np.testing.assert_array_equal(counted.counts["b"], expected.counts["b"])


@pytest.mark.parametrize("n_steps", [1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 3])
def test_runs_longer_than_a_chunk_go_on_where_it_ended(n_steps: int) -> None:
    layers = [layer("a", 6, refractory=2), layer("b", 5, start=10, clear_every=7, clear_offset=3, reset="subtract")]
    layers += [
        layer("c", 4, rest_init=9, bias_mant=50, bias_exp=6, v_init=-70, refractory=3),
        layer("d", 3, rest_init=1),
    ]
    rng = np.random.default_rng(3)
    connections = [
        Connection("in", INPUT, "a", rng.integers(-100, 200, (6, 9))),
        Connection("on", "a", "b", rng.integers(-100, 200, (5, 6)), delay=rng.integers(0, 9, (5, 6))),
        Connection("loop", "a", "a", rng.integers(-100, 100, (6, 6)), delay=5),
        Connection("rests", INPUT, "c", rng.integers(-100, 200, (4, 9))),
        Connection("short", INPUT, "d", rng.integers(-100, 200, (3, 9))),
    ]
    made = program(9, layers, connections)
    spikes = random_spikes(4, 2, n_steps, 9)
    assert_same_states(
        fixed.run(made, spikes, record=True, engine="plain"), fixed.run(made, spikes, record=True, engine="native")
    )


def test_currents_that_can_wrap_and_those_that_cannot_are_told_apart() -> None:
    """The bound on the current's size must not let a wrap pass unseen, step after step."""
    weight = np.random.default_rng(9).integers(-128, 128, (8, 300)) * 2
    made = one_layer(weight, 4, du=0, dv=4096, vth=100000, reset="subtract")
    spikes = random_spikes(5, 3, 200, 300, 0.05)
    expected = fixed.run(made, spikes, record=True, engine="plain")
    assert expected.overflows["hidden"]["wrapped"] > 0
    counted = fixed.run(made, spikes, engine="native").counts["hidden"]
    np.testing.assert_array_equal(counted, expected.counts["hidden"])
    assert counted.sum() > 0


@pytest.mark.parametrize("reset", rules.RESETS)
def test_potentials_without_a_current_leave_the_floats_where_a_sum_wraps(reset: str) -> None:
    """Values that fit 24 bits, then some whose sums do not, then small ones again."""
    rng = np.random.default_rng(8)
    weight, bias = rng.integers(-128, 128, (40, 30)) * 2, rng.integers(-4096, 4096, 40)
    own: dict[str, Any] = {"du": 4095, "dv": 3, "vth": 100000, "bias_mant": bias, "bias_exp": 6, "reset": reset}
    made = program(30, [layer("a", 40, **own)], [Connection("ia", INPUT, "a", weight)], graded_input=True)
    spikes = rng.integers(-60, 61, (3, 40, 30)).astype(np.int32)
    spikes[1, 20:22] *= 9
    expected = PlainEngine(made, 3).advance(spikes, ["a"])
    assert expected.overflows["a"]["wrapped"] > 0
    assert 0 < expected.counts["a"].mean() < 20
    quick = NativeEngine(made, 3)
    np.testing.assert_array_equal(quick.advance(spikes).counts["a"], expected.counts["a"])
    np.testing.assert_array_equal(quick.state.v[:, :40], expected.layers["a"].v_BTN[:, -1])


class RoundsAsEver:
    """Stands where a processor does not let itself be told how to round."""

    def __enter__(self) -> bool:
        return False

    def __exit__(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("reset", rules.RESETS)
@pytest.mark.parametrize("exponent", [-1, 0, 2, 5])
def test_potentials_in_floats_and_in_integers_are_the_same(
    reset: str, exponent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Potentials near both ends of 24 bits, where a product rounded to the nearest would be one too large."""
    rng = np.random.default_rng(exponent + 9)
    weight = rng.integers(-128, 128, (40, 200)) * 2
    made = one_layer(
        weight,
        exponent,
        du=int(rng.integers(300, 3000)),
        dv=1,
        vth=131000,
        reset=reset,
        bias_mant=rng.integers(-4096, 4096, 40),
        bias_exp=7,
        v_init=rng.integers(1 - rules.STATE_LIMIT, rules.STATE_LIMIT, 40),
    )
    spikes = random_spikes(11, 3, 300, 200, 0.05)
    expected = fixed.run(made, spikes, record=True, engine="plain")
    assert expected.overflows["hidden"]["saturated"] > 0
    assert expected.counts["hidden"].sum() > 0
    quick = NativeEngine(made, 3)
    quick.advance(spikes.astype(np.uint8))
    np.testing.assert_array_equal(quick.state.v[:, :40], expected.layers["hidden"].v_BTN[:, 299])
    np.testing.assert_array_equal(quick.state.u[:, :40], expected.layers["hidden"].u_BTN[:, 299])
    monkeypatch.setattr(engine_module, "TowardZero", RoundsAsEver)
    whole = NativeEngine(made, 3)
    whole.advance(spikes.astype(np.uint8))
    np.testing.assert_array_equal(whole.state.v, quick.state.v)
    np.testing.assert_array_equal(whole.state.u, quick.state.u)


def test_memory_that_cannot_be_written_is_input_too() -> None:
    made = one_layer(np.full((3, 4), 200))
    spikes = np.ones((2, 5, 4), np.uint8)
    expected = fixed.run(made, spikes, engine="native").counts["hidden"]
    spikes.setflags(write=False)
    np.testing.assert_array_equal(fixed.run(made, spikes[:, :, ::-1], engine="native").counts["hidden"], expected)
    assert len(advance().signatures) == 1, "compiled once for all"


def test_the_rounding_is_put_back() -> None:
    before = np.float32(1) / np.float32(3)
    with TowardZero() as to_zero:
        assert to_zero, "this processor is expected to round toward zero when it is told to"
    assert np.float32(1) / np.float32(3) == before
    assert float(np.float32(2) / np.float32(3)) > 2 / 3, "the nearest is above"


def test_what_is_not_asked_for_is_not_kept() -> None:
    made, spikes = checked_case(0)
    assert fixed.run(made, spikes, engine="native").layers == {}
    name = made.layers[0].name
    found = fixed.run(made, spikes, record=[name], engine="native")
    assert list(found.layers) == list(found.overflows) == [name]


@pytest.mark.parametrize("options", [{"threads": 2}, {"threads": 5}, {"batch_size": 1}, {"batch_size": 3}])
def test_threads_and_batches_never_change_a_result(options: dict[str, Any]) -> None:
    made = random_case(7).program
    rng = np.random.default_rng(6)
    spikes = rng.random((8, 12, made.n_inputs)) < 0.4
    expected = fixed.run(made, spikes, record=True, engine="plain")
    assert_same_states(expected, fixed.run(made, spikes, record=True, engine="native", **options))


def two_windows() -> Program:
    """Return a layer that two convolutions of different shapes reach."""
    tall, wide = Window((1, 6, 1), 1, (3, 1)), Window((1, 1, 6), 1, (1, 3))
    connections = [
        Connection("tall", INPUT, "both", np.ones(tall.weight_shape, np.int64), window=tall),
        Connection("wide", INPUT, "both", np.ones(wide.weight_shape, np.int64), window=wide),
    ]
    return program(6, [layer("both", 4, vth=1)], connections)


def test_what_the_compiled_engine_cannot_run_the_readable_one_does() -> None:
    made = two_windows()
    assert unsupported(made)
    spikes = random_spikes(8, 1, 9, 6)
    assert_same_states(fixed.run(made, spikes, record=True, engine="plain"), fixed.run(made, spikes, record=True))
    with pytest.raises(ProgramError, match="both is reached by convolutions of different shapes"):
        fixed.run(made, spikes, engine="native")


def test_compiled_code_is_kept_for_the_sources_it_was_made_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    assert advance() is advance()
    monkeypatch.setenv("NEURODEPLOY_CACHE", str(tmp_path))
    assert cache_folder(SOURCES).parent == tmp_path


def test_padding_never_spikes() -> None:
    """A threshold of 0 and weights stored with an offset would be the first to move it."""
    made = one_layer(np.full((3, 4), 255), 7, vth=0, du=4095, dv=4096)
    spikes = np.ones((1, 5, 4))
    found = fixed.run(made, spikes, engine="native").counts["hidden"]
    assert found.shape == (1, 3)
    assert rules.STATE_LIMIT > (255 * 4 << 13)
    np.testing.assert_array_equal(found, fixed.run(made, spikes, engine="plain").counts["hidden"])


def test_room_to_work_in_is_used_again_after_many_other_programs() -> None:
    """As long as an engine lives, so does its list: one that was made anew meanwhile would only ever grow."""
    made = one_layer(np.full((3, 4), 2), 0, vth=1)
    spikes = np.ones((1, 5, 4), np.uint8)
    engine = NativeEngine(made, 1)
    engine.advance(spikes)
    for weight in range(4, 24, 2):
        fixed.run(one_layer(np.full((3, 4), weight), 0, vth=1), spikes, engine="native")
    for _ in range(4):
        engine.advance(spikes)
    assert len(engine.free) == 1


@pytest.mark.parametrize("seed", range(60))
def test_scores_alone_are_those_of_the_whole_run(seed: int) -> None:
    made, spikes = checked_case(seed)
    expected, found = PlainEngine(made, len(spikes)), NativeEngine(made, len(spikes), goes_on=False)
    whole = expected.advance(spikes, n_silent=made.depth)
    few = found.advance(spikes, n_silent=made.depth, scores_only=True)
    np.testing.assert_array_equal(few.counts[made.output], whole.counts[made.output])
    if whole.scores_BN is not None:
        np.testing.assert_array_equal(few.scores_BN, whole.scores_BN)
    trace = fixed.run(made, spikes, scores_only=True)
    np.testing.assert_array_equal(trace.output_BN, fixed.run(made, spikes).output_BN)
    assert list(trace.counts) == [made.output]


def test_layers_stop_where_nothing_reaches_the_output_any_more() -> None:
    """Three layers whose biases make them spike at each step: the last sees all but the last two of the first."""
    one = np.ones((1, 1), np.int64)
    layers = [layer(name, 1, vth=1, bias_mant=np.array([100]), dv=4096, du=4095) for name in "abc"]
    ways = [Connection(f"{a}{b}", a, b, one) for a, b in ((INPUT, "a"), ("a", "b"), ("b", "c"))]
    made = program(1, layers, ways)
    spikes = np.zeros((1, CHUNK + 3, 1), np.uint8)
    found = NativeEngine(made, 1, goes_on=False).advance(spikes, scores_only=True)
    assert [int(found.counts[name].sum()) for name in "abc"] == [CHUNK + 1, CHUNK + 2, CHUNK + 3]


def test_scores_alone_keep_no_states() -> None:
    made = one_layer(np.full((3, 4), 2), 0, vth=1)
    with pytest.raises(DataError, match="scores_only: keeps no states; leave out record"):
        fixed.run(made, np.ones((1, 5, 4), np.uint8), record=True, scores_only=True)
