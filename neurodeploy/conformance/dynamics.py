"""Neurons that are equations, and summed softmaxes in random networks.

They take the places of other layers and readouts in a network that was drawn without them.
Axes: N neuron of a layer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from neurodeploy.conformance.draw import among
from neurodeploy.fixedpoint import rules
from neurodeploy.fixedpoint.dynamics.step import COEFFICIENT_LIMIT, MAX_FRACTION_BITS, MIN_FRACTION_BITS
from neurodeploy.fixedpoint.dynamics.table import TABLE
from neurodeploy.program.dynamics import DynamicsLayer, layer_type
from neurodeploy.program.layer import Layer
from neurodeploy.program.populations import AnyLayer
from neurodeploy.program.program import Program

PLACES = 0.2
"""Part of the layers that become such neurons."""
SOFTMAXES = 0.12
"""Part of the readouts that become a softmax, where the output's potentials have a unit."""
TOP = rules.STATE_LIMIT - 1


def with_dynamics(rng: np.random.Generator, program: Program) -> Program:
    """Return the network with some of its layers, and at times its readout, replaced."""
    layers = {one.name: _equations(rng, one) if rng.random() < PLACES else one for one in program.layers}
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
    return kind(name=layer.name, start=layer.start, shape=layer.shape, fraction_bits=bits, **mine, **units)


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
