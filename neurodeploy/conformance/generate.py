"""Random integer networks that reach into the corners of every field.

The same seed gives the same network. Axes: B sample, T step, I input channel, N neuron of a layer.
"""

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurodeploy.backends.lava import synapses
from neurodeploy.conformance.additions import Shape, among, with_dynamics, with_joins
from neurodeploy.conformance.coverage import kinds_of
from neurodeploy.conformance.engines import readable
from neurodeploy.fixedpoint import rules, sigma_delta
from neurodeploy.program.connection import Connection
from neurodeploy.program.dynamics import AnyLayer
from neurodeploy.program.layer import Layer, SigmaDelta
from neurodeploy.program.program import INPUT, READOUTS, Program
from neurodeploy.program.window import Window

MOST_NEURONS = 40
"""Of one population: Lava's convolutions and our readable engine take longer by the neuron."""
MOST_STEPS = 40
MOST_WAITING = 70
"""Delays of a network's main line add up to this at most: each makes the run longer."""


@dataclass(frozen=True, eq=False)
class Case:
    """A random network, its input (B, T, I), and words for what it contains."""

    seed: int
    program: Program
    spikes: np.ndarray
    kinds: tuple[str, ...]


def random_case(seed: int, *, lava: bool = False) -> Case:
    """Return the network and the input of a seed, 0 or more.

    Args:
        lava: Keep within what Lava can run, see `beyond_lava`; all else is the same.
    """
    for attempt in itertools.count():
        rng = np.random.default_rng([seed, attempt])
        # Joins and neurons that are equations have streams of their own: what the chain draws does not depend on them.
        others = _Drawn(rng, lava=lava).program(f"seed {seed}")
        joined = with_joins(np.random.default_rng([seed, attempt, 2]), others)
        program = with_dynamics(np.random.default_rng([seed, attempt, 1]), joined)
        spikes = _spikes(rng, program)
        if not (lava and beyond_lava(program, spikes)):
            break
    return Case(seed, program, spikes, kinds_of(program, spikes))


def beyond_lava(program: Program, spikes: np.ndarray) -> str:
    """Return why Lava cannot run this as a chip would; empty where it can.

    Lava's `Conv` casts sums beyond int32 from float, which C leaves open, and a convolution with a
    negative exponent runs as a matrix, which does not wrap at 24 bits.
    """
    limited = [one for one in program.connections if one.window and program.graded(one.source)]
    if not limited:
        return ""
    trace = readable()(program, spikes)
    most = {name: np.abs(states.spikes_BTN.astype(np.int64)).max() for name, states in trace.layers.items()}
    most[INPUT] = np.abs(spikes.astype(np.int64)).max()
    for one in limited:
        if most[one.source] > largest_message(one):
            return f"{one.name}: messages beyond {largest_message(one)}"
    return ""


def largest_message(one: Connection) -> int:
    """Return the largest size of messages that Lava can hand through a convolution."""
    if not synapses.runs_as_conv(one):
        return synapses.largest_message(one)
    return ((1 << 31) - 1) // max(int(one.largest_sum.max()), 1)


