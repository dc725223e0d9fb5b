"""Programs with adaptive neurons and resonators, run by the readable engine."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurodeploy.backends.fixed.run import run
from neurodeploy.backends.scores import softmax
from neurodeploy.errors import ProgramError
from neurodeploy.fixedpoint import rules
from neurodeploy.fixedpoint.dynamics.equations import SENT
from neurodeploy.program.connection import Connection
from neurodeploy.program.dynamics import DynamicsLayer
from neurodeploy.program.file import read_program, write_program
from neurodeploy.program.layer import Layer
from neurodeploy.program.program import Program
from tests.backends.dynamics_support import Adaptive, Resonator

N_INPUTS, N_HIDDEN, N_CLASSES = 9, 7, 4


def random_cells(kind: type[DynamicsLayer], name: str, n_neurons: int, start: int, seed: int) -> DynamicsLayer:
    """Return stable neurons of one kind."""
    rng = np.random.default_rng(seed)
    units: dict[str, Any] = {key: np.full(n_neurons, 4096.0 if "per" in key else 0.0) for key in kind.units}
    radius, angle = rng.uniform(0.5, 0.999, n_neurons), rng.uniform(0, 2, n_neurons)
    whole: dict[str, Any] = {
        "alpha": rng.integers(1500, 4000, n_neurons),
        "gain": rng.integers(90, 2500, n_neurons),
        "beta": rng.integers(3900, 4060, n_neurons),
        "a": rng.integers(0, 1000, n_neurons),
        "jump": rng.integers(0, 3000, n_neurons),
        "drop": rng.integers(1500, 4096, n_neurons),
        "drop_y": rng.integers(-2000, 2000, n_neurons),
        "re": (4096 * radius * np.cos(angle)).astype(np.int64),
        "im": (4096 * radius * np.sin(angle)).astype(np.int64),
        "bias": rng.integers(-300, 1000, n_neurons),
        "vth": rng.integers(500, 2500, n_neurons),
    }
    return kind(name=name, start=start, fraction_bits=12, **units, **{key: whole[key] for key in kind.integers})


def readout(name: str, n_neurons: int, start: int) -> Layer:
    zero = np.zeros(n_neurons, np.int64)
    one = np.full(n_neurons, 4096.0)
    return Layer(
        name=name,
        du=zero + 4095,
        dv=zero + 300,
        vth=zero + rules.NEVER,
        bias_mant=zero,
        bias_exp=0,
        u_init=zero,
        v_init=zero,
        reset="zero",
        start=start,
        u_per_unit=one,
        v_per_unit=one,
        u_offset=zero * 1.0,
        v_offset=zero * 1.0,
    )


def random_program(kind: type[DynamicsLayer], seed: int = 0, *, recurrent: bool = False) -> Program:
    rng = np.random.default_rng(seed)
    layers = (
        random_cells(kind, "one", N_HIDDEN, 1, seed),
        random_cells(kind, "two", N_HIDDEN, 2, seed + 1),
        readout("out", N_CLASSES, 3),
    )
    sizes = {"input": N_INPUTS, "one": N_HIDDEN, "two": N_HIDDEN, "out": N_CLASSES}
    ways = [("input", "one"), ("one", "two"), ("two", "out")] + ([("two", "two")] if recurrent else [])
    connections = tuple(
        Connection(
            f"{source}>{target}",
            source,
            target,
            2 * rng.integers(-60, 101, (sizes[target], sizes[source])),
            rng.integers(-1, 5, sizes[target]),
        )
        for source, target in ways
    )
    return Program(
        name="cells",
        chip="loihi2",
        dt_s=0.004,
        n_inputs=N_INPUTS,
        layers=layers,
        connections=connections,
        output="out",
        graded_input=True,
        readout=rules.SOFTMAX,
    )


def counts(seed: int, n_samples: int = 3, n_steps: int = 40) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.poisson(0.4, (n_samples, n_steps, N_INPUTS)).astype(np.int32)


@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("kind", [Adaptive, Resonator])
def test_the_engine_follows_the_equations_neuron_by_neuron(kind: type[DynamicsLayer], recurrent: bool) -> None:
    program, spikes = random_program(kind, 5, recurrent=recurrent), counts(1)
    trace = run(program, spikes, record=True, engine="plain")
    fed = np.concatenate([spikes, np.zeros((3, program.depth, N_INPUTS), np.int32)], axis=1)
    all_sent = {"input": fed} | {name: one.spikes_BTN.astype(np.int64) for name, one in trace.layers.items()}
    assert trace.counts["one"].sum() > 15
    assert trace.counts["two"].sum() > 15
    for layer in program.layers[:2]:
        assert isinstance(layer, DynamicsLayer)
        states = layer.at_rest(3)
        names = {"u": layer.dynamics.others[0], "v": layer.dynamics.potential}
        for step in range(layer.start, fed.shape[1]):
            current = sum(
                rules.shift_by_exponent(all_sent[one.source][:, step - 1] @ one.held.T, one.row_exponents)
                for one in program.into(layer.name)
            )
            states = layer.step(states, np.asarray(current), step, layer.numbers)
            found = trace.layers[layer.name]
            np.testing.assert_array_equal(found.spikes_BTN[:, step], states[SENT])
            for key, name in names.items():
                np.testing.assert_array_equal(getattr(found, f"{key}_BTN")[:, step], states[name])


def test_neurons_sleep_until_their_first_input_can_arrive() -> None:
    trace = run(random_program(Resonator, 2), counts(3), record=True, engine="plain")
    assert not trace.layers["two"].v_BTN[:, :2].any()
    assert trace.layers["two"].v_BTN[:, 2].any()  # the bias


def test_the_class_is_read_from_the_softmax_of_every_potential() -> None:
    program, spikes = random_program(Adaptive, 1), counts(4)
    trace = run(program, spikes, record=True, engine="plain")
    v = trace.layers["out"].v_BTN[:, 3:]
    np.testing.assert_allclose(trace.output_BN, softmax(v / 4096).sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(trace.output_BN.sum(axis=1), spikes.shape[1])


@pytest.mark.parametrize("kind", [Adaptive, Resonator])
def test_a_file_gives_the_same_program(kind: type[DynamicsLayer], tmp_path: Path) -> None:
    program = random_program(kind, 7)
    write_program(tmp_path / "p.npz", program)
    assert read_program(tmp_path / "p.npz").digest == program.digest


def test_numbers_beyond_their_field_are_refused() -> None:
    one = random_cells(Resonator, "one", 3, 1, 0)
    assert isinstance(one, Resonator)
    with pytest.raises(ProgramError, match=r"one: re .* is outside -8192\.\.8192"):
        dataclasses.replace(one, re=np.array([0, 9000, 0])).check()
    with pytest.raises(ProgramError, match=r"one: fraction_bits 16.* is outside 4\.\.15"):
        dataclasses.replace(one, fraction_bits=16).check()
