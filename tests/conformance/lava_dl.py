"""Networks that lava-dl exported to HDF5 (`.net`) as Programs, and its recorded arrays in our order of axes.

Layers are numbered as in Lava: the input layer is 0, and a flattening is none.
Axes: T step, N neuron of a layer, flattened from (C, Y, X); X column, Y row, C channel.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from neurodeploy.formats.lava_dl.layers import BIAS_EXPONENT
from neurodeploy.formats.lava_dl.read import read_net
from neurodeploy.program.layer import Layer, SigmaDelta
from neurodeploy.program.program import INPUT, Program

__all__ = ["BIAS_EXPONENT", "folder", "read", "recorded", "steps_first"]


def folder() -> Path:
    return Path(os.environ["NEURODEPLOY_DATA"]) / "lava_dl"


def recorded(name: str) -> dict[str, np.ndarray]:
    """Return the recorded arrays of `netx_gts/<name>`."""
    with np.load(folder() / "netx_gts" / name / "arrays.npz") as arrays:
        return {key: arrays[key] for key in arrays.files}


def steps_first(values: np.ndarray) -> np.ndarray:
    """Return an array recorded with the axes (X, Y, C, T) or (N, T) as (T, N); its integers as int64."""
    assert (values == np.trunc(values)).all()
    return values.T.reshape(values.shape[-1], -1).astype(np.int64)


def read(
    path: Path,
    *,
    first: int = 0,
    last: int | None = None,
    image_N: np.ndarray | None = None,
    clear_every: int = 0,
    clear_first: int = 0,
) -> Program:
    """Return the Program of the layers `first` up to and with `last`, called by their numbers.

    Args:
        first: 0, or the layer that the Program's input stands before.
        image_N: What drives a spiking layer 0 from the first step on, as it was recorded: its biases.
        clear_every: States of layer i are cleared before every step, counted from 0, that is
            i + `clear_first` modulo this number; 0 for never.
    """
    found = read_net(
        path,
        reset_interval=clear_every or None,
        reset_offset=first + clear_first,
        skip_layers=first,
        num_layers=None if last is None else last - first + 1,
    )
    layers: list[Any] = list(found.layers)
    connections = list(found.connections)
    if isinstance(layers[0], Layer) and first == 0:  # there is no step that the image takes to arrive
        layers = [
            replace(one, v_init=0 * one.v_init, clear_offset=(one.clear_offset - 1) % max(one.clear_every, 1))
            for one in layers
        ]
        if image_N is not None:
            layers[0] = replace(layers[0], bias_mant=image_N)
            connections[0] = replace(connections[0], weight=0 * connections[0].weight)
    numbers = {one.name: str(first + index) for index, one in enumerate(layers)} | {INPUT: INPUT}
    return replace(
        found,
        layers=tuple(replace(one, name=numbers[one.name]) for one in layers),
        connections=tuple(replace(one, source=numbers[one.source], target=numbers[one.target]) for one in connections),
        output=numbers[found.output],
        graded_input=isinstance(layers[0], SigmaDelta),
        plan={},
    )
