"""The step of every neuron in `table`: its equations, carried out in the arithmetic that is asked for.

On the chip states are 24 bits wide and saturate. Coefficients are fractions of 2^`fraction_bits`. The products of one
line are summed exactly, then rounded toward zero once: a rotation by a pole inside the unit circle can then never
grow, whatever the rounding, because neither part of the result becomes larger. Real numbers are neither rounded nor
cut off, and tensors take the same equations.

Axes: any shape; the last axis counts neurons, so a batch is an axis in front of it.
"""

import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from neurodeploy.fixedpoint import rules
from neurodeploy.fixedpoint.dynamics.equations import Dynamics
from neurodeploy.fixedpoint.rules import Numbers

MIN_FRACTION_BITS, MAX_FRACTION_BITS = 4, 15
"""A 16-bit signed factor; its product with a 24-bit state stays within 40 bits."""
COEFFICIENT_LIMIT = 2
"""Coefficients lie between minus and plus this."""
ADDED = {1: operator.iadd, -1: operator.isub}
"""By a term's sign, what it does to the terms before it."""


def exactly(value: Numbers) -> Numbers:
    """Return the value: the rounding and the limits of real numbers."""
    return value


def advanced(
    dynamics: Dynamics,
    states: Mapping[str, Numbers],
    sent: Numbers,
    drive: Numbers,
    numbers: Mapping[str, Numbers],
    *,
    rounded: Callable[[Numbers], Numbers] = exactly,
    saturated: Callable[[Numbers], Numbers] = exactly,
    new: Mapping[str, Numbers] | None = None,
) -> dict[str, Numbers]:
    """Return all states after one step, by name.

    Args:
        states: Before the step, by name.
        sent: Spikes of the step before, as numbers that multiply.
        drive: What the synapses and the bias add up to.
        numbers: Coefficients and jumps by name (N,).
        rounded: What becomes of the sum of a line's products.
        saturated: What becomes of a new state.
        new: The new states that further lines take, where they are known; else the ones just computed.
    """
    after: dict[str, Numbers] = {}
    fresh = after if new is None else new
    for state, products, driven, jumps in dynamics.lines:
        total: Any = None  # changed in place: large sums would each take new memory
        for sign, number, source, before in products:
            product = numbers[number] * (states if before else fresh)[source]
            total = ADDED[sign](total, product) if total is not None else product if sign > 0 else -product
        total = drive * 0 if total is None else rounded(total)
        if driven:
            total += drive
        for sign, number, _, _ in jumps:
            total = ADDED[sign](total, numbers[number] * sent)
        after[state] = saturated(total)
    return after


def integer_step(
    dynamics: Dynamics,
    states: Mapping[str, Numbers],
    sent: Numbers,
    activation: Numbers,
    numbers: Mapping[str, Numbers],
    *,
    fraction_bits: int,
) -> dict[str, Numbers]:
    """Return all states after one step of the chip, by name.

    Args:
        activation: Sum of the synapses after their weight exponent, int32.
        numbers: Coefficients in 1 / 2^fraction_bits, jumps and `bias` in state units, by name (N,).
    """
    return advanced(
        dynamics,
        states,
        sent * 1,  # a whole number once, and not in each jump
        activation + numbers["bias"],
        numbers,
        rounded=lambda total: rules.rounded_to_zero(total, fraction_bits),
        saturated=lambda state: state.clip(1 - rules.STATE_LIMIT, rules.STATE_LIMIT - 1),
    )


def linear_part(dynamics: Dynamics, numbers: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return what a step without input and spikes multiplies the states by (N, S, S), new state by old state."""
    names = (dynamics.potential, *dynamics.others)
    zero = np.zeros(np.shape(numbers[dynamics.coefficients[0]]))
    silent = {**numbers, **dict.fromkeys(dynamics.jumps, zero)}
    columns = []
    for one in names:
        after = advanced(dynamics, {key: zero + (key == one) for key in names}, zero, zero, silent)
        columns.append(np.stack([after[key] for key in names], axis=-1))
    return np.stack(columns, axis=-1)


def apart(dynamics: Dynamics, u: Numbers, v: Numbers) -> dict[str, Numbers]:
    """Return the states by name from what a trace holds of them: the potential v, all others side by side u."""
    n_neurons = v.shape[-1]
    found = {one: u[..., index * n_neurons : (index + 1) * n_neurons] for index, one in enumerate(dynamics.others)}
    return found | {dynamics.potential: v}


def together(
    dynamics: Dynamics, states: Mapping[str, Numbers], joined: Callable[..., Numbers] = np.concatenate
) -> tuple[Numbers, Numbers]:
    """Return u and v of a trace; u is 0 where there is only a potential. `joined` puts arrays after one another."""
    v = states[dynamics.potential]
    others = [states[one] for one in dynamics.others] or [v * 0]
    return others[0] if len(others) == 1 else joined(others, axis=-1), v
