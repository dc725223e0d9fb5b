"""What stands in for an oracle of adaptive neurons and resonators: Lava has no model of them.

Nothing on the expected side comes from `fixedpoint`: it is one neuron at a time in Python's integers and
fractions, written down from the equations once more; or a law; or Lava's own LIF, which both kinds are
where nothing couples their two states, and Lava's own resonate-and-fire neuron, which rounds each product
alone and never resets. Axes: B sample, T step, I input, N neuron.
"""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from neurodeploy.backends import fixed, lava
from neurodeploy.fixedpoint import rules
from neurodeploy.program.connection import Connection
from neurodeploy.program.dynamics import DynamicsLayer
from neurodeploy.program.program import INPUT
from tests.backends.dynamics_support import TOP, Adaptive, Resonator, cells, random_cells
from tests.backends.lava_support import MESSAGE, in_lavas_python, messages, passive, program

KINDS = (Adaptive, Resonator)


# One neuron in Python's integers


def within(state: int) -> int:
    return max(-TOP, min(TOP, state))


def adaptive_by_hand(inputs: list[int], bits: int, number: dict[str, int]) -> list[tuple[int, int, bool]]:
    """Return the adaptation, the potential and the spike after each step; `int` cuts a fraction toward zero."""
    w, v, spiked = 0, 0, False
    found = []
    for arrived in inputs:
        w = within(int(Fraction(number["beta"] * w + number["a"] * v, 2**bits)) + (number["jump"] if spiked else 0))
        kept = int(Fraction(number["alpha"] * v - number["gain"] * w, 2**bits))
        v = within(kept + arrived + number["bias"] - (number["drop"] if spiked else 0))
        spiked = v > number["vth"]
        found.append((w, v, spiked))
    return found


def resonator_by_hand(inputs: list[int], bits: int, number: dict[str, int]) -> list[tuple[int, int, bool]]:
    """Return the imaginary part, the real part and the spike after each step."""
    x, y, spiked = 0, 0, False
    found = []
    for arrived in inputs:
        turned_x = int(Fraction(number["re"] * x - number["im"] * y, 2**bits))
        turned_y = int(Fraction(number["im"] * x + number["re"] * y, 2**bits))
        x = within(turned_x + arrived + number["bias"] - (number["drop"] if spiked else 0))
        y = within(turned_y - (number["drop_y"] if spiked else 0))
        spiked = x > number["vth"]
        found.append((y, x, spiked))
    return found


BY_HAND = {Adaptive: adaptive_by_hand, Resonator: resonator_by_hand}
LEAKS = {Adaptive: "alpha", Resonator: "re"}
"""What multiplies the potential."""


