"""Small networks in lava-dl's format, written as lava-dl writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

CUBA = {"type": "CUBA", "iDecay": 700, "vDecay": 300, "vThMant": 40, "refDelay": 1, "gradedSpike": False}
SDNN = {"type": "SDNN", "activation": "relu", "vThMant": 3}
STEPS = 60


def write(path: Path, *layers: dict[str, Any], **simulation: Any) -> Path:
    """Write layers, each a dictionary with a `type`; `neuron` is a dictionary in it."""
    with h5py.File(path, "w") as file:
        for place, values in enumerate(layers):
            group = file.create_group(f"layer/{place}")
            for key, value in values.items():
                if key == "type":
                    group.create_dataset(key, (1,), "S10", [value.encode()])
                elif isinstance(value, dict):
                    for name, one in value.items():
                        group.create_dataset(f"{key}/{name}", data=one)
                else:
                    group.create_dataset(key, data=value)
        for key, value in simulation.items():
            file.create_dataset(f"simulation/{key}", data=value)
    return path


def weights(seed: int, *shape: int, low: int = -30, high: int = 45) -> np.ndarray:
    """Return even weights as float32, as lava-dl exports them."""
    return (2 * np.random.default_rng(seed).integers(low, high, shape)).astype(np.float32)


def dense(n_out: int, n_in: int, seed: int = 0, **values: Any) -> dict[str, Any]:
    """Return a dense layer."""
    found = {"type": "dense", "shape": np.array([n_out]), "inFeatures": n_in, "outFeatures": n_out}
    return found | {"weight": weights(seed, n_out, n_in), "neuron": CUBA} | values


def conv(before: tuple[int, int, int], n_out: int, seed: int = 0, **values: Any) -> dict[str, Any]:
    """Return a convolution with a kernel of 2 rows and 2 columns and strides 2 and 1."""
    channels, rows, columns = before
    groups = values.get("groups", 1)
    found: dict[str, Any] = {
        "type": "conv",
        "shape": np.array([n_out, rows // 2, columns - 1]),
        "kernelSize": np.array([2, 2]),
    }
    found |= {"stride": np.array([2, 1]), "padding": np.array([0, 0]), "dilation": np.array([1, 1]), "groups": 1}
    found |= {"inChannels": channels, "outChannels": n_out, "neuron": CUBA}
    return found | {"weight": weights(seed, n_out, channels // groups, 2, 2, 1, low=-10, high=20)} | values


def mixed() -> list[dict[str, Any]]:
    """Return a grouped convolution, delays of both kinds, biases, odd weights and a recurrent layer."""
    rng = np.random.default_rng(3)
    return [
        {"type": "input", "shape": np.array([2, 6, 5])},
        conv(
            (2, 6, 5),
            4,
            groups=2,
            weight=rng.integers(-20, 40, (4, 1, 2, 2, 1)) * 1.0,
            bias=rng.integers(-5, 20, 4) * 1.0,
        ),
        {"type": "flatten", "shape": np.array([48, 1, 1])},
        dense(
            7,
            48,
            weight=rng.integers(-60, 90, (7, 48)) * 1.0,
            delay=rng.integers(0, 9, 7) * 1.0,
            bias=rng.integers(-5, 5, 7) * 1.0,
        ),
        dense(
            6,
            7,
            type="dense_rec",
            weight=rng.integers(-80, 120, (6, 7)) * 1.0,
            weight_rec=rng.integers(-60, 60, (6, 6)) * 1.0,
            neuron=CUBA | {"iDecay": 4096, "vDecay": 100},
        ),
        dense(3, 6, weight=rng.integers(0, 120, (3, 6)) * 1.0, delay=rng.integers(0, 5, (3, 6)) * 1.0),
    ]


def mixed_spikes() -> np.ndarray:
    """Return spikes (2, STEPS, 60) for `mixed`."""
    rng = np.random.default_rng(4)
    return (rng.random((2, STEPS, 2, 6, 5)) < 0.4).astype(np.uint8).reshape(2, STEPS, -1)


def sigma_delta() -> list[dict[str, Any]]:
    """Return an image, a convolution and a sum, all of sigma-delta neurons."""
    bias = np.array([-4.0, 6.0, 2.0])
    return [
        {"type": "input", "shape": np.array([1, 4, 5]), "neuron": SDNN | {"vThMant": 0}},
        conv((1, 4, 5), 3, bias=bias, neuron=SDNN),
        {"type": "flatten", "shape": np.array([24, 1, 1])},
        dense(2, 24, neuron=SDNN | {"sigma_output": True}),
    ]


def image() -> list[dict[str, Any]]:
    """Return an image that drives spiking neurons, a convolution with biases, and a sum without neurons."""
    last = dense(2, 36)
    del last["neuron"]
    return [
        {"type": "input", "shape": np.array([2, 6, 5]), "weight": [40.0], "bias": [36.0], "neuron": INPUT_NEURON},
        conv((2, 6, 5), 3, bias=np.array([10.0, -6.0, 0.0]), neuron=CUBA | {"iDecay": 4096}),
        {"type": "flatten", "shape": np.array([36, 1, 1])},
        last,
    ]


def affine() -> list[dict[str, Any]]:
    """Return a network that ends in lava-dl's `Affine` block with dynamics: a threshold that says "never"."""
    return [dense(16, 12), dense(5, 16, 1, neuron=CUBA | {"vThMant": (1 << 18) - 1})]


INPUT_NEURON = CUBA | {"type": "LOIHI", "iDecay": 4096, "theta": 2560, "wgtExp": 0, "scaleRho": 1.0}
EXAMPLES = {"mixed": mixed, "sigma_delta": sigma_delta, "image": image, "affine": affine}
