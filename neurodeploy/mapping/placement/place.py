"""A Program onto the cores of a chip. The model and what it assumes: docs/fit.md.

One core holds neurons of one layer. Input channels stand outside the chip and take no core.
"""

import functools
from collections.abc import Mapping

import numpy as np

from neurodeploy.hardware.chip import Chip
from neurodeploy.mapping.placement.demand import Counted
from neurodeploy.mapping.placement.encoding import stored_bits, too_wide
from neurodeploy.mapping.placement.limits import OUTPUT_AXONS, WORDS, Limits
from neurodeploy.mapping.placement.order import CHANNELS, COLUMNS, FLAT, ROWS
from neurodeploy.mapping.placement.placement import Core, PlacedLayer, Placement
from neurodeploy.mapping.placement.split import Cut, Need, Outgoing, Range, Unsplittable, cut, unsupported
from neurodeploy.program.connection import Connection
from neurodeploy.program.dynamics import AnyLayer
from neurodeploy.program.products import SpikeProducts
from neurodeploy.program.program import Program

MOST_ROUNDS = 8
"""Of placing layers whose spikes go round in a loop, until the axons between them no longer change."""


def place(program: Program, chip: Chip, *, narrow: bool = False, counted: Counted | None = None) -> Placement:
    """Return where every neuron of a Program goes.

    Layers are cut into runs of neurons, each as long as a core of the chip holds. Images are cut into bands of
    rows, bands of columns, or channels, whichever takes the fewest cores.

    Args:
        narrow: Store weights in the narrowest field that holds them exactly, instead of the width that they
            were quantised to.
        counted: Synapses counted for other placements of the same connections; what is new is added.

    Returns:
        The placement; where the Program does not fit, its `problems` say why and it has no cores.

    Raises:
        ChipError: the chip's file lacks a limit.
    """
    limits = Limits.of(chip)
    bits = {one.name: stored_bits(program, one, limits, narrow=narrow) for one in program.connections}
    problems = [*too_wide(program, chip), *filter(None, (unsupported(layer, limits) for layer in on_chip(program)))]
    cuts = Cuts(program, bits, limits, {} if counted is None else counted)
    for _ in range(MOST_ROUNDS):
        before = cuts.ranges()
        for layer in reversed(on_chip(program)):
            stuck = cuts.cut(layer.name)
            if stuck is not None:
                said = _too_much(layer.name, stuck, limits)
                where = (layer.name, stuck.key, stuck.used)
                return Placement(program, limits, problems=(*problems, said), stuck=where)
        if before == cuts.ranges():
            break
    if problems:
        return Placement(program, limits, problems=tuple(problems))
    return _assembled(program, limits, bits, cuts)


def on_chip(program: Program) -> list[AnyLayer]:
    """Return the layers that go on cores; the others are the host's."""
    return [layer for layer in program.layers if not layer.on_host]


