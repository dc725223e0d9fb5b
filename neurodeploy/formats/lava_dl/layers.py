"""One layer of a `.net` file as a population of the chip, and the synapses into it.

The numbers mean what lava-dl 0.6.0's `netx` makes of them (`lib/dl/netx/hdf5.py`): `iDecay` is the whole
part lost in a step, one more than the chip's field; biases have exponent 6, which lines them up with the
synaptic sums; messages and states of sigma-delta neurons have exponent 6 each.

Axes: N neurons of a layer, flattened from (C, Y, X); X column, Y row, C channel.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from neurodeploy.errors import GraphError, nearest
from neurodeploy.fixedpoint import rules, sigma_delta
from neurodeploy.fixedpoint.rules import IntArray
from neurodeploy.formats.lava_dl import hdf5
from neurodeploy.program.connection import Connection
from neurodeploy.program.dynamics import AnyLayer
from neurodeploy.program.layer import Layer, SigmaDelta
from neurodeploy.program.window import Window

BIAS_EXPONENT = 6
SIGMA_DELTA_EXPONENT = 6
INPUT_TYPE, DENSE, RECURRENT, CONV, POOL, FLATTEN = "input", "dense", "dense_rec", "conv", "pool", "flatten"
TYPES = (INPUT_TYPE, DENSE, RECURRENT, CONV, POOL, FLATTEN)
OTHER_TYPES = ("convT", "unpool", "average", "concat", "dense_comp")
"""What lava-dl exports besides."""
LEAKY, SDNN = ("CUBA", "LOIHI"), "SDNN"
UNIT = float(1 << rules.ALIGN_SHIFT)
"""Chip units of what a weight of 1 adds."""
NEVER = (1 << 18) - 1
"""Threshold that lava-dl's `Affine` blocks write for "never spikes" (`slayer/block/base.py`); v ends at 2^23."""
MOST_THRESHOLD = (1 << 31 - rules.ALIGN_SHIFT) - 1
"""What Lava's int32 holds after its shift."""
MOST_DELAY = 62
"""netx allows delays up to this many steps, one less than the chip's field."""
Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Entry:
    """A layer of the file.

    Attributes:
        where: File and layer, for messages.
        name: Of the population: its type and its number among the populations, as Lava counts them.
        values: What the file says.
        shape: Channels, rows and columns.
    """

    where: str
    name: str
    type: str
    values: Mapping[str, Any]
    shape: Shape
    warnings: list[str] = field(default_factory=list)

    @property
    def neuron(self) -> Mapping[str, Any]:
        """The neurons' group; empty where the file has none."""
        found = self.values.get("neuron", {})
        if not isinstance(found, dict):
            raise GraphError(f"{self.where}: neuron is no group; export it again")
        return found

    @property
    def axes(self) -> tuple[int, ...]:
        """Axes of the population: one where there is no image; what enters a convolution keeps its three."""
        return self.shape if self.type in (INPUT_TYPE, CONV, POOL) else flat(self.shape)

    @property
    def graded(self) -> bool:
        return self.neuron.get("type") == SDNN


def flat(shape: Shape) -> tuple[int, ...]:
    """Return the axes of a population: one of them where there is no image."""
    return shape if shape[1:] != (1, 1) else shape[:1]


def entry(where: str, place: int, number: int, values: Mapping[str, Any]) -> Entry:
    """Return layer `place` of a file, the population with the given number.

    Raises:
        GraphError: its type or shape is none that a Program can hold.
    """
    where = f"{where}: layer {place}"
    kind = hdf5.word(where, values, "type")
    if kind not in TYPES:
        advice = f"a Program holds {', '.join(TYPES)}" if kind in OTHER_TYPES else nearest(kind, TYPES)
        raise GraphError(f"{where}: type {kind!r} cannot become part of a Program; {advice}")
    return Entry(where, f"{kind}{number}", kind, values, hdf5.shape(where, values))


