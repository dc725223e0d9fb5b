"""What Lava's fixed-point models cannot run, checked in another way; `docs/lava-gaps.md` is the list.

Nothing on the expected side comes from `fixedpoint`: either it is Python's own integers, written down here
once more by hand, or a model of Lava's with numbers for which its arithmetic is the chip's, or a law.

Axes: B sample, T step, I input, N neuron.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurodeploy.backends import fixed, lava
from neurodeploy.program.connection import Connection
from neurodeploy.program.layer import Layer
from neurodeploy.program.program import INPUT, Program
from neurodeploy.program.window import Window
from tests.backends.lava_support import in_lavas_python, layer, one_layer, program, random_spikes

NEVER = 131072


# One neuron in Python's integers


def neuron_by_hand(
    inputs: list[int],
    *,
    du: int,
    dv: int,
    vth: int,
    bias: int,
    subtract: bool = False,
    refractory: int = 0,
    clear_every: int = 0,
    clear_offset: int = 0,
) -> list[tuple[int, int, bool]]:
    """Return current, potential and spike after each step of one neuron, whose inputs are in chip units."""
    u = v = 0
    last_spike = -refractory - 1
    found = []
    for step, arrived in enumerate(inputs):
        if clear_every and (step + 1 - clear_offset) % clear_every == 0:
            u = v = 0
        u = (abs(u) * (4095 - du) // 4096) * (1 if u > 0 else -1) + arrived
        if u > 2**23:
            u -= 2**24
        elif u <= -(2**23):
            u += 2**24
        spike = False
        if step - last_spike > refractory:
            v = (abs(v) * (4096 - dv) // 4096) * (1 if v > 0 else -1) + u + bias
            v = min(max(v, 1 - 2**23), 2**23 - 1)
            spike = v > 64 * vth
        if spike:
            v = v - 64 * vth if subtract else 0
            last_spike = step
        found.append((u, v, spike))
    return found


@pytest.mark.parametrize("refractory", [0, 3])
@pytest.mark.parametrize("clear_every", [0, 11])
@pytest.mark.parametrize("reset", ["zero", "subtract"])
def test_neurons_with_their_own_parameters_are_as_by_hand(reset: str, clear_every: int, refractory: int) -> None:
    rng = np.random.default_rng(1)
    n_neurons, weight_exp = 40, 7
    weight = rng.integers(-128, 128, (n_neurons, 6)) * 2
    own = {
        "du": rng.choice([0, 100, 2047, 4095], n_neurons),
        "dv": rng.choice([0, 100, 2048, 4096], n_neurons),
        "vth": rng.choice([0, 500, 30000, 131071, NEVER], n_neurons),
        "bias_mant": rng.integers(-4096, 4096, n_neurons),
    }
    # The first neuron stays at its threshold, which is not above it.
    weight[0], own["vth"][0], own["bias_mant"][0] = 0, 0, 0
    rest = {"reset": reset, "refractory": refractory, "clear_every": clear_every, "clear_offset": 4}
    network = one_layer(weight, weight_exp, bias_exp=3, **own, **rest)
    spikes = random_spikes(1, 1, 60, 6, 0.5)
    states = fixed.run(network, spikes, record=True).layers["hidden"]
    for neuron in range(n_neurons):
        sums = [0, *(int(weight[neuron] @ step) * 2**weight_exp * 64 for step in spikes[0].astype(int))]
        expected = neuron_by_hand(
            sums,
            du=int(own["du"][neuron]),
            dv=int(own["dv"][neuron]),
            vth=int(own["vth"][neuron]),
            bias=int(own["bias_mant"][neuron]) * 8,
            subtract=reset == "subtract",
            refractory=refractory,
            clear_every=clear_every,
            clear_offset=4,
        )
        columns = (states.u_BTN, states.v_BTN, states.spikes_BTN)
        found = list(zip(*(states_BTN[0, :, neuron].tolist() for states_BTN in columns), strict=True))
        assert found == expected, f"neuron {neuron}: {own['du'][neuron], own['dv'][neuron], own['vth'][neuron]}"
    assert states.spikes_BTN.any(axis=1).sum() > n_neurons // 3
    assert np.abs(states.v_BTN).max() == 2**23 - 1
    assert np.abs(states.u_BTN).max() > 2**22


@pytest.mark.parametrize("seed", range(5))
def test_subtraction_conserves_what_came_in(seed: int) -> None:
    """An integrator without leaks holds its whole input, less one threshold for each spike."""
    rng = np.random.default_rng(seed)
    weight = rng.integers(0, 100, (8, 5))
    vth, bias = rng.integers(50, 400, 8), rng.integers(0, 2000, 8)
    v_init = rng.integers(0, 3000, 8)
    network = one_layer(weight, 2, du=4095, dv=0, vth=vth, bias_mant=bias, v_init=v_init, reset="subtract")
    spikes = random_spikes(seed, 3, 100, 5, 0.1)
    trace = fixed.run(network, spikes, record=True)
    came_in = v_init + 101 * bias + spikes.sum(axis=1) @ weight.T * 4 * 64
    v_last = trace.layers["hidden"].v_BTN[:, -1]
    assert np.abs(trace.layers["hidden"].v_BTN).max() < 2**23 - 1
    np.testing.assert_array_equal(v_last + trace.counts["hidden"] * vth * 64, came_in)
    assert trace.counts["hidden"].min() > 10


# A convolution in Python's integers


def convolution_by_hand(image: np.ndarray, kernel: np.ndarray, window: Window, exponents: list[int]) -> list[int]:
    """Return the sums after their exponents, wrapped into 24 bits, in the order channel, row, column."""
    image_CYX, kernel_KCYX = image.tolist(), kernel.tolist()
    channels, rows, columns = window.input_shape
    per_group = channels // window.groups
    out_rows = len(
        range(0, rows + 2 * window.padding[0] - window.dilation[0] * (window.kernel[0] - 1), window.stride[0])
    )
    out_columns = len(
        range(0, columns + 2 * window.padding[1] - window.dilation[1] * (window.kernel[1] - 1), window.stride[1])
    )
    found = []
    for k in range(window.out_channels):
        group = k // (window.out_channels // window.groups)
        for out_y in range(out_rows):
            for out_x in range(out_columns):
                total = 0
                for c in range(per_group):
                    for ky in range(window.kernel[0]):
                        for kx in range(window.kernel[1]):
                            y = out_y * window.stride[0] + ky * window.dilation[0] - window.padding[0]
                            x = out_x * window.stride[1] + kx * window.dilation[1] - window.padding[1]
                            if 0 <= y < rows and 0 <= x < columns:
                                total += kernel_KCYX[k][c][ky][kx] * image_CYX[group * per_group + c][y][x]
                # Sums before a negative exponent are held in 32 bits.
                total = (total + 2**31) % 2**32 - 2**31
                total = total << exponents[k] if exponents[k] >= 0 else total >> -exponents[k]
                found.append((total + 2**23) % 2**24 - 2**23)
    return found


@pytest.mark.parametrize("largest", [1, 1000, 2**23 - 1])
@pytest.mark.parametrize(
    "window",
    [
        Window((2, 5, 4), 3, (2, 3)),
        Window((4, 6, 5), 6, (3, 2), stride=(2, 1), padding=(1, 2), dilation=(1, 3), groups=2),
    ],
    ids=["plain", "all"],
)
def test_convolutions_of_any_exponent_delay_and_value_are_as_by_hand(window: Window, largest: int) -> None:
    """Odd weights of both signs, sums beyond 24 bits and beyond int32: where Lava has no process."""
    rng = np.random.default_rng(2)
    kernel = rng.integers(-256, 256, window.weight_shape)
    exponents = rng.integers(-8, 8, window.out_channels)
    one = Connection("conv", INPUT, "sums", kernel, exponents, delay=5, window=window)
    silent = layer("sums", window.n_outputs, du=4095, dv=4096, vth=NEVER)
    network = program(window.n_inputs, [silent], [one], graded_input=True)
    values = rng.integers(-largest, largest + 1, (1, 8, window.n_inputs))
    u_TN = fixed.run(network, values, record=True).layers["sums"].u_BTN[0]
    for step in range(3):
        image = values[0, step].reshape(window.input_shape)
        expected = convolution_by_hand(image, kernel, window, exponents.tolist())
        found = u_TN[step + 1 + 5].tolist()
        assert found == [_as_current(total) for total in expected]
    if largest > 1000:
        assert np.abs(window.apply(values[0], kernel)).max() > 2**31


def _as_current(total: int) -> int:
    """Return a sum as the current of a neuron without memory: in int32, then wrapped once around 24 bits."""
    u = (64 * total + 2**31) % 2**32 - 2**31
    return u - 2**24 if u > 2**23 else u + 2**24 if u <= -(2**23) else u


# Lava's own models


_REFRACTORY = """
import sys
from pathlib import Path
import numpy as np
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.dense.process import Dense
from lava.proc.io.source import RingBuffer
from lava.proc.lif.process import LIFRefractory
from lava.proc.monitor.process import Monitor
from neurodeploy.program.file import read_program

