"""Small integer Programs, spikes for them, and their comparison in every state."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import neurodeploy
from neurodeploy.backends import fixed, lava
from neurodeploy.backends.lava import client, environment
from neurodeploy.backends.trace import Trace
from neurodeploy.fixedpoint import rules
from neurodeploy.program.connection import Connection
from neurodeploy.program.dynamics import AnyLayer
from neurodeploy.program.file import write_program
from neurodeploy.program.layer import Layer, SigmaDelta
from neurodeploy.program.program import INPUT, Program
from neurodeploy.program.window import Window
from tests.hangs import ONLY_A_HANG_S, comes_true

MESSAGE = 1 << rules.MESSAGE_BITS - 1
"""Graded spikes lie below it in size."""


def layer(name: str, n_neurons: int, *, start: int = 1, reset: str = "zero", **values: Any) -> Layer:
    """Return a layer; a number stands for the same number in every neuron."""
    units = np.ones(n_neurons)
    integers: dict[str, Any] = {"du": 400, "dv": 300, "vth": 400, "bias_mant": 0, "u_init": 0, "v_init": 0} | values
    bias_exp = integers.pop("bias_exp", 0)
    plain = {
        key: integers.pop(key)
        for key in ("shape", "refractory", "clear_every", "clear_offset", "rest_init", "at_threshold")
        if key in values
    }
    arrays: dict[str, Any] = {
        key: np.broadcast_to(value, n_neurons).astype(np.int64).copy() for key, value in integers.items()
    }
    return Layer(
        name=name,
        start=start,
        reset=reset,
        bias_exp=bias_exp,
        u_per_unit=units,
        v_per_unit=units,
        u_offset=0 * units,
        v_offset=0 * units,
        **plain,
        **arrays,
    )


def sigma_delta(name: str, n_neurons: int, role: str = "sigma_delta", *, start: int = 1, **values: Any) -> SigmaDelta:
    """Return a sigma-delta layer; a number stands for the same bias in every neuron."""
    bias = np.broadcast_to(values.pop("bias", 0), n_neurons).astype(np.int64).copy()
    return SigmaDelta(name, role, values.pop("vth", 0), bias, values.pop("activation", "unit"), start, **values)


def program(n_inputs: int, layers: Sequence[AnyLayer], connections: Sequence[Connection], **rest: Any) -> Program:
    return Program(
        name="test",
        chip="loihi2",
        dt_s=1e-3,
        n_inputs=n_inputs,
        layers=tuple(layers),
        connections=tuple(connections),
        output=layers[-1].name,
        **rest,
    )


def one_layer(weight: Any, weight_exp: int = 0, **values: Any) -> Program:
    """Return a Program of one layer fed by the input through `weight`, (O, I)."""
    weight_OI = np.asarray(weight, dtype=np.int64)
    hidden = layer("hidden", len(weight_OI), **values)
    return program(weight_OI.shape[1], [hidden], [Connection("in", INPUT, "hidden", weight_OI, weight_exp)])


def small_network(seed: int, reset: str = "zero") -> Program:
    """Return a 5-6(recurrent)-3 network that spikes at a moderate rate."""
    rng = np.random.default_rng(seed)
    layers = [
        layer("hidden", 6, start=1, reset=reset, bias_mant=rng.integers(-50, 50, 6), bias_exp=2),
        layer("readout", 3, start=2, reset=reset),
    ]
    connections = [
        Connection("in", INPUT, "hidden", rng.integers(-60, 120, (6, 5)), 1),
        Connection("loop", "hidden", "hidden", rng.integers(-80, 80, (6, 6)), 0),
        Connection("out", "hidden", "readout", rng.integers(-60, 120, (3, 6)), 0),
    ]
    return program(5, layers, connections)


def random_spikes(seed: int, n_samples: int, n_steps: int, n_inputs: int, density: float = 0.3) -> np.ndarray:
    return np.random.default_rng(seed).random((n_samples, n_steps, n_inputs)) < density


def assert_same_states(one: Trace, other: Trace) -> None:
    """Both runs agree in every spike, current and potential of every step, in the counts and the scores."""
    assert one.layers.keys() == other.layers.keys()
    assert one.layers
    for name in one.layers:
        for key in ("spikes_BTN", "u_BTN", "v_BTN"):
            expected, found = getattr(one.layers[name], key), getattr(other.layers[name], key)
            np.testing.assert_array_equal(found, expected, err_msg=f"{name} {key}")
            assert (found.dtype == np.bool_) == (expected.dtype == np.bool_)
    assert_same_counts(one, other)


def assert_same_counts(one: Trace, other: Trace) -> None:
    assert one.counts.keys() == other.counts.keys()
    for name in one.counts:
        np.testing.assert_array_equal(other.counts[name], one.counts[name], err_msg=name)
    np.testing.assert_array_equal(other.input_counts_BI, one.input_counts_BI)
    assert (one.scores_BN is None) == (other.scores_BN is None)
    if one.scores_BN is not None:
        np.testing.assert_array_equal(other.scores_BN, one.scores_BN)


def in_lavas_python(code: str, network: Program, spikes: np.ndarray, folder: Path) -> None:
    """Run `code` in Lava's Python, with this package, and a Program, spikes and a folder as arguments 2 to 4."""
    write_program(folder / "program.npz", network)
    np.save(folder / "spikes.npy", spikes.astype(np.uint8))
    package = Path(neurodeploy.__file__).parent
    python = environment.status().python
    assert python
    arguments = [package, folder / "program.npz", folder / "spikes.npy", folder]
    done = subprocess.run(
        [python, "-I", "-c", client.LOAD_PACKAGE + code, *arguments],
        capture_output=True,
        text=True,
        timeout=ONLY_A_HANG_S,
    )
    assert done.returncode == 0, done.stderr