def population(one: Entry, start: int, *, first: bool) -> AnyLayer:
    """Return the neurons of a layer; `first` for those that stand for the network's input.

    Raises:
        GraphError: neurons of another type, or numbers out of range.
    """
    n_neurons = math.prod(one.shape)
    if not one.neuron:
        if "bias" in one.values:
            raise GraphError(f"{one.where}: has a bias but no neurons, which only netx gives a meaning; add neurons")
        # Neither u nor v leaks away: lava-dl lets the current add up, we the potential, which are equal then.
        return _leaky(one, n_neurons, start, du=rules.DECAY_ONE - 1, dv=0, vth=rules.NEVER)
    kind = hdf5.word(one.where, one.neuron, "type")
    if kind == SDNN:
        return _sigma_delta(one, start, first=first)
    if kind not in LEAKY:
        raise GraphError(
            f"{one.where}: neurons are {kind!r}, a Program holds {', '.join((*LEAKY, SDNN))}; train with one of those"
        )
    if hdf5.whole(one.where, one.neuron, "gradedSpike", 0, 1, 0):
        raise GraphError(f"{one.where}: {kind} neurons with graded spikes have no counterpart; train with binary ones")
    refractory = hdf5.whole(one.where, one.neuron, "refDelay", 1, rules.REFRACTORY_MAX + 1, 1) - 1
    if refractory:
        one.warnings.append(f"{one.name}: rests {refractory} step(s) after a spike; lava-dl's netx does not")
    # What drives the input layer adds to its potential at once, whatever its current would keep.
    du = rules.DECAY_ONE - 1 if first else _per_neuron(one, "iDecay", 1, rules.DECAY_ONE) - 1
    if first and (_per_neuron(one, "iDecay", 1, rules.DECAY_ONE) != rules.DECAY_ONE).any():
        one.warnings.append(f"{one.name}: iDecay has no effect on what drives the potential itself")
    return _leaky(
        one,
        n_neurons,
        start,
        du=du,
        dv=_per_neuron(one, "vDecay", 0, rules.DECAY_ONE),
        vth=np.minimum(_per_neuron(one, "vThMant", 0, MOST_THRESHOLD), rules.NEVER),
        bias_mant=np.zeros(n_neurons, np.int64) if first else _bias(one),
        refractory=refractory,
    )


def _leaky(one: Entry, n_neurons: int, start: int, **values: Any) -> Layer:
    arrays: dict[str, Any] = {
        key: np.broadcast_to(np.asarray(values.get(key, 0), np.int64), n_neurons).copy() for key in Layer.integers
    }
    unit, nothing = np.full(n_neurons, UNIT), np.zeros(n_neurons)
    return Layer(
        name=one.name,
        bias_exp=BIAS_EXPONENT,
        reset=rules.RESET_ZERO,
        start=start,
        u_per_unit=unit,
        v_per_unit=unit,
        u_offset=nothing,
        v_offset=nothing,
        shape=one.axes,
        refractory=values.get("refractory", 0),
        **arrays,
    )


def _sigma_delta(one: Entry, start: int, *, first: bool) -> SigmaDelta:
    activation = hdf5.word(one.where, one.neuron, "activation")
    if activation not in sigma_delta.ACTIVATIONS:
        raise GraphError(
            f"{one.where}: activation {activation!r} has no counterpart; {nearest(activation, sigma_delta.ACTIVATIONS)}"
        )
    if activation != sigma_delta.RELU and not first:
        one.warnings.append(f"{one.name}: activation {activation!r}; lava-dl's netx runs every such layer with relu")
    vth, bias = hdf5.whole(one.where, one.neuron, "vThMant", 0, (1 << 16) - 1), _bias(one)
    if "sigma_output" in one.neuron:
        return SigmaDelta(one.name, sigma_delta.SIGMA, vth, bias, sigma_delta.UNIT, start, shape=one.axes)
    role = sigma_delta.DELTA if first else sigma_delta.SIGMA_DELTA
    exponent = SIGMA_DELTA_EXPONENT
    return SigmaDelta(
        one.name, role, vth, bias, activation, start, spike_exp=exponent, state_exp=exponent, shape=one.axes
    )


