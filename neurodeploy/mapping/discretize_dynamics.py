"""`discretize` for neurons that are equations, and the precision that their networks get.

A state of 1 is `vth_mant` chip units, a power of two with as many fraction bits as coefficients have, or
fewer where calibration shows states that would leave 24 bits. Weights have one exponent for each row,
because batch norm leaves rows of very different size.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from neurodeploy.fixedpoint import rules
from neurodeploy.graph.dynamics import DynamicsPopulation
from neurodeploy.graph.euler import Population
from neurodeploy.graph.paths import Synapses
from neurodeploy.phrases import plural
from neurodeploy.program.dynamics import DynamicsLayer, layer_type
from neurodeploy.program.plan import MESSAGE_EXP, ConnectionPlan, Plan
from neurodeploy.quantize import grid
from neurodeploy.quantize.coefficients import FRACTION_BITS, coefficient_integers, on_unit, pole_error

MARGIN = 1.5
"""How far above the calibrated peak a state may go before it saturates."""
READOUT_REACH = 128.0
"""How far the potential of an uncalibrated readout may go, in the graph's unit."""


@dataclass(frozen=True, eq=False)
class Measured:
    """What calibration data showed of one population, in the graph's units.

    Attributes:
        u_peak, v_peak: Largest magnitude per neuron (N,), the potential before the reset included.
        rates: Spikes per step of the population (N,); of an input of values, their mean size.
        moment: Second moment of its filtered inputs, all its matrices side by side; empty where it was
            not measured.
    """

    u_peak: np.ndarray
    v_peak: np.ndarray
    rates: np.ndarray
    moment: np.ndarray


def dynamics_layer(population: DynamicsPopulation, plan: Plan, start: int) -> tuple[DynamicsLayer, list[str]]:
    """Return the chip's population, and what there is to say about it."""
    unit, fraction_bits = plan.vth_mant[population.name], plan.fraction_bits[population.name]
    dynamics = population.dynamics
    whole: dict[str, Any] = dict(_coefficients(population, fraction_bits))
    whole |= {key: on_unit(population.numbers[key], unit) for key in dynamics.jumps}
    if population.spiking:
        whole["vth"] = on_unit(population.v_threshold, unit)
    scale, zero = np.full(population.n_neurons, float(unit)), np.zeros(population.n_neurons)
    layer = layer_type(dynamics)(
        name=population.name,
        start=start,
        fraction_bits=fraction_bits,
        bias=on_unit(population.weight_gain * population.bias, unit),
        u_per_unit=scale,
        v_per_unit=scale,
        u_offset=zero,
        v_offset=zero,
        shape=population.shape,
        message_exp=MESSAGE_EXP if population.graded else 0,
        **whole,
    )
    notes = [f"{population.name}: Lava has no such neurons, so Lava runs our own process for them"]
    moved = pole_error(population.name, dynamics, population.numbers, fraction_bits)
    if moved["outside"]:
        notes.append(
            f"{population.name}: {plural(moved['outside'], 'neuron')} with poles outside the unit circle, up to "
            f"{moved['abs_max']:.4f}, because training left them there"
        )
    return layer, notes


def on_grid(population: DynamicsPopulation, plan: Plan) -> DynamicsPopulation:
    """Return the population with every number on the chip's grid, still real-valued."""
    unit, fraction_bits = plan.vth_mant[population.name], plan.fraction_bits[population.name]
    numbers = {key: value / (1 << fraction_bits) for key, value in _coefficients(population, fraction_bits).items()}
    numbers |= {key: on_unit(population.numbers[key], unit) / unit for key in population.dynamics.jumps}
    return replace(
        population,
        numbers=numbers,
        bias=on_unit(population.weight_gain * population.bias, unit) / unit / population.weight_gain,
        v_threshold=on_unit(population.v_threshold, unit) / unit,
    )


def state_unit(peaks: Measured | None) -> int:
    """Return the chip units of a state of 1."""
    if peaks is None:
        return 1 << FRACTION_BITS
    return 1 << min(FRACTION_BITS, room(max(peaks.u_peak.max(), peaks.v_peak.max()), rules.STATE_LIMIT))


def row_unit(one: Population, peaks: Measured | None) -> int:
    """Return the threshold mantissa of leaky neurons whose rows of weights have an exponent each.

    A power of two that the potential leaves room for, and for neurons that spike, whose threshold it is, the bias too.
    """
    reach = READOUT_REACH if peaks is None else float((peaks.v_peak / one.span).max())
    bits = min(rules.THRESHOLD_BITS - 1, room(reach, rules.STATE_LIMIT >> rules.ALIGN_SHIFT))
    if one.spiking:
        most = ((1 << rules.BIAS_MANTISSA_BITS - 1) - 1) << rules.BIAS_EXPONENT_MAX >> rules.ALIGN_SHIFT
        bits = min(bits, room(float(np.abs(one.weight_gain * one.bias / (1 - one.alpha) + one.drift).max()), most))
    return 1 << bits


def row_plan(synapses: Synapses, gain: np.ndarray, unit: float, weight_bits: int) -> ConnectionPlan:
    """Return a width and one exponent for each row of the weights, the one with the least rounding error."""
    weight = synapses.weight * synapses.per_row(gain)
    rows = weight.reshape(len(weight), -1)
    least, most = grid.exponents(weight_bits)
    largest = np.abs(rows).max(axis=1, initial=0.0) * unit / grid.weight_limit(weight_bits)
    whole = np.ceil(np.log2(np.maximum(largest, 2.0**least)))
    whole = np.clip(whole, least, most).astype(np.int64)
    lower = np.maximum(whole - 1, least)
    errors = []
    for one in (whole, lower):
        values = grid.weight_values(grid.weight_integers(rows, unit, one, weight_bits), unit, one)
        errors.append(((values - rows) ** 2).sum(axis=1))
    chosen = np.where(errors[1] < errors[0], lower, whole)
    return ConnectionPlan(weight_bits, tuple(int(one) for one in chosen))


def pole_errors(populations: tuple[Any, ...], plan: Plan) -> dict[str, dict[str, Any]]:
    """Return `quantize.coefficients.pole_error` of every population that has poles, by name."""
    return {
        one.name: pole_error(one.name, one.dynamics, one.numbers, plan.fraction_bits[one.name])
        for one in populations
        if isinstance(one, DynamicsPopulation)
    }


def _coefficients(population: DynamicsPopulation, fraction_bits: int) -> Mapping[str, np.ndarray]:
    return coefficient_integers(population.name, population.dynamics, population.numbers, fraction_bits)


def room(peak: float, limit: int) -> int:
    """Return the largest exponent of two at which the peak, with its margin, stays below the limit."""
    return max(0, int(np.floor(np.log2(limit / max(MARGIN * peak, 1e-9)))))