program, spikes, folder = read_program(sys.argv[2]), np.load(sys.argv[3]), Path(sys.argv[4])
layer, n_steps = program.layers[0], program.n_steps(spikes.shape[1])
source = RingBuffer(data=np.concatenate([spikes[0], 0 * spikes[0, :1]]).T.astype(float))
dense = Dense(weights=program.connections[0].weight.astype(float))
neurons = LIFRefractory(
    shape=(layer.n_neurons,),
    du=1.0,
    dv=float(layer.dv[0]) / 4096,
    vth=float(layer.vth[0]),
    bias_mant=layer.bias_mant.astype(float),
    v=layer.v_init / 64,
    refractory_period=layer.refractory,
)
neurons.refractory_period_end.init = np.full(layer.n_neurons, layer.rest_init)  # Lava counts steps from 1
source.s_out.connect(dense.s_in)
dense.a_out.connect(neurons.a_in)
monitors = [Monitor(), Monitor(), Monitor()]
for monitor, target in zip(monitors, (neurons.u, neurons.v, neurons.s_out)):
    monitor.probe(target, n_steps)
neurons.run(condition=RunSteps(num_steps=n_steps), run_cfg=Loihi2SimCfg(select_tag="floating_pt"))
found = [next(iter(monitor.get_data()[neurons.name].values())) for monitor in monitors]
neurons.stop()
np.savez(folder / "refractory.npz", *found)
"""


@pytest.mark.lava
@pytest.mark.parametrize("dv", [0, 4096])
@pytest.mark.parametrize(("refractory", "rest_init"), [(1, 0), (4, 7)])
def test_rests_are_those_of_lavas_floating_point_neuron(
    tmp_path: Path, refractory: int, rest_init: int, dv: int
) -> None:
    """With no memory or a perfect one, whole numbers stay whole and both arithmetics are one, but for the
    6 bits that the chip shifts inputs and thresholds by."""
    weight = np.random.default_rng(3).integers(-60, 128, (5, 4)) // 2 * 2
    values: dict[str, Any] = {"du": 4095, "dv": dv, "vth": 150, "bias_mant": [0, 3, 40, -20, 151], "bias_exp": 6}
    network = one_layer(weight, **values, refractory=refractory, rest_init=rest_init, v_init=640)
    spikes = random_spikes(3, 1, 60, 4)
    in_lavas_python(_REFRACTORY, network, spikes, tmp_path)
    trace = fixed.run(network, spikes, record=True)
    states = trace.layers["hidden"]
    with np.load(tmp_path / "refractory.npz") as stored:
        np.testing.assert_array_equal(states.u_BTN[0], 64 * stored["arr_0"])
        np.testing.assert_array_equal(states.v_BTN[0], 64 * stored["arr_1"])
        np.testing.assert_array_equal(states.spikes_BTN[0], stored["arr_2"])
    steps = np.flatnonzero(states.spikes_BTN[0, :, np.argmax(trace.counts["hidden"][0])])
    assert np.diff(steps).min() == refractory + 1
    assert trace.counts["hidden"].sum() > 10


@pytest.mark.lava
@pytest.mark.parametrize("clear_every", [0, 9])
def test_neurons_of_their_own_parameters_equal_lavas_neurons_one_by_one(clear_every: int) -> None:
    """Each neuron as a population of its own, for which Lava documents its parameters."""
    rng = np.random.default_rng(4)
    n_neurons = 7
    weight = rng.integers(-128, 128, (n_neurons, 5)) * 2
    own: dict[str, Any] = {
        "du": rng.integers(0, 4096, n_neurons),
        "dv": rng.integers(0, 4097, n_neurons),
        "vth": rng.integers(0, 1500, n_neurons),
        "bias_mant": rng.integers(-90, 90, n_neurons),
        "v_init": rng.integers(-9999, 9999, n_neurons),
    }
    together = one_layer(weight, 2, **own, clear_every=clear_every)
    spikes = random_spikes(4, 2, 40, 5)
    expected = fixed.run(together, spikes, record=True).layers["hidden"]
    alone = _one_by_one(weight, own, clear_every)
    assert all(one.shared for one in alone.layers if isinstance(one, Layer))
    found = lava.run(alone, spikes, record=True).layers
    for key in ("spikes_BTN", "u_BTN", "v_BTN"):
        side_by_side = np.concatenate([getattr(found[one.name], key) for one in alone.layers], axis=2)
        np.testing.assert_array_equal(side_by_side, getattr(expected, key))
    assert expected.spikes_BTN.any(axis=(0, 1)).sum() > n_neurons // 2


def _one_by_one(weight: np.ndarray, own: dict[str, np.ndarray], clear_every: int) -> Program:
    layers, connections = [], []
    for neuron, row in enumerate(weight):
        name = f"neuron{neuron}"
        values = {key: value[neuron] for key, value in own.items()}
        layers.append(layer(name, 1, **values, clear_every=clear_every))
        connections.append(Connection(name, INPUT, name, row[None], 2, "mixed"))
    return program(weight.shape[1], layers, connections)


_STILL_THERE = """
import numpy as np
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.conv.process import Conv
from lava.proc.io.sink import RingBuffer as Sink
from lava.proc.io.source import RingBuffer
from lava.proc.lif import models, process

