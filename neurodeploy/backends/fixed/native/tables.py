"""A Program as the flat arrays that the compiled kernels walk through.

Neurons have an inner order, in which a population that a convolution reaches has its channels
last: one event then adds whole vectors of channels. Rows are padded to `c.MANY` neurons; the
padding never spikes. Axes: N inner neurons of all layers one after another, padding included.
"""

import functools
from typing import NamedTuple

import numpy as np

from neurodeploy.backends.fixed.native import columns as c
from neurodeploy.backends.fixed.native.arrays import aligned
from neurodeploy.backends.fixed.native.geometry import Flat, Geometry, is_pool, neighbours
from neurodeploy.backends.fixed.native.neurons import KERNELS, packed, rows_of
from neurodeploy.fixedpoint import rules, sigma_delta
from neurodeploy.program.connection import Connection
from neurodeploy.program.dynamics import AnyLayer, DynamicsLayer
from neurodeploy.program.layer import Layer, SigmaDelta
from neurodeploy.program.products import SpikeProducts
from neurodeploy.program.program import INPUT, Program
from neurodeploy.quantize import grid

SPARE = 16
"""Entries beyond a population's events: eight are written at least."""
MESSAGE_EXP = 8
"""Bits that a message of 16 leaves off the potential at least."""
COLUMNS = 32
"""Wide weights are padded to a whole number of so many."""
CHUNK = 128
"""Steps that the kernels take a sample through at a time."""
NEVER_READ = 1 << 40
LEAST_OUTPUTS = 24
"""Channels of a convolution from which on rows of `c.MANY` bytes are worth their padding."""

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
        if isinstance(layer, SpikeProducts):
            return f"{layer.name}: products of spikes have no compiled kernel"
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


