"""The grids of neurons that are equations: coefficients in fixed point, and what a spike adds in state units.

Coefficients are rounded to nearest. Where that pushes a pole out of the unit circle, which trained poles
near it (time constants of thousands of steps) make likely, the nearest neighbours on the grid are tried,
and the one whose poles move least while staying inside is taken. Poles that training itself left outside,
as resonate-and-fire's Euler step does, stay where they are: rounding may not push them further out.
"""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from neurodeploy.errors import PrecisionError
from neurodeploy.fixedpoint.dynamics.equations import Dynamics
from neurodeploy.fixedpoint.dynamics.step import COEFFICIENT_LIMIT, MAX_FRACTION_BITS, MIN_FRACTION_BITS, linear_part
from neurodeploy.fixedpoint.rules import IntArray
from neurodeploy.neurons.poles import eigenvalues, pole_distance

FRACTION_BITS = 12
"""Of coefficients, and of states where they leave room: Loihi's own decays have as many."""
LARGEST_MODULUS = 1.01
"""Of a pole. The published resonate-and-fire network has 1.0036; 1.01 grows 20-fold in 300 steps."""
SLACK = 1e-9
"""Of a modulus, for the float64 of this check itself."""

Numbers = Mapping[str, np.ndarray]


def poles(dynamics: Dynamics, numbers: Numbers) -> np.ndarray:
    """Return the poles of every neuron, one for each state, complex (N, S), from its coefficients by name (N,)."""
    return eigenvalues(linear_part(dynamics, numbers))


def coefficient_integers(where: str, dynamics: Dynamics, numbers: Numbers, fraction_bits: int) -> dict[str, IntArray]:
    """Return coefficients (N,) in units of 2^-fraction_bits, no pole further out than 1 or its trained place.

    Raises:
        PrecisionError: the width is outside 4..15, a coefficient beyond +-2, or a pole far outside the circle.
    """
    if not MIN_FRACTION_BITS <= fraction_bits <= MAX_FRACTION_BITS:
        raise PrecisionError(
            f"coefficient_bits={fraction_bits} is outside {MIN_FRACTION_BITS}..{MAX_FRACTION_BITS}", where=where
        )
    one = 1 << fraction_bits
    exact = {key: np.asarray(numbers[key], np.float64) * one for key in dynamics.coefficients}
    for key, value in exact.items():
        odd = np.flatnonzero(~(np.abs(value) <= COEFFICIENT_LIMIT * one))
        if len(odd):
            raise PrecisionError(
                f"neuron {odd[0]}: {key} is {value[odd[0]] / one:g}, -{COEFFICIENT_LIMIT} to "
                f"{COEFFICIENT_LIMIT} is allowed",
                "clip it, or train with bounds",
                where=where,
            )
    whole = {key: np.rint(value) for key, value in exact.items()}
    trained = poles(dynamics, numbers)
    furthest = np.maximum(np.abs(trained).max(axis=-1), 1.0) + SLACK
    found = poles(dynamics, _over(whole, one))
    for neuron in np.flatnonzero(np.abs(found).max(axis=-1) > furthest):
        corners = [np.unique([np.floor(value[neuron]), np.ceil(value[neuron])]) for value in exact.values()]
        tried = np.array(list(itertools.product(*corners))).T
        candidates = poles(dynamics, {key: row / one for key, row in zip(exact, tried, strict=True)})
        inside = np.abs(candidates).max(axis=-1) <= furthest[neuron]
        moved = np.where(inside, pole_distance(candidates, trained[neuron]), np.inf)
        for key, row in zip(exact, tried, strict=True):
            whole[key][neuron] = row[moved.argmin()]
    modulus = np.abs(poles(dynamics, _over(whole, one))).max(axis=-1)
    odd = np.flatnonzero(modulus > LARGEST_MODULUS)
    if len(odd):
        raise PrecisionError(
            f"neuron {odd[0]}: its pole lies outside the unit circle at {fraction_bits} coefficient "
            f"bits (modulus {modulus[odd[0]]:.4f}, {np.abs(trained[odd[0]]).max():.4f} as trained; "
            f"{len(odd)} neurons in all), up to {LARGEST_MODULUS} is allowed",
            f"use more bits, up to {MAX_FRACTION_BITS}, or train it stable",
            where=where,
        )
    return {key: value.astype(np.int64) for key, value in whole.items()}


def on_unit(values: np.ndarray, unit: int) -> IntArray:
    """Return real values in state units, nearest."""
    return np.rint(np.asarray(values, np.float64) * unit).astype(np.int64)


def pole_error(where: str, dynamics: Dynamics, numbers: Numbers, fraction_bits: int) -> dict[str, Any]:
    """Return how far fixed point moves the poles of a population, as plain values for JSON.

    Keys: `largest` and its `neuron`, `rms`; `outside_trained`: neurons whose trained poles lie outside the unit
    circle; `outside`: those whose poles do on the chip; `abs_max`: largest modulus there.
    """
    trained = poles(dynamics, numbers)
    whole = coefficient_integers(where, dynamics, numbers, fraction_bits)
    found = poles(dynamics, _over(whole, 1 << fraction_bits))
    moved = pole_distance(found, trained)
    return {
        "fraction_bits": fraction_bits,
        "largest": float(moved.max()),
        "neuron": int(moved.argmax()),
        "rms": float(np.sqrt((moved**2).mean())),
        "outside_trained": int((np.abs(trained).max(axis=-1) > 1 + SLACK).sum()),
        "outside": int((np.abs(found).max(axis=-1) > 1 + SLACK).sum()),
        "abs_max": float(np.abs(found).max()),
    }


def _over(whole: Mapping[str, np.ndarray], one: int) -> dict[str, np.ndarray]:
    return {key: value / one for key, value in whole.items()}