class Cuts:
    """Layers as they are cut by now, and where the spikes of each went when it was."""

    def __init__(self, program: Program, bits: Mapping[str, int], limits: Limits, counted: Counted) -> None:
        self.program, self.bits, self.limits, self.counted = program, bits, limits, counted
        self.needs: dict[str, list[Need]] = {}
        self.found: dict[str, tuple[Need, Cut]] = {}
        self.sent: dict[str, list[Outgoing]] = {}
        self.known: dict[str, tuple[Cut, Outgoing]] = {}

    def ranges(self) -> dict[str, tuple[str, tuple[Range, ...]]]:
        """Return the order of each layer's neurons, and its cores."""
        return {name: (one.order, one.ranges) for name, (_, one) in self.found.items()}

    def cut(self, name: str) -> Unsplittable | None:
        """Cut one layer, given where the others are; return what is too much where it cannot be cut."""
        outgoing = self.outgoing(name)
        if name in self.found and self.sent[name] == outgoing:  # nothing has moved
            return None
        needs = self._needs_of(name)
        for need in needs:
            need.send(outgoing)
        try:
            self.found[name], self.sent[name] = cut(needs), outgoing
        except Unsplittable as error:
            return error
        return None

    def outgoing(self, name: str) -> list[Outgoing]:
        """Return the connections that leave a layer for layers that are cut already; the same object while they are."""
        out = [one for one in self.program.connections if one.source == name and one.target in self.found]
        for one in out:
            need, placed = self.found[one.target]
            if one.name not in self.known or self.known[one.name][0] is not placed:
                wired = need.wired[one.name]
                axons = functools.reduce(np.add, (wired.axons(*ends) for ends in placed.ranges))
                self.known[one.name] = placed, Outgoing(wired.units, axons)
        return [self.known[one.name][1] for one in out]

    def _needs_of(self, name: str) -> list[Need]:
        """Return what a layer needs in each order of its neurons; made when it is first cut."""
        if name not in self.needs:
            layer, into = self.program.layer(name), self.program.into(name)
            connections = [(one, self.bits[one.name]) for one in into]
            self.needs[name] = [
                Need.of_layer(layer, order, shape, connections, self.limits, self.counted)
                for order, shape in _orders(layer.shape, into)
            ]
        return self.needs[name]


def _orders(shape: tuple[int, ...], into: list[Connection]) -> list[tuple[str, tuple[int, ...]]]:
    """Return the orders to try for a layer, with the shape of its image."""
    shapes = {one.window.output_shape for one in into if one.window is not None}
    if len(shapes) != 1:
        return [(FLAT, shape)]
    image = shapes.pop()
    orders = [COLUMNS, ROWS] if 1 not in image[1:] else [ROWS]
    return [(order, image) for order in (*orders, CHANNELS)]


def _too_much(name: str, stuck: Unsplittable, limits: Limits) -> str:
    way = "split the layers its spikes go to" if stuck.key == OUTPUT_AXONS else "prune its inputs, or split it"
    return (
        f"{name}: neuron {stuck.neuron} alone needs {stuck.used:,} {WORDS[stuck.key]}, more than the "
        f"{limits.words(stuck.key)} ({stuck.key}); {way}"
    )


def _assembled(program: Program, limits: Limits, bits: Mapping[str, int], cuts: Cuts) -> Placement:
    cores: list[Core] = []
    layers, notes = [], []
    notes += [layer.told for layer in program.layers if isinstance(layer, SpikeProducts)]
    for layer in on_chip(program):
        need, found = cuts.found[layer.name]
        need.send(cuts.outgoing(layer.name))  # a loop may not have settled
        start = len(cores)
        for first, last in found.ranges:
            chip = len(cores) // limits.cores_per_chip
            cores.append(Core(len(cores), chip, layer.name, first, last - 1, need.on(first, last)))
        whole = need.on(0, layer.n_neurons)
        for core in cores[start:]:
            if over := [key for key, used in core.used.items() if used > limits.most[key]]:
                said = f"{layer.name}: its loop of spikes leaves no place for {over[0]} of {limits.words(over[0])}"
                return Placement(program, limits, problems=(said,))
        into = program.into(layer.name)
        layers.append(
            PlacedLayer(
                name=layer.name,
                n_neurons=layer.n_neurons,
                order=found.order,
                shape=need.shape,
                cores=(start, len(cores) - 1),
                stopped=found.stopped,
                whole=whole,
                encodings=dict(zip(need.wired, (one.encoding for one in need.demands(*found.ranges[0])), strict=True)),
                bits={one.name: bits[one.name] for one in into},
            )
        )
    if any(np.ndim(one.delay) == 0 and int(one.delay) for one in program.connections):
        notes.append("a delay that all synapses of a connection share is counted as the axon's, and takes no bits")
    if any(one.weight_exp.ndim and one.window is not None for one in program.connections):
        notes.append("a kernel whose channels have exponents of their own is counted as one list per source")
    notes += [] if program.host is None else [program.host.words]
    return Placement(program, limits, tuple(cores), tuple(layers), notes=tuple(notes))
