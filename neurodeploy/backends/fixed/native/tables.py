"""A Program as the flat arrays that the compiled kernels walk through.

Neurons have an inner order, in which a population that a convolution reaches has its channels
last: one event then adds whole vectors of channels. Rows are padded to `LANES` neurons; the
padding never spikes. Axes: N inner neurons of all layers one after another, padding included.
"""

import functools
from typing import Any, NamedTuple

import numpy as np

from neurodeploy.backends.fixed.native import columns as c
from neurodeploy.backends.fixed.native.arrays import aligned
from neurodeploy.backends.fixed.native.neurons import KERNELS, packed, rows_of
from neurodeploy.fixedpoint import rules, sigma_delta
from neurodeploy.program.dynamics import AnyLayer, DynamicsLayer
from neurodeploy.program.layer import Layer, SigmaDelta
from neurodeploy.program.program import INPUT, Program
from neurodeploy.program.window import Window

LANES = c.MANY
"""Neurons that a layer's row is padded to a multiple of."""
SPARE = 16
"""Entries beyond a population's events: eight are written at least."""
CHUNK = 128
"""Steps that the kernels take a sample through at a time."""

READOUT_CODES = {"spikes": 0, "v_last": 1, "v_max": 2, "v_sum": 3, rules.SOFTMAX: c.SUMMED_SOFTMAX}
ROLE_CODES = {sigma_delta.SIGMA: 0, sigma_delta.DELTA: 1, sigma_delta.SIGMA_DELTA: 2}


class Tables(NamedTuple):
    """What the kernels read; populations count from 0 for the input, layers from 0."""

    pops: np.ndarray  # (populations, POP_...)
    layers: np.ndarray  # (layers, KIND...)
    neurons: np.ndarray  # (KEPT_U..., N)
    connections: np.ndarray  # (connections, CON_...)
    geometries: np.ndarray  # (convolutions, GEO_...)
    into: np.ndarray  # connections in the order of their targets
    groups: np.ndarray  # layers that are stepped together: (first, after last, whether in a loop)
    weights8: np.ndarray
    weights16: np.ndarray
    numbers: np.ndarray  # exponents and shifts of targets, sums of all rows, and `neurons.packed`
    places: np.ndarray  # of convolutions: places of the sources, ranges of taps, and taps


class Native(NamedTuple):
    """Tables, and how inner neurons relate to the Program's: `order[layer][inner]` is its neuron."""

    tables: Tables
    order: dict[str, np.ndarray]


def unsupported(program: Program) -> str:
    """Return in words why the compiled kernels cannot run a Program; empty where they can."""
    for layer in program.layers:
        if isinstance(layer, DynamicsLayer) and layer.kind not in KERNELS:
            return f"{layer.name}: {layer.kind} neurons have no compiled kernel"
        shapes = {one.window.output_shape for one in program.into(layer.name) if one.window}
        if len(shapes) > 1:
            return f"{layer.name} is reached by convolutions of different shapes"
    return ""


@functools.lru_cache(maxsize=8)
def native(program: Program) -> Native:
    """Return the tables of a Program."""
    return _Builder(program).build()


class _Flat:
    """Arrays put one after another."""

    def __init__(self, kind: Any) -> None:
        self.kind, self.size = kind, 0
        self.parts: list[np.ndarray] = []

    def put(self, values: Any) -> int:
        """Return where the values start."""
        part = np.ascontiguousarray(values, self.kind).ravel()
        self.parts.append(part)
        self.size += part.size
        return self.size - part.size

    def whole(self) -> np.ndarray:
        found = aligned((self.size + LANES,), self.kind)
        np.concatenate([*self.parts, np.zeros(LANES, self.kind)], out=found)
        return found