class _Builder:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.names = [INPUT, *(layer.name for layer in program.layers)]
        self.sizes = {INPUT: program.n_inputs} | {layer.name: layer.n_neurons for layer in program.layers}
        self.order = {name: self._inner_order(name) for name in self.names}
        self.numbers, self.geometry = Flat(np.int32), Geometry()
        # A connection with several delays is one part for each: (connection, delay, weights as held).
        self.synapses = [(one, delay, held) for one in program.connections for delay, held in one.by_delay()]
        # Both halves of wide weights are one more connection, which stands for them wherever nothing can wrap.
        self.halves = [pair for pair in program.low_halves.items() if _sends_16_bits(program, *pair)]
        self.instead = {self._index(one): len(self.synapses) + place for place, (one, _) in enumerate(self.halves)}
        self.left_out = {self._index(one) for pair in self.halves for one in pair}
        self.synapses += [(one, 0, grid.joined(one.held, low.held)) for one, low in self.halves]

    def _index(self, one: Connection) -> int:
        return next(index for index, (other, _, _) in enumerate(self.synapses) if other is one)

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
        rows = np.zeros((len(padded), 22), np.int64)
        unread = _unread(program)
        for index, layer in enumerate(program.layers):
            here = slice(first[index], first[index] + layer.n_neurons)
            for key, value in rows_of(layer).items():
                neurons[key, here] = np.broadcast_to(value, layer.n_neurons)[self.order[layer.name]]
            scored = READOUT_CODES[program.readout] if layer.name == program.output else 0
            row = rows[index]
            row[[c.KIND, c.FIRST, c.PADDED]] = self.kinds[index], first[index], padded[index]
            row[[c.QUICK, c.UNREAD]] = self._quick(index), unread.get(layer.name, NEVER_READ)
            images = [one.window.out_channels for one in program.into(layer.name) if one.window]
            row[c.CHANNELS] = images[0] if images else layer.n_neurons
            row[[c.INTO_FIRST, c.INTO_AFTER]] = after[index] - len(self._into(layer.name)), after[index]
            row[[c.SCORED, c.START, c.OWN, c.POOL]] = scored, layer.start, -1, self._pool(layer, scored)
            if isinstance(layer, SigmaDelta):
                row[[c.ROLE, c.RELU]] = ROLE_CODES[layer.role], layer.activation == sigma_delta.RELU
                row[[c.SPIKE_EXP, c.STATE_EXP, c.CUMULATIVE]] = layer.spike_exp, layer.state_exp, layer.cumulative
                continue
            if isinstance(layer, DynamicsLayer) and layer.graded:
                row[[c.SPIKE_EXP, c.STATE_EXP]] = layer.message_exp, layer.fraction_bits
                continue
            assert not isinstance(layer, SpikeProducts)
            if isinstance(layer, Layer):
                row[c.SUBTRACT] = (1 + layer.at_threshold) * (layer.reset == rules.RESET_SUBTRACT)
                row[c.RESTS] = layer.refractory + 1 if layer.rests else 0
                row[[c.CLEAR_EVERY, c.CLEAR_OFFSET]] = layer.clear_every, layer.clear_offset % max(layer.clear_every, 1)
                row[c.RESTS_FIRST] = layer.rest_init
            if row[c.KIND] == c.NO_CURRENT or not (row[c.RESTS] or row[c.CLEAR_EVERY]):
                whole = neurons[:, first[index] : first[index + 1]]
                row[c.OWN] = self.numbers.put(packed(layer, whole, self.order[layer.name]))
        return rows, neurons

    def _into(self, name: str) -> list[int]:
        return [i for i, (one, _, _) in enumerate(self.synapses) if one.target == name and i not in self.left_out]

    def _quick(self, layer: int) -> int:
        """Return the connection of a layer that has only one: a matrix whose sums shift to the left, or -1."""
        of, kind = self.program.layers[layer], self.kinds[layer]
        into = self._into(of.name)
        if len(into) != 1 or not isinstance(of, Layer) or of.rests or kind not in (c.LIF_SHARED, c.NO_CURRENT):
            return -1
        one, _, held = self.synapses[into[0]]
        plain = not one.window and not self.program.graded(one.source) and not one.weight_exp.ndim
        # Even weights are stored halved, so that an exponent of -1 loses nothing either.
        lowest = 0 if (held & 1).any() else -1
        return into[0] if plain and one.weight_exp >= lowest else -1

    def _pool(self, layer: AnyLayer, scored: int) -> int:
        """Return where the targets of a layer's sources start that keeps nothing and that any spike fires, or -1."""
        into = self._into(layer.name)
        if scored or len(into) != 1 or not isinstance(layer, Layer) or layer.rests or layer.clear_every:
            return -1
        one, _, held = self.synapses[into[0]]
        kept = any(layer.numbers[key].any() for key in ("bias", "kept_u", "kept_v"))
        wraps = one.largest_sum.max(initial=0) << rules.ALIGN_SHIFT >= rules.STATE_LIMIT
        if one.window is None or not is_pool(one.window) or kept or wraps or self.program.graded(one.source):
            return -1
        least = rules.shift_by_exponent(held.reshape(len(held), -1).min(axis=1), one.weight_exp) << rules.ALIGN_SHIFT
        if (np.repeat(least, layer.n_neurons // len(least)) <= layer.numbers["threshold"]).any():
            return -1
        targets = self.geometry.pooled(one.window, self.order[one.source], self.order[layer.name])
        return self.geometry.places.put(np.where(targets < 0, _padded(layer.n_neurons), targets))

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
        weights8, weights16, numbers = Flat(np.uint8), Flat(np.int16), self.numbers
        geometry = self.geometry
        rows = np.zeros((max(len(self.synapses), 1), 18), np.int64)
        for index, (row, (one, delay, held)) in enumerate(zip(rows, self.synapses, strict=False)):
            graded = self.program.graded(one.source)
            targets, sources = self.order[one.target], self.order[one.source]
            padded = _padded(len(targets))
            row[[c.CON_SOURCE, c.CON_TARGET]] = self.names.index(one.source), self.names.index(one.target) - 1
            row[[c.CON_DELAY, c.CON_LARGEST]] = delay, np.abs(held).max(initial=0)
            row[[c.CON_EXPS, c.CON_SHIFTS, c.CON_ROWS]] = -1
            if one.weight_exp.ndim:
                row[c.CON_EXPS] = numbers.put(np.pad(one.row_exponents[targets], (0, padded - len(targets))))
            else:
                row[c.CON_EXP] = one.weight_exp
            if index >= len(self.synapses) - len(self.halves):
                pair = self.halves[index - len(self.synapses) + len(self.halves)]
                width = -(-len(sources) // COLUMNS) * COLUMNS
                by_target = np.pad(held[targets][:, sources], ((0, 0), (0, width - len(sources))))
                row[[c.CON_KIND, c.CON_WEIGHTS]] = c.MATRIX_HALVES, weights16.put(by_target)
                row[[c.CON_WIDTH, c.CON_LARGEST]] = width, _largest_message(held, pair)
                row[[c.CON_HIGH, c.CON_LOW]] = [self._index(half) for half in pair]
            elif one.window:
                row[c.CON_WRAPS] = graded or one.largest_sum.max() >= rules.STATE_LIMIT
                if not row[c.CON_WRAPS] and self._gathers(one):
                    stored, row[c.CON_GAIN], row[c.CON_OFFSET] = _stored(held)
                    row[c.CON_GAIN] <<= one.weight_exp
                    block = _by_row(stored.reshape(len(held), -1), _padded(len(held)), row[c.CON_OFFSET])
                    row[c.CON_ROWS] = weights8.put(stored_order(block))
                if one.weight_exp.min() >= 0:
                    # The exponent goes into the weights: 9 bits and an exponent of up to 7 are 16 bits.
                    held = held << one.weight_exp.reshape(-1, 1, 1, 1)
                    row[[c.CON_EXP, c.CON_EXPS]] = 0, -1
                # Input channel, tap row, tap column, output channel of its group.
                by_source = held.reshape(one.window.groups, -1, *held.shape[1:]).transpose(0, 2, 3, 4, 1)
                by_source = by_source[..., neighbours(one.window), :]
                row[[c.CON_KIND, c.CON_WEIGHTS]] = c.CONVOLUTION, weights16.put(by_source)
                row[c.CON_GEOMETRY] = geometry.put(one.window, sources)
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
            "geometries": np.array(geometry.rows or [[0] * 18]),
            "weights8": weights8.whole(),
            "weights16": weights16.whole(),
            "numbers": numbers.whole(),
            "places": geometry.places.whole(),
        }

    def _gathers(self, one: Connection) -> bool:
        """Return whether a convolution's outputs can be summed up one place after another, in rows of bytes."""
        window = one.window
        assert window is not None
        last = np.arange(window.n_inputs).reshape(window.input_shape).transpose(1, 2, 0).ravel()
        many = window.groups == window.dilation[1] == 1 and window.out_channels >= LEAST_OUTPUTS
        shared = one.weight_exp.ndim == 0 and one.weight_exp >= 0
        return bool(many and shared and (self.order[one.source] == last).all())


def _sends_16_bits(program: Program, one: Connection, low: Connection) -> bool:
    """Return whether both halves of wide weights can be summed at once: of messages of 16 bits, rounded once."""
    source = None if one.source == INPUT else program.layer(one.source)
    graded = isinstance(source, DynamicsLayer) and source.graded and source.message_exp >= MESSAGE_EXP
    return graded and not one.largest_delay and bool(np.min(one.weight_exp) >= 0)


def _largest_message(joined: np.ndarray, pair: tuple[Connection, Connection]) -> int:
    """Return up to which message no sum over wide weights, nor over either half, can leave 32 bits."""
    sums = [np.abs(part.astype(np.int64)).sum(axis=1).max(initial=1) for part in (joined, *(one.held for one in pair))]
    return min(((1 << 31) - 1) // max(1, *map(int, sums)), (1 << 15) - 1)


def _unread(program: Program) -> dict[str, int]:
    """Return by layer the steps that a spike of it takes at least before it changes the output's state."""
    found, near = {program.output: 0}, [program.output]
    for name in near:
        for one in program.into(name):
            steps = found[name] + 1 + int(np.min(one.delay))
            if one.source != INPUT and steps < found.get(one.source, NEVER_READ):
                found[one.source] = steps
                near.append(one.source)
    return found


def _padded(n_neurons: int) -> int:
    return -(-n_neurons // c.MANY) * c.MANY


def _kind(layer: AnyLayer) -> int:
    if isinstance(layer, SigmaDelta):
        return c.SIGMA_DELTA
    if isinstance(layer, DynamicsLayer):
        return KERNELS[layer.kind].code
    assert isinstance(layer, Layer)
    if not layer.shared or layer.refractory or layer.clear_every:
        return c.LIF
    return c.LIF_SHARED if layer.numbers["kept_u"].any() else c.NO_CURRENT


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
