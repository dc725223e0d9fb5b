"""Networks that lava-dl exported to HDF5 (`.net`) as Programs, and its recorded arrays in our order of axes.

Layers are numbered as in Lava: the input layer is 0, and a flattening is none.
Axes: T step, N neuron of a layer, flattened from (C, Y, X); X column, Y row, C channel.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from neurodeploy.fixedpoint import rules, sigma_delta
from neurodeploy.fixedpoint.window import Window
from neurodeploy.mapping.connection import Connection
from neurodeploy.mapping.kinds import AnyLayer
from neurodeploy.mapping.layer import SigmaDelta
from neurodeploy.mapping.program import INPUT, Program
from tests.backends.lava_support import layer, program

BIAS_EXPONENT = 6
"""lava-dl gives every bias this exponent, which lines it up with the synaptic sums."""
SIGMA_DELTA_EXPONENT = 6
"""lava-dl's exponent of messages and of states in sigma-delta layers."""


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


def layer_configs(path: Path) -> list[dict[str, Any]]:
    """Return the layers of a `.net` file, without flattenings, as nested dictionaries."""
    with h5py.File(path) as file:
        found = [_plain(file["layer"][key]) for key in sorted(file["layer"], key=int)]
    return [one for one in found if one["type"] != "flatten"]


def read(
    path: Path,
    *,
    first: int = 0,
    last: int | None = None,
    image_N: np.ndarray | None = None,
    clear_every: int = 0,
    clear_first: int = 0,
) -> Program:
    """Return the Program of the layers `first` up to and with `last`.

    Args:
        first: 0, or the layer that the Program's input stands before.
        image_N: What drives a spiking layer 0: its biases.
        clear_every: States of layer i are cleared before every step, counted from 0, that is
            i + `clear_first` modulo this number; 0 for never.
    """
    configs = layer_configs(path)
    last = len(configs) - 1 if last is None else last
    layers: list[AnyLayer] = []
    connections: list[Connection] = []
    for index in range(first, last + 1):
        config, name, start = configs[index], str(index), index - first + 1
        source = str(index - 1) if layers else INPUT
        shape = _shape(config)
        if index == 0:
            # The image, or its stand-in without any effect, through a convolution that leaves it as it is.
            window = Window(shape, shape[0], (1, 1), groups=shape[0])
            weight = np.full(window.weight_shape, int(image_N is None))
            connections.append(Connection("to 0", INPUT, name, weight, window=window))
            bias_N = np.zeros(window.n_outputs, np.int64) if image_N is None else image_N
        else:
            connections.append(_connection(config, source, name, _shape(configs[index - 1])))
            per_channel = np.asarray(config.get("bias", np.zeros(shape[0]))).astype(np.int64)
            bias_N = np.repeat(per_channel, np.prod(shape) // len(per_channel))
        layers.append(
            _layer(config, name, bias_N, start, first=index == 0, clear=(clear_every, index + clear_first + 1))
        )
    graded = isinstance(layers[0], SigmaDelta)
    return program(connections[0].n_inputs, layers, connections, graded_input=graded)


def _layer(
    config: Mapping[str, Any], name: str, bias_N: np.ndarray, start: int, *, first: bool, clear: tuple[int, int]
) -> AnyLayer:
    neuron = config["neuron"]
    if neuron["type"] == "SDNN":
        role = sigma_delta.DELTA if first else sigma_delta.SIGMA_DELTA
        if neuron.get("sigma_output"):
            return SigmaDelta(name, sigma_delta.SIGMA, 0, bias_N, sigma_delta.UNIT, start)
        return SigmaDelta(
            name,
            role,
            neuron["vThMant"],
            bias_N,
            neuron["activation"],
            start,
            spike_exp=SIGMA_DELTA_EXPONENT,
            state_exp=SIGMA_DELTA_EXPONENT,
        )
    assert (neuron["type"], neuron["wgtExp"]) == ("LOIHI", 0)
    assert neuron["theta"] == neuron["vThMant"] << rules.ALIGN_SHIFT or neuron["vDecay"] == 0
    return layer(
        name,
        len(bias_N),
        start=start,
        # The whole part lost in a step; the chip's field is one less.
        du=neuron["iDecay"] - 1,
        dv=neuron["vDecay"],
        vth=neuron["vThMant"],
        bias_mant=bias_N,
        bias_exp=BIAS_EXPONENT,
        clear_every=clear[0],
        clear_offset=clear[1],
    )


def _connection(config: Mapping[str, Any], source: str, name: str, before: tuple[int, int, int]) -> Connection:
    weight = config["weight"]
    assert (weight == np.trunc(weight)).all()
    if config["type"] == "dense":
        weight = weight.reshape(config["outFeatures"], config["inFeatures"])
        # The low bit that a matrix of mixed signs loses is 0 already.
        assert not (weight % 2).any()
        return Connection(f"to {name}", source, name, weight.astype(np.int64))
    geometry = {key: _pair(config[key]) for key in ("stride", "padding", "dilation")}
    window = Window(before, config["outChannels"], _pair(config["kernelSize"]), groups=config["groups"], **geometry)
    assert window.output_shape == _shape(config)
    return Connection(f"to {name}", source, name, weight.reshape(window.weight_shape).astype(np.int64), window=window)


def _shape(config: Mapping[str, Any]) -> tuple[int, int, int]:
    """Return channels, rows and columns of a layer."""
    channels, rows, columns = (*config["shape"].tolist(), 1, 1)[:3]
    return channels, rows, columns


def _pair(values: np.ndarray) -> tuple[int, int]:
    rows, columns = values.tolist()
    return rows, columns


def _plain(node: h5py.Group | h5py.Dataset) -> Any:
    """Return a group as a dictionary, text as str, single numbers as int or float, and arrays as they are."""
    if isinstance(node, h5py.Group):
        return {key: _plain(node[key]) for key in node}
    value = np.asarray(node)
    if value.dtype.kind in "SO":
        text = value.item()
        return text.decode() if isinstance(text, bytes) else text
    return value if value.ndim else value.item()