def arriving_by_hand(weight: list[int], exponent: int, sent: list[int]) -> int:
    """Return a synaptic sum of one row: in int32 before the exponent and after it."""
    total = sum(one * (value >> 1 << 1) for one, value in zip(sent, weight, strict=True))
    total = (total + 2**31) % 2**32 - 2**31
    total = total * 2**exponent if exponent >= 0 else total // 2**-exponent
    return (total + 2**31) % 2**32 - 2**31


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", KINDS)
def test_cells_are_as_by_hand(kind: type[DynamicsLayer], seed: int) -> None:
    """Of every fraction, stable or not, with a loop: rounding, saturation, and what a spike does one step later."""
    rng = np.random.default_rng(seed)
    n_neurons, n_inputs, start = 30, 6, 1 + seed % 3
    hidden = random_cells(rng, kind, "hidden", n_neurons, start)
    weight = rng.integers(-256, 256, (n_neurons, n_inputs + n_neurons))
    exponents = rng.integers(-8, 8, n_neurons)
    connections = [
        Connection("in", INPUT, "hidden", weight[:, :n_inputs], exponents, "mixed"),
        Connection("loop", "hidden", "hidden", weight[:, n_inputs:], exponents - exponents // 2, "mixed"),
    ]
    spikes = messages(seed, (1, 50, n_inputs), [9, 3000, 200000, MESSAGE - 1][seed])
    states = fixed.run(
        program(n_inputs, [hidden], connections, graded_input=True), spikes, record=True, engine="plain"
    ).layers["hidden"]
    fed = [[0] * n_inputs, *spikes[0].tolist(), *[[0] * n_inputs] * (start - 1)]
    looped = [[False] * n_neurons, *states.spikes_BTN[0].tolist()]
    for neuron in range(n_neurons):
        row, exponent = weight[neuron].tolist(), int(exponents[neuron])
        sums = [
            arriving_by_hand(row[:n_inputs], exponent, fed[step])
            + arriving_by_hand(row[n_inputs:], exponent - exponent // 2, looped[step])
            for step in range(start, len(fed))
        ]
        sums = [(total + 2**31) % 2**32 - 2**31 for total in sums]
        number = {key: int(getattr(hidden, key)[neuron]) for key in hidden.integers}
        expected = [(0, 0, False)] * start + BY_HAND[kind](sums, hidden.fraction_bits, number)
        columns = (states.u_BTN, states.v_BTN, states.spikes_BTN)
        found = list(zip(*(states_BTN[0, :, neuron].tolist() for states_BTN in columns), strict=True))
        assert found == expected, f"neuron {neuron}: {number}"
    assert states.spikes_BTN.any(axis=1).sum() > n_neurons // 3
    for one in (states.u_BTN, states.v_BTN):
        assert np.abs(one).max() == TOP
        assert (one != 0).mean() > 0.4


def test_the_scores_of_a_softmax_are_as_by_hand() -> None:
    """From the output's first step on, each potential over its neuron's unit."""
    units = [3000.0, 4000.0, 2500.0]
    out = cells(Resonator, "out", 3, start=2, re=3900, im=800, bias=[0, 200, -100])
    out = type(out)(**{**vars(out), "v_per_unit": np.array(units)})
    one = Connection("in", INPUT, "out", np.array([[90, -20], [-40, 60], [50, 50]]), 2)
    trace = fixed.run(
        program(2, [out], [one], graded_input=True, readout=rules.SOFTMAX), messages(5, (2, 20, 2), 9), record=True
    )
    for sample in range(2):
        expected = [0.0, 0.0, 0.0]
        for potentials in trace.layers["out"].v_BTN[sample, 2:].tolist():
            raised = [math.exp(v / unit) for v, unit in zip(potentials, units, strict=True)]
            expected = [score + one / math.fsum(raised) for score, one in zip(expected, raised, strict=True)]
        np.testing.assert_allclose(trace.output_BN[sample], expected, rtol=1e-12)
        assert min(expected) > 1


# Laws


@pytest.mark.parametrize("bits", [4, 9, 15])
def test_a_quarter_turn_loses_nothing(bits: int) -> None:
    """The pole i: after four steps both parts are back, whatever they were."""
    hidden = cells(Resonator, "hidden", 3, fraction_bits=bits, im=1 << bits)
    one = Connection("in", INPUT, "hidden", np.eye(3, dtype=np.int64))
    spikes = np.zeros((1, 12, 3), np.int32)
    spikes[0, 0], spikes[0, 1] = [1, -TOP, 4321], [-77, 0, TOP]
    states = fixed.run(program(3, [hidden], [one], graded_input=True), spikes, record=True).layers["hidden"]
    x, y = states.v_BTN[0], states.u_BTN[0]
    assert x[2].tolist() == [-77, 0, TOP]
    assert y[2].tolist() == [1, -TOP, 4321]
    for step in range(3, 9):
        np.testing.assert_array_equal(x[step], -y[step - 1])
        np.testing.assert_array_equal(y[step], x[step - 1])
        np.testing.assert_array_equal(x[step + 4], x[step])


@pytest.mark.parametrize("seed", range(3))
def test_a_perfect_memory_conserves_what_came_in(seed: int) -> None:
    """Without leaks and coupling v holds its whole input less a drop for each spike, and w a jump for each."""
    rng = np.random.default_rng(seed)
    bias, drop, jump = rng.integers(0, 60, 8), rng.integers(900, 1500, 8), rng.integers(1, 50, 8)
    hidden = cells(Adaptive, "hidden", 8, alpha=4096, beta=4096, vth=1000, bias=bias, drop=drop, jump=jump)
    weight = rng.integers(0, 40, (8, 5))
    one = Connection("in", INPUT, "hidden", weight, 1)
    spikes = rng.poisson(0.5, (3, 80, 5))
    trace = fixed.run(program(5, [hidden], [one], graded_input=True), spikes, record=True)
    states = trace.layers["hidden"]
    # A spike of the last step would act in the next one.
    acted = trace.counts["hidden"] - states.spikes_BTN[:, -1]
    came_in = 80 * bias + spikes.sum(axis=1) @ weight.T * 2
    np.testing.assert_array_equal(states.v_BTN[:, -1] + acted * drop, came_in)
    np.testing.assert_array_equal(states.u_BTN[:, -1], acted * jump)
    assert acted.min() > 1


# Lava's own neurons


@pytest.mark.lava
def test_without_coupling_a_cell_is_lavas_lif() -> None:
    """Leak, rounding and saturation; Lava shifts sums by 6 bits, and its biases are a channel that is always 1,
    because cells sleep in the first step."""
    rng = np.random.default_rng(8)
    decays, bits = [0, 8, 1024, 2048, 4000, 4096], [12, 12, 4, 15, 9, 5]
    weight, bias = rng.integers(-128, 128, (4, 5)) * 2, np.array([0, 34, -8, -250])
    spikes = np.concatenate([messages(8, (2, 60, 5), 40), np.ones((2, 60, 1))], axis=2)
    lif = passive("lif", 24, dv=np.repeat(decays, 4))
    into = Connection("in", INPUT, "lif", np.tile(np.column_stack([weight, bias]), (6, 1)), 1, "mixed")
    expected = lava.run(program(6, [lif], [into], graded_input=True), spikes, record=True).layers["lif"].v_BTN
    into = Connection("in", INPUT, "cell", np.column_stack([weight, 0 * bias]), 7, "mixed")
    for kind, (index, (dv, bit)) in itertools.product(KINDS, enumerate(zip(decays, bits, strict=True))):
        kept = {LEAKS[kind]: (4096 - dv << bit) >> 12}
        cell = cells(kind, "cell", 4, fraction_bits=bit, bias=bias << 7, **kept)
        found = fixed.run(program(6, [cell], [into], graded_input=True), spikes, record=True).layers["cell"]
        np.testing.assert_array_equal(found.v_BTN, expected[:, :, 4 * index : 4 * index + 4])
        assert not found.u_BTN.any()
    assert np.abs(expected[:, :, :4]).max() == TOP
    assert len(np.unique(expected[:, :, 8:12])) > 200


_RESONATES = """
import sys
from pathlib import Path
import numpy as np
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.dense.process import Dense
from lava.proc.io.source import RingBuffer
from lava.proc.monitor.process import Monitor
from lava.proc.rf.process import RF

spikes, folder = np.load(sys.argv[3]), Path(sys.argv[4])
source = RingBuffer(data=np.concatenate([spikes[0], 0 * spikes[0, :1]]).T.astype(np.int32))
dense = Dense(weights=np.load(folder / "weight.npy"), num_message_bits=24, weight_exp=7)
neurons = RF(shape=(dense.a_out.shape[0],), period=20, alpha=0.03, decay_bits=12, vth=1 << 22)
source.s_out.connect(dense.s_in)
dense.a_out.connect(neurons.a_real_in)
monitors = [Monitor(), Monitor()]
for monitor, target in zip(monitors, (neurons.real, neurons.imag)):
    monitor.probe(target, len(spikes[0]) + 1)
neurons.run(condition=RunSteps(num_steps=len(spikes[0]) + 1), run_cfg=Loihi2SimCfg(select_tag="fixed_pt"))
found = [next(iter(monitor.get_data()[neurons.name].values())) for monitor in monitors]
pole = [neurons.cos_decay.get(), neurons.sin_decay.get()]
neurons.stop()
np.savez(folder / "resonates.npz", *found, *pole)
"""


@pytest.mark.lava
def test_a_silent_resonator_turns_as_lavas_but_for_the_rounding(tmp_path: Path) -> None:
    """Both lose less than 1 a product: ours 1 for a part's sum, Lava's 2, of which 0.97 is left a step later."""
    rng = np.random.default_rng(9)
    weight = rng.integers(-128, 128, (6, 4)) * 2
    np.save(tmp_path / "weight.npy", weight)
    into = Connection("in", INPUT, "hidden", weight, 7, "mixed")
    spikes = rng.integers(0, 2, (1, 150, 4)) * (rng.random((1, 150, 1)) < 0.2)
    pole = {"re": int(0.97 * math.cos(math.pi / 10) * 4096), "im": int(0.97 * math.sin(math.pi / 10) * 4096)}
    network = program(4, [cells(Resonator, "hidden", 6, **pole)], [into])
    in_lavas_python(_RESONATES, network, spikes, tmp_path)
    states = fixed.run(network, spikes, record=True).layers["hidden"]
    with np.load(tmp_path / "resonates.npz") as stored:
        x, y, *lavas_pole = (stored[key] for key in stored.files)
    assert [*pole.values()] == np.ravel(lavas_pole).tolist()
    apart = np.hypot(states.v_BTN[0] - x, states.u_BTN[0] - y)
    assert 0 < apart.max() < 3 * math.sqrt(2) / (1 - 0.97)
    assert np.abs(x).max() > 100_000
    assert np.abs(y).max() > 100_000