class _Drawn:
    """One network, drawn part by part."""

    def __init__(self, rng: np.random.Generator, *, lava: bool) -> None:
        self.rng, self.lava = rng, lava
        self.waiting_left = MOST_WAITING
        self.layers: list[AnyLayer] = []
        self.connections: list[Connection] = []

    def chance(self, part: float) -> bool:
        return bool(self.rng.random() < part)

    def program(self, name: str) -> Program:
        graded_input = self.chance(0.25)
        shapes: dict[str, Shape] = {INPUT: self.input_shape()}
        readout = READOUTS[self.rng.choice(4, p=[0.4, 0.2, 0.2, 0.2])]
        n_layers = int(self.rng.choice([1, 2, 3, 4], p=[0.35, 0.35, 0.2, 0.1]))
        source, start = INPUT, 0
        for index in range(n_layers):
            target = f"l{index}"
            first, shapes[target] = self.main_line(source, target, shapes[source])
            self.connections.append(first)
            start += 1 + int(np.min(first.delay))
            read = index == n_layers - 1 and readout != READOUTS[0]
            here = (target, shapes[target], start)
            self.layers.append(self.sigma_delta(*here) if self.chance(0.25) else self.lif(*here, read=read))
            source = target
        self.ways_aside(shapes)
        return Program(
            name=name,
            chip="loihi2",
            dt_s=1e-3,
            n_inputs=math.prod(shapes[INPUT]),
            layers=tuple(self.layers),
            connections=tuple(self.connections),
            output=source if self.chance(0.9) else "l0",
            input_shape=shapes[INPUT],
            graded_input=graded_input,
            readout=readout,
        )

    def input_shape(self) -> Shape:
        kind = self.rng.choice(3, p=[0.4, 0.25, 0.35])
        if kind == 0:
            return (int(self.rng.choice([1, 8, MOST_NEURONS])),)
        channels, columns = int(self.rng.choice([1, 2, 4])), int(self.rng.integers(1, 9))
        return channels, 1 if kind == 1 else int(self.rng.integers(2, 6)), columns

    def ways_aside(self, shapes: dict[str, Shape]) -> None:
        """Add recurrent connections, one back, and one that skips layers."""
        names = [layer.name for layer in self.layers]
        pairs = [(name, name) for name in names if self.chance(0.25)]
        if len(names) > 1:
            pairs += [(names[-1], names[0])] if self.chance(0.25) else []
            pairs += [(INPUT, names[-1])] if self.chance(0.25) else []
        for source, target in pairs:
            sizes = math.prod(shapes[target]), math.prod(shapes[source])
            self.connections.append(self.matrix(f"{source}-{target}", source, target, sizes))

    def main_line(self, source: str, target: str, shape: Shape) -> tuple[Connection, Shape]:
        """Return the connection that a layer stands on, and the layer's shape."""
        name = f"{source}-{target}"
        if len(shape) == 3 and self.chance(0.75):
            found = self.pool(name, source, target, shape) if self.chance(0.3) else None
            found = found or self.convolution(name, source, target, shape)
            if found:
                assert found.window
                return found, found.window.output_shape
        size = int(self.rng.choice([1, 2, 3, 6, 12, MOST_NEURONS], p=[0.15, 0.2, 0.25, 0.2, 0.15, 0.05]))
        out = (size // 3, 1, 3) if size % 3 == 0 and self.chance(0.5) else (size,)
        return self.matrix(name, source, target, (size, math.prod(shape)), main=True), out

    def convolution(self, name: str, source: str, target: str, shape: Shape) -> Connection | None:
        channels, rows, columns = shape
        for _ in range(20):
            groups = int(self.rng.choice([one for one in (1, 2, 4) if channels % one == 0]))
            outputs = groups * int(self.rng.integers(1, 4))
            ends = {"kernel": (1, 3), "stride": (1, 3), "padding": (0, 2), "dilation": (1, 2)}
            pairs: dict[str, Any] = {key: self.pair(rows, *one) for key, one in ends.items()}
            window = Window((channels, rows, columns), outputs, **pairs, groups=groups)
            if not window.problem() and window.n_outputs <= MOST_NEURONS:
                break
        else:
            return None
        exponent = self.exponent(window.out_channels)
        delay = self.shared_delay(main=True) if self.chance(0.2) else 0
        weight = self.weights(window.weight_shape)
        if self.lava and np.min(exponent) < 0:
            # Lava's matrices hold these, and no odd ones beyond.
            weight = weight & ~1 if self.chance(0.5) else np.clip(weight, -128, 127)
        return Connection(name, source, target, weight, exponent, delay=delay, window=window)

    def pair(self, rows: int, low: int, high: int) -> tuple[int, int]:
        """Return a number for rows and columns; nothing to choose along one row."""
        first, second = (int(self.rng.choice([low, one])) for one in self.rng.integers(low, high + 1, 2))
        return (low if rows == 1 else first, second)

    def pool(self, name: str, source: str, target: str, shape: Shape) -> Connection | None:
        channels, rows, columns = shape
        if columns < 2:
            return None
        size = (1 if rows == 1 else 2, int(self.rng.choice([2, min(4, columns)])))
        average = self.chance(0.5)
        weight = 1 if average else int(among(self.rng, 1, 255))
        exponent = -int(math.log2(math.prod(size))) if average else int(among(self.rng, 0, 7))
        padding = (0 if rows == 1 else int(self.rng.integers(0, 2)), int(self.rng.integers(0, 2)))
        stride = (1, int(self.rng.integers(1, 3))) if self.chance(0.3) else None
        window = Window((channels, rows, columns), channels, size, stride or size, padding, groups=channels)
        if window.problem() or window.n_outputs > MOST_NEURONS:
            return None
        return Connection(name, source, target, np.full(window.weight_shape, weight), exponent, window=window)

    def matrix(self, name: str, source: str, target: str, shape: tuple[int, int], *, main: bool = False) -> Connection:
        sign = rules.SIGNS[self.rng.choice(4, p=[0.64, 0.12, 0.12, 0.12])]
        kind = self.rng.choice(3, p=[0.6, 0.2, 0.2])
        delay: Any = 0
        if kind == 1:
            delay = self.shared_delay(main=main)
        elif kind == 2:
            most = int(self.rng.choice([3, rules.DELAY_MAX], p=[0.7, 0.3]))
            delay = among(self.rng, 0, most, shape)
            delay[0, 0] = 0
        return Connection(name, source, target, self.weights(shape), self.exponent(shape[0]), sign, delay)

    def shared_delay(self, *, main: bool) -> int:
        most = int(self.rng.choice([6, rules.DELAY_MAX], p=[0.8, 0.2]))
        if not main:
            return int(among(self.rng, 0, most))
        delay = min(int(among(self.rng, 0, most)), self.waiting_left)
        self.waiting_left -= delay
        return delay

    def weights(self, shape: Shape) -> np.ndarray:
        ranges = [(-256, 255), (0, 255), (-255, 0), (-20, 20), (-2, 3), (0, 0)]
        low, high = ranges[self.rng.choice(len(ranges), p=[0.35, 0.2, 0.12, 0.2, 0.1, 0.03])]
        weight = among(self.rng, low, high, shape)
        if self.chance(0.2):
            weight *= self.rng.random(shape) < 0.3
        return weight

    def exponent(self, n_rows: int) -> Any:
        """Return exponents around 0, or anywhere, shared or one for each row.

        Rows have at most three of them: with delays each is a process of its own in Lava.
        """
        low, high = (-2, 2) if self.chance(0.4) else (rules.WEIGHT_EXPONENT_MIN, rules.WEIGHT_EXPONENT_MAX)
        few = among(self.rng, low, high, 3)
        return self.rng.choice(few, n_rows) if self.chance(0.25) else few[0]

    def lif(self, name: str, shape: Shape, start: int, *, read: bool) -> Layer:
        rng, n_neurons = self.rng, math.prod(shape)
        each = (n_neurons,) if self.chance(0.2) else ()
        du, dv = among(rng, 0, rules.DECAY_ONE - 2, each), among(rng, 0, rules.DECAY_ONE, each)
        kind = rng.choice(3, p=[0.2, 0.3, 0.5])
        if kind < 2:
            du, dv = np.asarray(rules.DECAY_ONE - 1), np.asarray(0) if kind == 0 else np.maximum(dv, 1)
        vth = rng.integers(0, 3000, each)
        if self.chance(0.5 if read else 0.05):
            vth = np.asarray(rules.NEVER)
        elif self.chance(0.3):
            vth = among(rng, 0, rules.NEVER - 1, each)
        top = rules.STATE_LIMIT - 1
        states = [among(rng, -top, top, n_neurons) * (rng.random(n_neurons) < 0.5) * self.chance(0.5) for _ in "uv"]
        mantissa = 1 << rules.BIAS_MANTISSA_BITS - 1
        bias = among(rng, -mantissa, mantissa - 1, n_neurons) * (rng.random(n_neurons) < 0.5) * self.chance(0.5)
        clears = self.chance(0.15)
        ones, decays = np.ones(n_neurons), {"du": du, "dv": dv, "vth": vth}
        units: dict[str, Any] = {key: ones if "per" in key else 0 * ones for key in Layer.units}
        return Layer(
            name=name,
            **{key: np.array(np.broadcast_to(value, n_neurons)) for key, value in decays.items()},
            bias_mant=bias,
            bias_exp=int(among(rng, 0, rules.BIAS_EXPONENT_MAX)),
            u_init=states[0],
            v_init=states[1],
            reset=rules.RESETS[rng.choice(2, p=[0.7, 0.3])],
            start=start,
            **units,
            shape=shape,
            rest_init=0,  # what rests at first is drawn by the tests of the engines: these networks stay
            at_threshold=bool(vth.flat[0] % 4 == 1),  # drawn with the threshold, for the same reason
            refractory=int(among(rng, 1, int(rng.choice([3, rules.REFRACTORY_MAX])))) if self.chance(0.15) else 0,
            clear_every=int(rng.integers(1, 12)) if clears else 0,
            clear_offset=int(rng.integers(0, 12)) if clears else 0,
        )

    def sigma_delta(self, name: str, shape: Shape, start: int) -> SigmaDelta:
        rng, n_neurons = self.rng, math.prod(shape)
        small = self.chance(0.5)
        bound = 50 if small else (1 << 15) - 1
        return SigmaDelta(
            name=name,
            role=sigma_delta.ROLES[rng.choice(3)],
            vth=int(among(rng, 0, 100 if small else (1 << 16) - 1)),
            bias=among(rng, -bound - 1, bound, n_neurons) * (rng.random(n_neurons) < 0.5),
            activation=sigma_delta.ACTIVATIONS[rng.choice(2)],
            start=start,
            spike_exp=int(among(rng, 0, 7)) if self.chance(0.6) else 0,
            state_exp=int(among(rng, 0, 7)) if self.chance(0.6) else 0,
            cumulative=self.chance(0.4),
            shape=shape,
        )


def _spikes(rng: np.random.Generator, program: Program) -> np.ndarray:
    """Return input for 1 or 3 samples, from silent to a spike everywhere; long enough to see the longest delay."""
    n_steps = int(rng.integers(1, MOST_STEPS + 1))
    longest = max(one.largest_delay for one in program.connections)
    if longest > n_steps and rng.random() < 0.7:
        n_steps = longest + int(rng.integers(1, 12))
    shape = (int(rng.choice([1, 3])), n_steps, program.n_inputs)
    there = rng.random(shape) < rng.choice([0.0, 0.05, 0.3, 0.6, 1.0], p=[0.06, 0.24, 0.3, 0.2, 0.2])
    if not program.graded_input:
        return there.astype(np.uint8)
    largest = 1 << rules.MESSAGE_BITS - 1
    limit = 1 << int(rng.choice([4, 12, rules.MESSAGE_BITS - 1], p=[0.25, 0.25, 0.5]))
    convolved = [one for one in program.connections if one.source == INPUT and one.window]
    if convolved and rng.random() < 0.75:
        # As large as Lava takes: sums that wrap at 24 bits, but not at 32.
        limit = min(max(min(largest_message(one) for one in convolved), 1), largest)
    return (among(rng, -limit, limit - 1, shape) * there).astype(np.int32)
