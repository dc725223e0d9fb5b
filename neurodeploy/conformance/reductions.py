"""A network with parts of it left out, or made plainer; None where that makes no network.

Axes: B sample, T step, I input channel, N neuron, O and I the ends of a connection.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np

from neurodeploy.errors import NeurodeployError
from neurodeploy.fixedpoint import rules, sigma_delta
from neurodeploy.fixedpoint.dynamics.step import MIN_FRACTION_BITS
from neurodeploy.fixedpoint.dynamics.table import TABLE
from neurodeploy.program.connection import Connection
from neurodeploy.program.dynamics import AnyLayer, DynamicsLayer
from neurodeploy.program.layer import Layer
from neurodeploy.program.program import INPUT, READOUTS, Program
from neurodeploy.program.window import Pair, Window


@dataclass(frozen=True, eq=False)
class Network:
    """A Program and its input (B, T, I)."""

    program: Program
    spikes: np.ndarray

    def changed(self, spikes: np.ndarray | None = None, **values: Any) -> Network | None:
        """Return the network with other values of its Program; None where they do not fit together."""
        lists = {key: tuple(value) for key, value in values.items() if key in ("layers", "connections")}
        try:
            return Network(replace(self.program, **values | lists), self.spikes if spikes is None else spikes)
        except NeurodeployError:
            return None


def keep_layers(network: Network, layers: Sequence[AnyLayer]) -> Network | None:
    """Return the network of these layers and the connections between them."""
    names = {INPUT, *(layer.name for layer in layers)}
    program = network.program
    kept = [one for one in program.connections if {one.source, one.target} <= names]
    output = program.output if program.output in names else layers[-1].name
    return network.changed(layers=layers, connections=kept, output=output)


def cut_out(network: Network, name: str, source: str, sent_BTI: np.ndarray) -> Network | None:
    """Return the one layer, fed by what `source` sent, with its connections from there and to itself."""
    program = network.program
    layer = program.layer(name)
    connections = [replace(one, source=INPUT) for one in program.into(name) if one.source == source]
    if source != name:
        connections += [one for one in program.into(name) if one.source == name]
    return network.changed(
        sent_BTI.astype(np.int64),
        n_inputs=sent_BTI.shape[2],
        input_shape=(),
        graded_input=program.graded(source),
        layers=[replace(layer, start=1)],
        connections=connections,
        output=name,
    )


def keep_neurons(
    network: Network, kept: Mapping[str, np.ndarray], windows: Mapping[str, Cut] | None = None
) -> Network | None:
    """Return the network with fewer neurons, or input channels, of some layers.

    Args:
        kept: Indices that stay, of each layer that loses some.
        windows: How convolutions are cut, by name; others must not start or end there.
    """
    program, windows = network.program, windows or {}
    connections = []
    for one in program.connections:
        if one.name in windows:
            connections.append(windows[one.name].of(one))
        elif one.window and {one.source, one.target} & kept.keys():
            return None
        else:
            connections.append(_with_ends(one, kept.get(one.target), kept.get(one.source)))
    layers = list(program.layers)
    for index, layer in enumerate(layers):
        if layer.name in kept:
            cut: dict[str, Any] = {key: getattr(layer, key)[kept[layer.name]] for key in layer.integers + layer.units}
            layers[index] = replace(layer, shape=(), **cut)
    if INPUT not in kept:
        return network.changed(layers=layers, connections=connections)
    spikes = network.spikes[:, :, kept[INPUT]]
    ends: dict[str, Any] = {"n_inputs": spikes.shape[2], "input_shape": ()}
    return network.changed(spikes, layers=layers, connections=connections, **ends)


def smaller_windows(network: Network) -> Iterator[Network]:
    """Yield the network with a convolution that has fewer rows, columns or channels, or is a matrix."""
    for index, one in enumerate(network.program.connections):
        if one.window is None:
            continue
        for cut in _smaller(one.window):
            before, after, (row, column) = one.window, cut.window, cut.skipped
            skipped = row * before.stride[0], column * before.stride[1]
            kept = {
                one.source: _inside(before.input_shape, after.input_shape, cut.sources, skipped),
                one.target: _inside(before.output_shape, after.output_shape, cut.targets, cut.skipped),
            }
            changing = {name: np.flatnonzero(where) for name, where in kept.items() if not where.all()}
            found = keep_neurons(network, changing, {one.name: cut})
            if found:
                yield found
        exponent = one.row_exponents if np.ndim(one.weight_exp) else one.weight_exp
        matrix = replace(one, weight=one.window.unrolled(one.weight), weight_exp=exponent, window=None)
        found = with_connection(network, index, matrix)
        if found:
            yield found


class Cut(NamedTuple):
    """A smaller geometry, and what of the larger one it is.

    Attributes:
        sources, targets: Channels that stay.
        skipped: First rows and columns of the target that go, with a stride of the source for each; more
            rows and columns go at the end.
    """

    window: Window
    sources: list[int]
    targets: list[int]
    skipped: Pair = (0, 0)

    def of(self, one: Connection) -> Connection:
        """Return the connection cut to this geometry."""
        weight = one.weight[self.targets]
        if self.window.groups == 1:
            weight = weight[:, [source % weight.shape[1] for source in self.sources]]
        weight = weight[:, :, : self.window.kernel[0], : self.window.kernel[1]]
        exponent = one.weight_exp[self.targets] if np.ndim(one.weight_exp) else one.weight_exp
        return replace(one, weight=weight, weight_exp=exponent, window=self.window)


def _smaller(window: Window) -> Iterator[Cut]:
    channels, rows, columns = window.input_shape
    kernel_rows, kernel_columns = window.kernel
    sources, targets = list(range(channels)), list(range(window.out_channels))
    shapes = [(channels, 1, columns), (channels, rows - 1, columns), (channels, rows, 1), (channels, rows, columns - 1)]
    changes: list[dict[str, Any]] = [{"input_shape": shape} for shape in shapes]
    changes += [{"kernel": (kernel_rows - 1, kernel_columns)}, {"kernel": (kernel_rows, kernel_columns - 1)}]
    changes += [{key: (plain, plain)} for key, plain in PLAIN_WINDOW.items()]
    found = [Cut(replace(window, **change), sources, targets) for change in changes]
    (step_rows, step_columns), end = window.stride, (sources, targets)
    for skipped, row, column in (((1, 0), rows - step_rows, columns), ((0, 1), rows, columns - step_columns)):
        found.append(Cut(replace(window, input_shape=(channels, row, column)), *end, skipped))
    # One group, or all the others; of a single group all channels but one, at either end.
    fewer = [(1, sources, [one for one in targets if one != gone]) for gone in targets]
    fewer += [(1, [one for one in sources if one != gone], targets) for gone in sources]
    if window.groups > 1:
        group_of = [np.arange(len(one)) * window.groups // len(one) for one in end]
        fewer = []
        for group, n_groups in itertools.product(range(window.groups), (1, window.groups - 1)):
            mine = [np.flatnonzero((one == group) == (n_groups == 1)).tolist() for one in group_of]
            fewer.append((n_groups, mine[0], mine[1]))
    for n_groups, some_sources, some_targets in fewer:
        shape = (len(some_sources), rows, columns)
        smaller = replace(window, input_shape=shape, out_channels=len(some_targets), groups=n_groups)
        found.append(Cut(smaller, some_sources, some_targets))
    for cut in found:
        pairs = zip(cut.window.output_shape + cut.window.kernel, window.output_shape + window.kernel, strict=True)
        if cut.window != window and not cut.window.problem() and all(one <= other for one, other in pairs):
            yield cut


PLAIN_WINDOW: dict[str, int] = {"stride": 1, "padding": 0, "dilation": 1}


def _inside(shape: tuple[int, ...], smaller: tuple[int, ...], channels: list[int], first: Pair) -> np.ndarray:
    """Return for each of the flattened positions whether the smaller shape, of these channels, has it."""
    there = np.zeros(shape, bool)
    there[channels, first[0] : first[0] + smaller[1], first[1] : first[1] + smaller[2]] = True
    return there.ravel()


def _with_ends(one: Connection, targets: np.ndarray | None, sources: np.ndarray | None) -> Connection:
    rows = slice(None) if targets is None else targets
    columns = slice(None) if sources is None else sources
    values: dict[str, Any] = {} if one.window else {"weight": one.weight[rows][:, columns]}
    if np.ndim(one.weight_exp) and not one.window:
        values["weight_exp"] = one.weight_exp[rows]
    if np.ndim(one.delay):
        values["delay"] = one.delay[rows][:, columns]
    return replace(one, **values)


def with_connection(network: Network, index: int, one: Connection) -> Network | None:
    """Return the network with another connection at `index`."""
    every = network.program.connections
    return network.changed(connections=[*every[:index], one, *every[index + 1 :]])


_ZERO = (
    *("refractory", "rest_init", "clear_every", "clear_offset", "bias_mant", "bias_exp", "u_init", "v_init", "dv"),
    *("bias", "spike_exp", "state_exp", "message_exp"),
    *(key for one in TABLE.values() for key in one.numbers),
)
PLAIN_LAYER: dict[str, Any] = dict.fromkeys(_ZERO, 0) | {
    "reset": rules.RESET_ZERO,
    "start": 1,
    "vth": rules.NEVER,
    "du": rules.DECAY_ONE - 1,
    "activation": sigma_delta.UNIT,
    "cumulative": False,
    "at_threshold": False,
    "fraction_bits": MIN_FRACTION_BITS,
}
"""What each parameter of a layer is when it does least."""


def plainer(network: Network) -> Iterator[Network | None]:
    """Yield the network with one parameter nearer to its plain value, or the same for all synapses of a connection."""
    yield from _plainer_layers(network)
    yield from _plainer_connections(network)
    if network.program.readout != READOUTS[0]:
        yield network.changed(readout=READOUTS[0])
    if network.program.graded_input:
        yield network.changed(graded_input=False)
        ones = np.sign(network.spikes)
        if (ones != network.spikes).any():
            yield network.changed(ones)


def _plainer_layers(network: Network) -> Iterator[Network | None]:
    for index, layer in enumerate(network.program.layers):
        for key in (one.name for one in fields(layer) if one.name in PLAIN_LAYER):
            found, plain = getattr(layer, key), PLAIN_LAYER[key]
            if key == "vth" and not isinstance(layer, Layer):
                plain = rules.STATE_LIMIT - 1 if isinstance(layer, DynamicsLayer) else 0
            if np.any(found != plain):
                values: dict[str, Any] = {key: np.full_like(found, plain) if isinstance(found, np.ndarray) else plain}
                every = network.program.layers
                changed = replace(layer, **values)
                yield network.changed(layers=[*every[:index], changed, *every[index + 1 :]])


def _plainer_connections(network: Network) -> Iterator[Network | None]:
    for index, one in enumerate(network.program.connections):
        for key in ("weight_exp", "delay"):
            found = getattr(one, key)
            ends = {int(found.min()), int(found.max())} if found.ndim else set()
            for plain in sorted({0, 1, -1} | ends, key=abs):
                if plain in ends or abs(plain) < np.abs(found).max():
                    values: dict[str, Any] = {key: plain}
                    yield with_connection(network, index, replace(one, **values))
        if one.sign != rules.SIGN_FROM_VALUES:
            yield with_connection(network, index, replace(one, sign=rules.SIGN_FROM_VALUES))
        if (np.abs(one.weight) > 1).any():
            yield with_connection(network, index, replace(one, weight=np.sign(one.weight)))
