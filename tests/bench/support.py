"""Small works."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np

from neurodeploy.bench.workloads import Work, dense
from neurodeploy.program.connection import Connection


def work_of(sizes: tuple[int, ...], *, n_samples: int = 4, n_steps: int = 20, recurrent: bool = False) -> Work:
    """Return the first neurons of the dense work, with stronger weights, on denser spikes."""
    program = dense(1).program
    before = dict(zip(["input", *(layer.name for layer in program.layers)], sizes, strict=False))
    layers, connections = [], []
    for layer, one, (n_before, n_after) in zip(
        program.layers, program.connections, itertools.pairwise(sizes), strict=False
    ):
        arrays = {key: getattr(layer, key)[:n_after] for key in layer.integers + layer.units}
        layers.append(dataclasses.replace(layer, shape=(n_after,), **arrays))
        weight = one.weight[:n_after, :n_before]
        connections.append(dataclasses.replace(one, weight=weight, weight_exp=one.weight_exp + 3))
    if recurrent:
        n_neurons = before[layers[0].name]
        weight = np.eye(n_neurons, dtype=np.int64)
        connections.append(Connection("back", layers[0].name, layers[0].name, weight))
    cut = dataclasses.replace(
        program,
        n_inputs=sizes[0],
        input_shape=(sizes[0],),
        layers=tuple(layers),
        connections=tuple(connections),
        output=layers[-1].name,
    )
    spikes = np.random.default_rng(0).random((n_samples, n_steps, sizes[0])) < 0.4
    return Work("small", cut, spikes.astype(np.uint8), (1, 2))
