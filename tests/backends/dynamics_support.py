"""Adaptive neurons, resonators and integrators for tests: plain ones, and ones that reach the ends of their fields."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurodeploy.fixedpoint.dynamics.adaptive import ADAPTIVE
from neurodeploy.fixedpoint.dynamics.integrator import INTEGRATOR
from neurodeploy.fixedpoint.dynamics.resonator import RESONATOR
from neurodeploy.fixedpoint.dynamics.step import COEFFICIENT_LIMIT
from neurodeploy.program.dynamics import DynamicsLayer, layer_type

Adaptive: Any = layer_type(ADAPTIVE)
Resonator: Any = layer_type(RESONATOR)
Integrator: Any = layer_type(INTEGRATOR)
TOP = 2**23 - 1
"""The largest state."""


def cells(kind: type[DynamicsLayer], name: str, n_neurons: int, *, start: int = 1, **values: Any) -> DynamicsLayer:
    """Return a layer that never fires; a number stands for the same number in every neuron, 0 is the default.

    Numbers that the kind does not have are left out.
    """
    bits, message_exp = values.pop("fraction_bits", 12), values.pop("message_exp", 0)
    units: dict[str, Any] = {key: np.full(n_neurons, 1.0 if "per" in key else 0.0) for key in kind.units}
    whole = dict.fromkeys(kind.integers, 0) | {"vth": TOP} | values
    each: dict[str, Any] = {key: np.broadcast_to(value, n_neurons).astype(np.int64) for key, value in whole.items()}
    each = {key: each[key] for key in kind.integers}
    return kind(name=name, start=start, fraction_bits=bits, message_exp=message_exp, **units, **each)


def random_cells(
    rng: np.random.Generator, kind: type[DynamicsLayer], name: str, n_neurons: int, start: int = 1
) -> DynamicsLayer:
    """Return neurons of any fraction, half of them stable, the others with coefficients anywhere and at both ends."""
    bits = int(rng.choice([4, 5, 9, 12, 15]))
    one = 1 << bits
    stable = rng.random(n_neurons) < 0.5
    radius, angle = rng.uniform(0.3, 1, n_neurons), rng.uniform(0, 2 * np.pi, n_neurons)
    tame = {
        "re": (radius * np.cos(angle) * one).astype(np.int64),
        "im": (radius * np.sin(angle) * one).astype(np.int64),
        **{key: rng.integers(0, one + 1, n_neurons) for key in ("alpha", "gain", "beta")},
        "a": rng.integers(0, one // 2, n_neurons),
    }
    values: dict[str, Any] = {}
    for key in kind.dynamics.coefficients:
        most = COEFFICIENT_LIMIT * one
        wild = rng.choice([-most, most, 0, 1, -1, *rng.integers(-most, most + 1, 5)], n_neurons)
        values[key] = np.where(stable, tame[key], wild)
    for key in set(kind.integers) - set(kind.dynamics.coefficients):
        large = rng.choice([-TOP, TOP, 0, *rng.integers(-TOP, TOP + 1, 3)], n_neurons)
        values[key] = np.where(rng.random(n_neurons) < 0.8, rng.integers(-3000, 3001, n_neurons), large)
    if "vth" in values:
        values["vth"] = np.where(rng.random(n_neurons) < 0.9, np.abs(values["vth"]), values["vth"])
    else:
        values["message_exp"] = int(rng.choice([0, 8, 23]))
    return cells(kind, name, n_neurons, start=start, fraction_bits=bits, **values)
