"""Layers that several populations feed over ways of different length: skips, sums of branches and concatenations.

They are added to a network that was drawn as a chain. Axes: O neurons of a layer, I of a source.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from neurodeploy.conformance.draw import Shape, among
from neurodeploy.fixedpoint import rules
from neurodeploy.program.connection import Connection
from neurodeploy.program.populations import AnyLayer
from neurodeploy.program.program import INPUT, Program
from neurodeploy.program.window import Window

PLACES = 0.25
"""Part of the layers that get more sources."""


def with_joins(rng: np.random.Generator, program: Program) -> Program:
    """Return the network with some of its layers fed by earlier ones too, whose spikes arrive when the chain's do."""
    shapes = {INPUT: program.input_shape} | {layer.name: layer.shape for layer in program.layers}
    starts = {INPUT: 0} | {layer.name: layer.start for layer in program.layers}
    added: list[Connection] = []
    for index, layer in enumerate(program.layers):
        earlier = list(shapes)[: index + 1]
        near = [one for one in earlier if layer.start - starts[one] - 1 <= rules.DELAY_MAX]
        if rng.random() < PLACES and near:
            sources = rng.choice(near, min(len(near), int(rng.integers(1, 3))), replace=False)
            waits = {str(one): layer.start - starts[one] - 1 for one in sources}
            added += _into(rng, layer, {one: shapes[one] for one in waits}, waits)
    return replace(program, connections=(*program.connections, *added))


def _into(
    rng: np.random.Generator, layer: AnyLayer, shapes: dict[str, Shape], waits: dict[str, int]
) -> Iterator[Connection]:
    """Yield a connection from each source: to all of the layer, or each to a part of it."""
    stacked = len(shapes) == 2 and layer.n_neurons > 1 and rng.random() < 0.5
    cut = int(rng.integers(1, max(layer.n_neurons, 2)))
    for part, (source, shape) in enumerate(shapes.items()):
        name = f"{source}+{layer.name}"
        exponent = int(among(rng, -1, 3))
        if not stacked and shape == layer.shape and len(shape) == 3 and rng.random() < 0.7:
            # What a residual block adds: every value as it is.
            window = Window((shape[0], shape[1], shape[2]), shape[0], (1, 1), groups=shape[0])
            weight = np.full(window.weight_shape, int(among(rng, 1, 127)))
            yield Connection(name, source, layer.name, weight, max(exponent, 0), delay=waits[source], window=window)
            continue
        weight = among(rng, *((-256, 255) if rng.random() < 0.5 else (0, 20)), (layer.n_neurons, math.prod(shape)))
        if stacked:
            weight[slice(0, cut) if part else slice(cut, None)] = 0
        yield Connection(name, source, layer.name, weight, exponent, delay=waits[source])