def _per_neuron(one: Entry, key: str, low: int, high: int) -> IntArray:
    """Return a neuron parameter, () or (N,); lava-dl has one for all, or one for every channel."""
    found = hdf5.integers(one.where, one.neuron, key)[0].ravel()
    if found.min() < low or found.max() > high:
        raise GraphError(f"{one.where}: {key} is {found.min()}..{found.max()}, {low}..{high} is allowed")
    return found.reshape(()) if found.size == 1 else _spread(one, key, found)


def _bias(one: Entry) -> IntArray:
    """Return the biases (N,), given for the layer, every channel or every neuron (X, Y, C)."""
    if "bias" not in one.values:
        return np.zeros(math.prod(one.shape), np.int64)
    found, cut = hdf5.integers(one.where, one.values, "bias")
    if cut:
        one.warnings.append(f"{one.name}: biases have fractions, which are cut off as by lava-dl's netx")
    return _spread(one, "bias", found)


def _spread(one: Entry, key: str, values: IntArray) -> IntArray:
    n_neurons, channels = math.prod(one.shape), one.shape[0]
    if values.size == n_neurons and values.ndim == 3:
        return values.transpose(2, 1, 0).ravel()
    if values.size in (1, channels, n_neurons):
        return np.repeat(values.ravel(), n_neurons // values.size)
    raise GraphError(f"{one.where}: {values.size} values of {key} for {channels} channels, {n_neurons} neurons")


def synapses(one: Entry, source: str, before: Shape) -> list[Connection]:
    """Return the connections into a layer from `source`, which has the shape `before`.

    Raises:
        GraphError: weights that do not fit the shapes or the chip.
    """
    name = f"{one.name}_in"
    exponent = hdf5.whole(one.where, one.neuron, "wgtExp", -8, 7, 0)
    if exponent:
        one.warnings.append(f"{one.name}: weights have exponent {exponent}; lava-dl's netx leaves it out")
    if one.type in (CONV, POOL):
        return [_convolution(one, name, source, before, exponent)]
    n_neurons = math.prod(one.shape)
    matrix = _matrix(one, "weight", n_neurons)
    if matrix.shape[1] != math.prod(before):
        raise GraphError(f"{one.where}: weights are {matrix.shape}, {math.prod(before)} inputs arrive; export it again")
    found = [_dense(one, name, source, matrix, exponent)]
    if one.type == RECURRENT:
        if _delays(one).any():
            raise GraphError(f"{one.where}: a recurrent layer has delays; undefined which connection they apply to")
        recurrent = _matrix(one, "weight_rec", n_neurons)
        if recurrent.shape[1] != n_neurons:
            raise GraphError(f"{one.where}: weight_rec is {recurrent.shape}, ({n_neurons}, {n_neurons}) is needed")
        found.append(_dense(one, f"{one.name}_rec", one.name, recurrent, exponent))
    elif _delays(one).any():
        delay = _delays(one)
        if delay.ndim < 2 and delay.size > 1:
            # As netx has it: one for each target where there are so many, else one for each source.
            delay = delay[:, None] if delay.size == n_neurons else delay[None, :]
        if delay.ndim and delay.shape not in (matrix.shape, (n_neurons, 1), (1, matrix.shape[1])):
            raise GraphError(f"{one.where}: delays are {delay.shape} for weights of {matrix.shape}; export it again")
        full = np.broadcast_to(delay, matrix.shape) if delay.ndim else delay
        found[0] = replace(found[0], delay=full.copy())
    return found


def _matrix(one: Entry, key: str, n_neurons: int) -> IntArray:
    found = _weights(one, key)
    if found.ndim == 1 and found.size % n_neurons == 0:
        found = found.reshape(n_neurons, -1)
    if found.ndim != 2 or len(found) != n_neurons:
        raise GraphError(f"{one.where}: {key} is {found.shape}, ({n_neurons}, inputs) is needed; export it again")
    return found


def _weights(one: Entry, key: str) -> IntArray:
    if isinstance(one.values.get(key), dict):
        raise GraphError(f"{one.where}: weights are complex, which resonators need; a Program holds {', '.join(LEAKY)}")
    found, cut = hdf5.integers(one.where, one.values, key)
    if cut:
        one.warnings.append(f"{one.name}: weights have fractions, which are cut off as by lava-dl's netx")
    if found.min() < -256 or found.max() > 255:
        raise GraphError(f"{one.where}: {key} holds {found.min()}..{found.max()}, -256..255 is allowed; quantise again")
    return found


def _dense(one: Entry, name: str, source: str, weight: IntArray, exponent: int) -> Connection:
    """Return a matrix that the chip holds with every bit."""
    if (rules.loihi_weights(weight) != weight).any():
        # The chip cuts the low bit of mixed signs, so it goes where there is room, as in netx.
        if weight.min() < -128 or weight.max() > 127:
            raise GraphError(
                f"{one.where}: weights of {weight.min()}..{weight.max()} with both signs are odd, which 8 bits cannot "
                "hold; quantise in steps of 2"
            )
        weight, exponent = weight << 1, exponent - 1
    return Connection(name, source, one.name, weight, exponent)


def _convolution(one: Entry, name: str, source: str, before: Shape, exponent: int) -> Connection:
    weight = _weights(one, "weight")
    delay = _delays(one)
    if delay.size and (delay != delay.ravel()[0]).any():
        raise GraphError(f"{one.where}: delays differ, and a convolution has one for all; train without delays")
    if delay.any():
        one.warnings.append(f"{one.name}: spikes wait {delay.ravel()[0]} step(s); lava-dl's netx leaves this out")
    kernel = hdf5.pair(one.where, one.values, "kernelSize", 1)
    groups = before[0] if one.type == POOL else hdf5.whole(one.where, one.values, "groups", 1, 1 << 16, 1)
    if before[0] % groups or one.shape[0] % groups:
        raise GraphError(f"{one.where}: {before[0]} and {one.shape[0]} channels do not split into {groups} groups")
    window = Window(
        before,
        one.shape[0],
        kernel,
        hdf5.pair(one.where, one.values, "stride", 1, 1),
        hdf5.pair(one.where, one.values, "padding", 0, 0),
        hdf5.pair(one.where, one.values, "dilation", 1, 1),
        groups,
    )
    problem = window.problem()
    if problem or window.output_shape != one.shape:
        made = problem or f"its kernel makes {window.output_shape} of {before}"
        raise GraphError(f"{one.where}: shape is {one.shape}, {made}; export it again")
    if one.type == POOL and weight.size == math.prod(kernel):
        weight = np.broadcast_to(weight.reshape(1, 1, *kernel), window.weight_shape).copy()
    if weight.size != math.prod(window.weight_shape):
        raise GraphError(f"{one.where}: weights are {weight.shape}, {window.weight_shape} are needed; export it again")
    shared = int(delay.ravel()[0]) if delay.size else 0
    whole = weight.reshape(window.weight_shape)
    return Connection(name, source, one.name, whole, exponent, delay=shared, window=window)


def _delays(one: Entry) -> IntArray:
    """Return the delays as the file has them, 0 where it has none."""
    if "delay" not in one.values:
        return np.zeros((), np.int64)
    found = hdf5.integers(one.where, one.values, "delay")[0]
    if found.min() < 0 or found.max() > MOST_DELAY:
        raise GraphError(f"{one.where}: delays are {found.min()}..{found.max()}, 0..{MOST_DELAY} steps are allowed")
    return found.reshape(()) if found.size == 1 else found
