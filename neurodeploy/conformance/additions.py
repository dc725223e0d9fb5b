"""What is added to a random network that was drawn as a chain of layers, each by a stream of its own.

Sources that feed a layer over ways of different length: skips, sums of branches and concatenations. Neurons that are
equations, and summed softmaxes, in the places of other layers and readouts.
Axes: N neuron of a layer, O neurons of a layer, I of a source.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from neurodeploy.fixedpoint import rules
from neurodeploy.fixedpoint.dynamics.step import COEFFICIENT_LIMIT, MAX_FRACTION_BITS, MIN_FRACTION_BITS
from neurodeploy.fixedpoint.dynamics.table import TABLE
from neurodeploy.program.connection import Connection
from neurodeploy.program.dynamics import AnyLayer, DynamicsLayer, layer_type
from neurodeploy.program.fields import MESSAGE_EXP_MAX
from neurodeploy.program.layer import Layer
from neurodeploy.program.program import INPUT, Program
from neurodeploy.program.window import Window

Shape = tuple[int, ...]
JOINED, OF_EQUATIONS = 0.25, 0.2
"""Parts of the layers that get more sources, and that become neurons that are equations."""
SOFTMAXES = 0.12
"""Part of the readouts that become a softmax, where the output's potentials have a unit."""
TOP = rules.STATE_LIMIT - 1


def among(rng: np.random.Generator, low: int, high: int, size: int | Shape | None = None) -> np.ndarray:
    """Return integers of a range, every other one at or beside its ends."""
    anywhere = rng.integers(low, high + 1, size)
    edges = rng.choice([low, min(low + 1, high), max(high - 1, low), high], size)
    return np.where(rng.random(size) < 0.5, anywhere, edges)


def with_joins(rng: np.random.Generator, program: Program) -> Program:
    """Return the network with some of its layers fed by earlier ones too, whose spikes arrive when the chain's do."""
    shapes = {INPUT: program.input_shape} | {layer.name: layer.shape for layer in program.layers}
    starts = {INPUT: 0} | {layer.name: layer.start for layer in program.layers}
    added: list[Connection] = []
    for index, layer in enumerate(program.layers):
        earlier = list(shapes)[: index + 1]
        near = [one for one in earlier if layer.start - starts[one] - 1 <= rules.DELAY_MAX]
        if rng.random() < JOINED and near:
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


def with_dynamics(rng: np.random.Generator, program: Program) -> Program:
    """Return the network with some of its layers, and at times its readout, replaced."""
    layers = {one.name: _equations(rng, one) if rng.random() < OF_EQUATIONS else one for one in program.layers}
    readout, output = program.readout, layers[program.output]
    if rng.random() < SOFTMAXES and isinstance(output, Layer | DynamicsLayer):
        # From one neuron that takes all to hardly a difference between them.
        unit = np.full(output.n_neurons, 2.0 ** rng.integers(4, rules.STATE_BITS + 1))
        layers[output.name] = replace(output, v_per_unit=unit)
        readout = rules.SOFTMAX
    return replace(program, layers=tuple(layers.values()), readout=readout)


def _equations(rng: np.random.Generator, layer: AnyLayer) -> DynamicsLayer:
    """Return neurons of a layer's name, shape and start, stable or not, near 0 or at the ends of their fields."""
    dynamics, n_neurons = list(TABLE.values())[rng.integers(len(TABLE))], layer.n_neurons
    kind = layer_type(dynamics)
    bits = int(among(rng, MIN_FRACTION_BITS, MAX_FRACTION_BITS))
    most = COEFFICIENT_LIMIT << bits
    values: dict[str, Any] = _stable(rng, 1 << bits, n_neurons)
    if rng.random() < 0.4:
        values |= {key: among(rng, -most, most, n_neurons) for key in dynamics.coefficients}
    bound = min(1 << int(rng.integers(4, rules.STATE_BITS)), TOP)
    for key in (*dict.fromkeys(key for one in TABLE.values() for key in one.jumps), "bias"):
        values[key] = among(rng, -bound, bound, n_neurons) * (rng.random(n_neurons) < 0.6)
    values["vth"] = among(rng, 0, bound, n_neurons) if rng.random() < 0.8 else among(rng, -TOP, TOP, n_neurons)
    ones = np.ones(n_neurons)
    units: dict[str, Any] = {key: ones if "per" in key else 0 * ones for key in kind.units}
    mine = {key: values[key] for key in kind.integers}
    sent: dict[str, Any] = {"message_exp": int(among(rng, 0, MESSAGE_EXP_MAX))} if kind.graded else {}
    return kind(name=layer.name, start=layer.start, shape=layer.shape, fraction_bits=bits, **sent, **mine, **units)


def _stable(rng: np.random.Generator, one: int, n_neurons: int) -> dict[str, np.ndarray]:
    """Return coefficients of every neuron in the table for which no state grows by itself."""
    found: dict[str, np.ndarray] = {}
    for re, im in (pole for dynamics in TABLE.values() for pole in dynamics.poles):
        radius, angle = rng.uniform(0.3, 1, n_neurons), rng.uniform(0, 2 * np.pi, n_neurons)
        found |= {re: radius * np.cos(angle) * one, im: radius * np.sin(angle) * one}
    leaks = dict.fromkeys(key for dynamics in TABLE.values() for key in dynamics.leaks)
    found |= {key: among(rng, 0, one, n_neurons) for key in leaks if key not in found}
    others = dict.fromkeys(key for dynamics in TABLE.values() for key in dynamics.coefficients)
    found |= {key: rng.integers(0, one // 2, n_neurons) for key in others if key not in found}
    return {key: value.astype(np.int64) for key, value in found.items()}
