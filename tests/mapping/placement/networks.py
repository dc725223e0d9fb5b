"""Small Programs to place."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurodeploy.program.connection import Connection
from neurodeploy.program.program import INPUT, Program
from neurodeploy.program.window import Window
from tests.backends.lava_support import layer, program


def random_weights(n_outputs: int, n_inputs: int, density: float = 1.0, seed: int = 0) -> np.ndarray:
    """Return even weights of both signs and of the full 8 bits; some are 0 where `density` is below 1."""
    random = np.random.default_rng(seed)
    weight = 2 * random.integers(1, 128, (n_outputs, n_inputs)) * random.choice([-1, 1], (n_outputs, n_inputs))
    weight[random.random(weight.shape) >= density] = 0
    if weight.size > 1:
        weight.flat[:2] = (254, -254)
    return weight


def dense(*sizes: int, density: float = 1.0, seed: int = 0, weight_exp: int = -6, **values: Any) -> Program:
    """Return layers after another, the first of `sizes` being the input; `values` are of every layer."""
    layers = [layer(f"lif{n}", size, start=n, **values) for n, size in enumerate(sizes[1:], start=1)]
    before = [INPUT, *(one.name for one in layers)]
    connections = [
        Connection(
            f"fc{n}", before[n - 1], f"lif{n}", random_weights(sizes[n], sizes[n - 1], density, seed + n), weight_exp
        )
        for n in range(1, len(sizes))
    ]
    return program(sizes[0], layers, connections)


def diagonal(n_neurons: int) -> Program:
    """Return one layer whose neurons have one input each: neurons are all it needs."""
    weight = np.zeros((n_neurons, n_neurons), np.int64)
    np.fill_diagonal(weight, 2)
    weight[0, 0] = -2
    return program(n_neurons, [layer("lif1", n_neurons)], [Connection("fc1", INPUT, "lif1", weight)])


def convolution(
    window: Window, seed: int = 0, *, density: float = 1.0, then: int = 0, start: int = 1, weight_exp: int = -4
) -> Program:
    """Return a convolution, and with `then` a matrix of so many rows behind it."""
    random = np.random.default_rng(seed)
    weight = 2 * random.integers(-100, 101, window.weight_shape)
    weight[random.random(weight.shape) >= density] = 0
    shape = window.output_shape
    layers = [layer("conv", window.n_outputs, shape=shape, start=start)]
    connections = [Connection("kernel", INPUT, "conv", weight, weight_exp, window=window)]
    if then:
        layers.append(layer("fc", then, start=start + 1))
        connections.append(Connection("weights", "conv", "fc", random_weights(then, window.n_outputs), weight_exp - 2))
    return program(window.n_inputs, layers, connections)
