"""Random networks of every kind: all engines agree in every state, and a fault is found and made small."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

from neurodeploy.backends.trace import Trace
from neurodeploy.conformance.coverage import KINDS
from neurodeploy.conformance.engines import first_difference, our_engines, readable, told
from neurodeploy.conformance.generate import Case, beyond_lava, random_case
from neurodeploy.conformance.reductions import PLAIN_LAYER, Network
from neurodeploy.conformance.run import check_conformance, describe, difference_on
from neurodeploy.conformance.shrink import shrink
from neurodeploy.errors import DataError
from neurodeploy.fixedpoint import rules, sigma_delta
from neurodeploy.program.connection import Connection
from neurodeploy.program.dynamics import DynamicsLayer
from neurodeploy.program.file import read_program, write_program
from neurodeploy.program.layer import Layer
from neurodeploy.program.program import Program

N_STATES = 200
"""Networks that are run in every engine."""
N_KINDS = 500
N_LAVA = 60
SILENT = np.zeros((1, 1, 1), np.uint8)

plain = readable()


@pytest.fixture(scope="module")
def runs() -> list[tuple[Case, Trace, int]]:
    """The first networks, their runs in the readable engine, and how many sums of convolutions wrapped."""
    wrapped: list[int] = []
    wrap = rules.wrap_sum

    def counted(total: np.ndarray) -> np.ndarray:
        wrapped.append(int((wrap(total) != total).sum()))
        return wrap(total)

    found = []
    with mock.patch.object(rules, "wrap_sum", counted):
        for seed in range(N_STATES):
            case = random_case(seed)
            wrapped.clear()
            found.append((case, plain(case.program, case.spikes), sum(wrapped)))
    return found


def test_our_engines_agree_in_every_state(runs: list[tuple[Case, Trace, int]]) -> None:
    for name, engine in our_engines().items():
        # Torch takes 0.15 s for what takes native 2 ms; the verb runs it on every network.
        some = {"plain": [], "torch": runs[::4]}.get(name, runs)
        for case, expected, _ in some:
            difference = first_difference(engine(case.program, case.spikes), expected)
            assert difference is None, f"seed {case.seed}: {told(difference, name, 'plain')}"


def test_samples_together_are_what_each_is_alone(runs: list[tuple[Case, Trace, int]]) -> None:
    several = [(case, trace) for case, trace, _ in runs if len(case.spikes) > 1]
    for case, expected in several[:30]:
        alone = plain(case.program, case.spikes, batch_size=1)
        assert first_difference(alone, expected) is None, f"seed {case.seed}"


@pytest.mark.lava
@pytest.mark.slow
def test_lava_agrees_in_every_state() -> None:
    found = check_conformance(N_LAVA)
    assert found["passed"], found["failures"]
    assert found["equal"] == N_LAVA
    assert found["seconds_lava"] > 0


@pytest.mark.parametrize("lava", [False, True])
def test_every_kind_occurs(lava: bool) -> None:
    often: Counter[str] = Counter()
    for seed in range(N_KINDS):
        often.update(random_case(seed, lava=lava).kinds)
    assert often.keys() == set(KINDS)
    assert min(often.values()) >= 10, often


def test_the_ends_of_every_range_are_reached(runs: list[tuple[Case, Trace, int]]) -> None:
    reached: Counter[str] = Counter()
    for case, trace, sums_wrapped in runs:
        reached["sums of a convolution wrap"] += sums_wrapped > 0
        for layer in case.program.layers:
            states, sent = trace.layers[layer.name], trace.counts[layer.name].sum()
            reached[f"{layer.kind} sends"] += sent > 0
            if isinstance(layer, DynamicsLayer):
                loops = any(one.source == one.target == layer.name for one in case.program.connections)
                reached["equations in a loop"] += loops and sent > 0
                reached["equations in between"] += 0.02 < sent / states.u_BTN.size < 0.9
                for key in ("u", "v") if layer.dynamics.others else ("v",):
                    full = np.abs(getattr(states, f"{key}_BTN")) == rules.STATE_LIMIT - 1
                    reached[f"{layer.kind}: {key} saturates"] += bool(full.any())
                    reached[f"{layer.kind}: {key} moves"] += 0 < full.mean() < 0.5
                continue
            reached[f"{layer.kind} silent"] += sent == 0
            largest = np.abs(states.u_BTN.astype(np.int64)).max()
            reached[f"{layer.kind} beyond 30 bits"] += largest > 1 << 30
            if isinstance(layer, Layer):
                reached["beyond 24 bits"] += largest > rules.STATE_LIMIT
                reached[f"reset {layer.reset}"] += 0.02 < sent / states.u_BTN.size < 0.9
                reached["own parameters"] += sent > 0 and not layer.shared
                reached["refractory"] += sent > 0 and layer.refractory > 0
                for key in ("wrapped", "saturated"):
                    reached[key] += trace.overflows[layer.name][key] > 0
    assert min(reached.values()) >= 3, reached
    assert reached.keys() >= {"wrapped", "saturated", "reset zero", "reset subtract", "sigma_delta beyond 30 bits"}


def test_a_seed_is_always_the_same_network() -> None:
    one, other = random_case(7), random_case(7)
    assert one.program.digest == other.program.digest
    np.testing.assert_array_equal(one.spikes, other.spikes)
    assert one.program.digest != random_case(8).program.digest


def test_networks_for_lava_stay_within_what_it_runs() -> None:
    for seed in range(100):
        case = random_case(seed, lava=True)
        assert not beyond_lava(case.program, case.spikes)


def test_random_programs_survive_a_file(tmp_path: Path) -> None:
    for seed in range(50):
        program = random_case(seed).program
        write_program(tmp_path / "p.npz", program)
        assert read_program(tmp_path / "p.npz").digest == program.digest


# Engines that are wrong on purpose.


def one_late(self: Connection) -> Iterator[tuple[int, np.ndarray]]:
    for delay, weight in by_delay(self):
        yield max(delay - 1, 0), weight


by_delay, advance = Connection.by_delay, DynamicsLayer.step
FAULTS: dict[str, tuple[object, str, Any]] = {
    "the leak floors": (rules, "leak_toward_zero", lambda state, kept: state * kept >> rules.DECAY_BITS),
    "a delay is one too short": (Connection, "by_delay", one_late),
    "the low bit is kept": (Connection, "held", property(lambda self: np.asarray(self.weight).astype(np.int64))),
    "an exponent rounds toward zero": (
        rules,
        "shift_by_exponent",
        lambda value, exponent: np.trunc(value * 2.0 ** np.asarray(exponent)).astype(np.int64),
    ),
    "potentials stop one later": (
        rules,
        "saturate_potential",
        lambda v: np.clip(v, -rules.STATE_LIMIT, rules.STATE_LIMIT - 1),
    ),
    "sums of a convolution do not wrap": (rules, "wrap_sum", lambda total: total),
    "sigma-delta neurons forget what they owe": (
        sigma_delta.SigmaDeltaState,
        "residue",
        property(lambda self: 0 * self.act),
    ),
    "equations round down": (rules, "rounded_to_zero", lambda product, bits: product >> bits),
    "equations wake one step early": (
        DynamicsLayer,
        "step",
        lambda self, states, activation, now, numbers: advance(self, states, activation, now + 1, numbers),
    ),
}


def broken(fault: str) -> Callable[..., Trace]:
    """Return an engine with a fault."""
    where, name, instead = FAULTS[fault]

    def run(program: Program, spikes: np.ndarray) -> Trace:
        with mock.patch.object(where, name, instead):
            return plain(program, spikes)

    return run


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_and_made_small(fault: str) -> None:
    engine = broken(fault)
    for seed in range(N_STATES):
        case = random_case(seed)
        network = Network(case.program, case.spikes)
        # Those of the longest delays take the readable engine ten times as long as others.
        if "delay 63" not in case.kinds and difference_on(network, engine, plain):
            break
    else:
        pytest.fail("no network shows it")
    small = shrink(network, lambda one: difference_on(one, engine, plain) is not None)
    assert difference_on(small, engine, plain)
    assert len(small.program.layers) == 1
    assert small.program.layers[0].n_neurons <= 2
    assert len(small.spikes) == 1
    assert small.spikes.shape[1] <= 3
    assert small.spikes.shape[2] <= 2
    assert sum(np.count_nonzero(one.weight) for one in small.program.connections) <= 2


def test_a_failure_is_told_in_lines_to_rebuild_it_from() -> None:
    found = check_conformance(
        3, engines={"plain": plain, "broken": broken("a delay is one too short")}, engines_only=True
    )
    assert not found["passed"]
    assert found["equal"] == 3 - len(found["failures"]) < 3
    failure = found["failures"][0]
    assert failure["engines"] == ["broken", "plain"]
    assert " in broken, " in failure["first_difference"]
    assert "1 sample, 1 step, 1 input channel" in failure["network"][0]
    assert any("delay 1" in line for line in failure["network"])
    assert failure["seed"] in range(3)


def test_equations_and_a_softmax_are_told_with_what_they_need() -> None:
    cases = (random_case(seed) for seed in range(N_KINDS))
    case = next(one for one in cases if {"resonator", "readout softmax"} <= set(one.kinds))
    lines = describe(Network(case.program, case.spikes))
    assert ", whose v_per_unit is all " in lines[0]
    told_of = next(line for line in lines if "resonator neuron" in line)
    assert all(f" {key} " in told_of for key in ("fraction_bits", "vth", "re", "im"))


def test_every_number_of_a_layer_is_told_unless_it_does_least() -> None:
    named = {"name", "shape", *Layer.units}  # told with the layer, with its connections, or with the readout
    kinds: set[str] = set()
    for seed in range(100):
        program = random_case(seed).program
        for layer in program.layers:
            (told_of,) = (line for line in describe(Network(program, SILENT)) if line.startswith(f"{layer.name}: "))
            said = {key for key in vars(layer) if f" {key} " in told_of}
            for key in {one.name for one in fields(layer)} - named - said:
                assert not np.any(getattr(layer, key) != PLAIN_LAYER[key]), (seed, layer.kind, key)
            kinds.add(layer.kind)
    assert len(kinds) >= 4


def test_an_engine_that_refuses_a_network_is_a_failure() -> None:
    def refuses(program: Program, spikes: np.ndarray) -> Trace:
        raise DataError("not this one")

    found = check_conformance(2, engines={"plain": plain, "refusing": refuses}, engines_only=True)
    assert found["equal"] == 0
    assert found["failures"][0]["first_difference"] == "cannot run: not this one"


@pytest.mark.parametrize(("networks", "seed"), [(0, 0), (-1, 0), (1, -1)])
def test_numbers_out_of_range_are_refused(networks: int, seed: int) -> None:
    with pytest.raises(DataError, match=r"at least 1 is needed|0 or more is allowed"):
        check_conformance(networks, seed)