def run(one, n_steps):
    one.run(condition=RunSteps(num_steps=n_steps), run_cfg=Loihi2SimCfg(select_tag="fixed_pt"))

def sums(data, weight, exponent):
    source, sink = RingBuffer(data=np.full((1, 1, 1, 3), data)), Sink(shape=(1, 1, 1), buffer=3)
    conv = Conv(weight=np.full((1, 1, 1, 1), weight), weight_exp=exponent, input_shape=(1, 1, 1), num_message_bits=24)
    source.s_out.connect(conv.s_in)
    conv.a_out.connect(sink.a_in)
    run(sink, 3)
    found = sink.data.get()[..., -1].item()
    sink.stop()
    return found

assert sums(4, 1, 0) == sums(4, 1, -2) == sums(4, 1, 3) == 4
assert sums(1 << 23, 1, 0) == -(1 << 23)
try:
    run(process.LIFRefractory(shape=(1,), refractory_period=1), 1)
except AssertionError as error:
    assert "No ProcessModels found with tag 'fixed_pt'" in str(error), error
else:
    raise SystemExit("LIFRefractory has a fixed-point model now: run it")
assert not [name for name in dir(process) if "ubtract" in name or "Soft" in name]
"""


@pytest.mark.lava
def test_the_gaps_are_still_there(tmp_path: Path) -> None:
    """When one closes, this fails: then run Lava's own model, and take the gap off the list."""
    in_lavas_python(_STILL_THERE, one_layer([[1]]), np.ones((1, 1, 1)), tmp_path)
