"""A small network in a few lines that a person can rebuild it from."""

from dataclasses import fields
from typing import Any

import numpy as np

from neurodeploy.conformance.reductions import PLAIN_LAYER, PLAIN_WINDOW, Network
from neurodeploy.fixedpoint import rules
from neurodeploy.program.connection import Connection
from neurodeploy.program.dynamics import AnyLayer

MOST_VALUES = 12
"""Of a list; what is longer is cut, with its length."""
ALWAYS = ("role", "du", "dv", "vth", "fraction_bits")
"""Parameters that are told whatever their value."""


def describe(network: Network) -> list[str]:
    """Return one line for the network, each layer, each connection, and the input."""
    program, (n_samples, n_steps, n_inputs) = network.program, network.spikes.shape
    graded = "graded " if program.graded_input else ""
    output = program.layer(program.output)
    unit = f", whose v_per_unit is {_values(output.v_per_unit)}" if program.readout == rules.SOFTMAX else ""
    lines = [
        f"{_many(n_samples, 'sample')}, {_many(n_steps, 'step')}, {_many(n_inputs, graded + 'input channel')}, "
        f"{program.readout} of {program.output}{unit}"
    ]
    lines += [_layer(layer) for layer in program.layers]
    lines += [_connection(one) for one in program.connections]
    return [*lines, _input(network.spikes)]


def _layer(layer: AnyLayer) -> str:
    values = {one.name: getattr(layer, one.name) for one in fields(layer)}
    plain = {key for key, one in values.items() if key not in PLAIN_LAYER or not np.any(one != PLAIN_LAYER[key])}
    said = [f"{key} {_values(one)}" for key, one in values.items() if key in ALWAYS or key not in plain]
    return f"{layer.name}: {_many(layer.n_neurons, layer.kind + ' neuron')}, {', '.join(said)}"


def _connection(one: Connection) -> str:
    shape = "x".join(map(str, one.weight.shape))
    said = [f"{'conv' if one.window else 'matrix'} {shape} {_values(one.weight)}"]
    if one.window:
        window = one.window
        said.append(f"input {'x'.join(map(str, window.input_shape))}")
        said += [
            f"{key} {getattr(window, key)}" for key, plain in PLAIN_WINDOW.items() if max(getattr(window, key)) != plain
        ]
        said += [f"groups {window.groups}"] if window.groups > 1 else []
    said += [f"{key} {_values(getattr(one, key))}" for key in ("weight_exp", "delay") if getattr(one, key).any()]
    said += [f"sign {one.sign}"] if one.sign != "auto" else []
    return f"{one.source} -> {one.target}: {', '.join(said)}"


def _input(spikes_BTI: np.ndarray) -> str:
    at = np.argwhere(spikes_BTI)
    if not len(at):
        return "input: silent"
    if len(at) == spikes_BTI.size and len(np.unique(spikes_BTI)) == 1:
        return f"input: {int(spikes_BTI.flat[0])} everywhere"
    told = [f"{tuple(map(int, where))}: {int(spikes_BTI[tuple(where)])}" for where in at[:MOST_VALUES]]
    more = f" and {len(at) - MOST_VALUES} more" if len(at) > MOST_VALUES else ""
    return f"input at (sample, step, channel): {', '.join(told)}{more}"


def _values(value: Any) -> str:
    """Return a number, or an array: as one number where all are equal, cut where it is long."""
    if not isinstance(value, np.ndarray) or not value.ndim:
        return str(value)
    if len(np.unique(value)) == 1:
        return str(int(value.flat[0])) if value.size == 1 else f"all {int(value.flat[0])}"
    flat = value.ravel().tolist()
    more = f", ... {len(flat)} values" if len(flat) > MOST_VALUES else ""
    return f"[{', '.join(map(str, flat[:MOST_VALUES]))}{more}]"


def _many(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