class _Builder:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.names = [INPUT, *(layer.name for layer in program.layers)]
        self.sizes = {INPUT: program.n_inputs} | {layer.name: layer.n_neurons for layer in program.layers}
        self.order = {name: self._inner_order(name) for name in self.names}
        self.numbers = _Flat(np.int32)
        # A connection with several delays is one part for each: (connection, delay, weights as held).
        self.synapses = [(one, delay, held) for one in program.connections for delay, held in one.by_delay()]

    def _inner_order(self, name: str) -> np.ndarray:
        order = np.arange(self.sizes[name])
        for one in self.program.into(name):
            if one.window:
                return order.reshape(one.window.output_shape).transpose(1, 2, 0).ravel()
        return order

    def build(self) -> Native:
        layers, neurons = self._layers()
        into = np.array([i for layer in self.program.layers for i in self._into(layer.name)] or [0])
        groups, pops = np.array(self._groups()), self._populations()
        tables = Tables(pops, layers, neurons, into=into, groups=groups, **self._connections())
        return Native(tables, self.order)

    def _populations(self) -> np.ndarray:
        waits = [[1 + delay for one, delay, _ in self.synapses if one.source == name] for name in self.names]
        history = np.array([max(one, default=1) for one in waits])
        sizes = np.array([self.sizes[name] for name in self.names])
        room = (history + CHUNK) * sizes + SPARE
        graded = [int(self.program.graded(name)) for name in self.names]
        starts = [np.cumsum(one) - one for one in (room, history * sizes)]
        return np.stack([sizes, history, starts[0], graded, starts[1]], axis=1).astype(np.int64)

    def _layers(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the table of the layers and that of the neurons."""
        program = self.program
        padded = [_padded(layer.n_neurons) for layer in program.layers]
        first = np.cumsum([0, *padded])
        neurons = aligned((7, first[-1]), np.int32)
        neurons[c.THRESHOLD] = rules.NEVER << rules.ALIGN_SHIFT
        self.kinds = [_kind(layer) for layer in program.layers]
        after = np.cumsum([len(self._into(layer.name)) for layer in program.layers])
        rows = np.zeros((len(padded), 18), np.int64)
        for index, layer in enumerate(program.layers):
            here = slice(first[index], first[index] + layer.n_neurons)
            for key, value in rows_of(layer).items():
                neurons[key, here] = np.broadcast_to(value, layer.n_neurons)[self.order[layer.name]]
            scored = READOUT_CODES[program.readout] if layer.name == program.output else 0
            row = rows[index]
            row[[c.KIND, c.FIRST, c.PADDED]] = self.kinds[index], first[index], padded[index]
            row[c.QUICK] = self._quick(index)
            row[[c.INTO_FIRST, c.INTO_AFTER]] = after[index] - len(self._into(layer.name)), after[index]
            row[[c.SCORED, c.START, c.OWN]] = scored, layer.start, -1
            if isinstance(layer, SigmaDelta):
                row[[c.ROLE, c.RELU]] = ROLE_CODES[layer.role], layer.activation == sigma_delta.RELU
                row[[c.SPIKE_EXP, c.STATE_EXP, c.CUMULATIVE]] = layer.spike_exp, layer.state_exp, layer.cumulative
                continue
            if isinstance(layer, Layer):
                row[c.SUBTRACT] = (1 + layer.at_threshold) * (layer.reset == rules.RESET_SUBTRACT)
                row[c.RESTS] = layer.refractory + 1 if layer.rests else 0
                row[[c.CLEAR_EVERY, c.CLEAR_OFFSET]] = layer.clear_every, layer.clear_offset % max(layer.clear_every, 1)
            if not row[c.RESTS] and not row[c.CLEAR_EVERY]:
                whole = neurons[:, first[index] : first[index + 1]]
                row[c.OWN] = self.numbers.put(packed(layer, whole, self.order[layer.name]))
        return rows, neurons

    def _into(self, name: str) -> list[int]:
        return [index for index, (one, _, _) in enumerate(self.synapses) if one.target == name]

    def _quick(self, layer: int) -> int:
        """Return the connection of a layer that has only one: a matrix whose sums shift to the left, or -1."""
        into = self._into(self.program.layers[layer].name)
        if len(into) != 1 or self.kinds[layer] != c.LIF_SHARED:
            return -1
        one, _, held = self.synapses[into[0]]
        plain = not one.window and not self.program.graded(one.source) and not one.weight_exp.ndim
        # Even weights are stored halved, so that an exponent of -1 loses nothing either.
        lowest = 0 if (held & 1).any() else -1
        return into[0] if plain and one.weight_exp >= lowest else -1

    def _groups(self) -> list[tuple[int, int, bool]]:
        """Return ranges of layers: those that a loop connects are stepped together, the others alone."""
        place = {name: index - 1 for index, name in enumerate(self.names)}
        spans = [(place[one.target], place[one.source]) for one, _, _ in self.synapses]
        loops = sorted(span for span in spans if span[0] <= span[1])
        groups: list[tuple[int, int, bool]] = []
        index = 0
        while index < len(self.program.layers):
            after, in_loop = index + 1, False
            for low, high in loops:
                if index <= low < after:
                    after, in_loop = max(after, high + 1), True
            groups.append((index, after, in_loop))
            index = after
        return groups

    def _connections(self) -> dict[str, np.ndarray]:
        weights8, weights16, numbers = _Flat(np.uint8), _Flat(np.int16), self.numbers
        geometry = _Geometry()
        rows = np.zeros((max(len(self.synapses), 1), 14), np.int64)
        for row, (one, delay, held) in zip(rows, self.synapses, strict=False):
            graded = self.program.graded(one.source)
            targets, sources = self.order[one.target], self.order[one.source]
            padded = _padded(len(targets))
            row[[c.CON_SOURCE, c.CON_TARGET]] = self.names.index(one.source), self.names.index(one.target) - 1
            row[[c.CON_DELAY, c.CON_LARGEST]] = delay, np.abs(held).max(initial=0)
            row[[c.CON_EXPS, c.CON_SHIFTS]] = -1
            if one.weight_exp.ndim:
                row[c.CON_EXPS] = numbers.put(np.pad(one.row_exponents[targets], (0, padded - len(targets))))
            else:
                row[c.CON_EXP] = one.weight_exp
            if one.window:
                if one.weight_exp.min() >= 0:
                    # The exponent goes into the weights: 9 bits and an exponent of up to 7 are 16 bits.
                    held = held << one.weight_exp.reshape(-1, 1, 1, 1)
                    row[[c.CON_EXP, c.CON_EXPS]] = 0, -1
                # Input channel, tap row, tap column, output channel of its group.
                by_source = held.reshape(one.window.groups, -1, *held.shape[1:]).transpose(0, 2, 3, 4, 1)
                row[[c.CON_KIND, c.CON_WEIGHTS]] = c.CONVOLUTION, weights16.put(by_source)
                row[c.CON_GEOMETRY] = geometry.put(one.window, sources)
                row[c.CON_WRAPS] = graded or one.largest_sum.max() >= rules.STATE_LIMIT
            elif graded and one.largest_delay and one.weight_exp.min() < 0:
                wide = _by_row(held[targets][:, sources], padded, 0)
                row[[c.CON_KIND, c.CON_WEIGHTS]] = c.MATRIX_WIDE, weights16.put(wide)
            else:
                stored, row[c.CON_GAIN], row[c.CON_OFFSET] = _stored(held)
                block = _by_row(stored[targets][:, sources], padded, row[c.CON_OFFSET])
                row[c.CON_KIND] = c.MATRIX_GRADED if graded else c.MATRIX
                row[c.CON_WEIGHTS] = weights8.put(stored_order(block))
                row[c.CON_TOTAL] = numbers.put((block - row[c.CON_OFFSET]).sum(axis=0))
                if row[c.CON_GAIN] == 2:
                    shift = np.pad(one.row_exponents[targets] + 1, (0, padded - len(targets)))
                    row[c.CON_SHIFTS] = numbers.put([shift.clip(min=0), (-shift).clip(min=0)])
        return {
            "connections": rows,
            "geometries": np.array(geometry.rows or [[0] * 9]),
            "weights8": weights8.whole(),
            "weights16": weights16.whole(),
            "numbers": numbers.whole(),
            "places": geometry.places.whole(),
        }


def _padded(n_neurons: int) -> int:
    return -(-n_neurons // LANES) * LANES


def _kind(layer: AnyLayer) -> int:
    if isinstance(layer, SigmaDelta):
        return c.SIGMA_DELTA
    if isinstance(layer, DynamicsLayer):
        return KERNELS[layer.kind].code
    return c.LIF_SHARED if layer.shared and not layer.rests and not layer.clear_every else c.LIF


def _stored(held: np.ndarray) -> tuple[np.ndarray, int, int]:
    """Return weights as bytes, with gain and offset: a weight is gain * (stored - offset).

    Weights of mixed signs are even, from -256 on; those of one sign have at most 8 bits.
    """
    if not (held & 1).any():
        return (held >> 1) + 128, 2, 128
    gain = -1 if held.min() < 0 else 1
    return gain * held, gain, 0


def _by_row(weight_OI: np.ndarray, padded: int, filling: int) -> np.ndarray:
    """Return a matrix as one row for each source, padded."""
    return np.pad(weight_OI.T.astype(np.int64), ((0, 0), (0, padded - len(weight_OI))), constant_values=filling)


def stored_order(rows: np.ndarray) -> np.ndarray:
    """Return rows of weights with two that are `c.PAIRS` apart next to each other, as `vectors.sum_128` reads them.

    Processors are taken to store the lower byte of two first, as all do that numba knows.
    """
    return rows.reshape(len(rows), -1, 2, c.PAIRS).swapaxes(2, 3).reshape(rows.shape)


class _Geometry:
    """Which taps lead from a source to which outputs, for every convolution."""

    def __init__(self) -> None:
        self.rows: list[list[int]] = []
        self.places = _Flat(np.int32)

    def put(self, window: Window, source_order: np.ndarray) -> int:
        """Return the row of a convolution's geometry."""
        channels, _, columns = window.output_shape
        cyx = np.stack(np.unravel_index(source_order, window.input_shape), axis=1)
        self.rows.append(
            [
                columns,
                channels,
                window.input_shape[0] // window.groups,
                channels // window.groups,
                window.kernel[1],
                window.kernel[0] * window.kernel[1],
                self.places.put(cyx),
                self._taps(window.ways(0)),
                self._taps(window.ways(1)),
            ]
        )
        return len(self.rows) - 1

    def _taps(self, ways: np.ndarray) -> int:
        """Return where the ranges start; `ways` holds for (tap, input) the output it leads to, or -1.

        A range is where the (tap, output) pairs of an input start, and where they end.
        """
        ranges = []
        for at in range(ways.shape[1]):
            taps = np.flatnonzero(ways[:, at] >= 0)
            start = self.places.put(np.stack([taps, ways[taps, at]], axis=1))
            ranges.append((start, start + 2 * len(taps)))
        return self.places.put(ranges)