def running_in_group(group: int) -> list[str]:
    """Return the name and state of every process of a group that is not already dead (Linux)."""
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # "pid (name) state parent group ...", see proc(5).
            name, _, rest = file.read_text().partition("(")[2].rpartition(")")
            state, _, its_group = rest.split()[:3]
            if int(its_group) == group and state != "Z":
                found.append(f"{name} {state}")
    return found


def ends(group: int) -> bool:
    """Wait until no process of a group runs: a killed one may take a moment to be gone. False where one stays."""
    return comes_true(lambda: not running_in_group(group))


def same(worker: lava.Worker, network: Program, spikes: np.ndarray) -> Trace:
    """Check that Lava equals the simulator, with the samples side by side, and return the trace."""
    expected = fixed.run(network, spikes, record=True)
    assert_same_states(expected, worker.run(network, spikes, record=True))
    return expected


def messages(seed: int, shape: tuple[int, ...], largest: int = MESSAGE - 1) -> np.ndarray:
    """Return graded spikes, some of the largest size."""
    rng = np.random.default_rng(seed)
    found = rng.integers(-largest, largest + 1, shape) * (rng.random(shape) < 0.5)
    return np.where(rng.random(shape) < 0.2, rng.choice([-largest - 1, largest], shape), found)


def passive(name: str, n_neurons: int, **values: Any) -> Layer:
    """Return neurons whose current is their last input and that never spike."""
    return layer(name, n_neurons, **({"du": 4095, "dv": 4096, "vth": rules.NEVER} | values))


def sum_pool(
    target: str,
    shape: tuple[int, int, int],
    size: tuple[int, int],
    *,
    name: str = "pool",
    weight: int = 1,
    weight_exp: int = 0,
) -> Connection:
    """Return the connection from the input that sums up windows of `size` rows and columns of each channel.

    An average over 2^n values is the same with `weight_exp` -n: the sum is floored.
    """
    window = Window(shape, shape[0], size, size, groups=shape[0])
    return Connection(name, INPUT, target, np.full(window.weight_shape, weight), weight_exp, window=window)
