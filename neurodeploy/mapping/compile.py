"""NIR to integer Program: with the precision a file carries, or with one chosen here."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from neurodeploy.errors import PrecisionError
from neurodeploy.graph.dynamics import DynamicsPopulation
from neurodeploy.graph.euler import Population
from neurodeploy.graph.network import Network
from neurodeploy.graph.paths import INPUT, Synapses
from neurodeploy.graph.products import ProductsPopulation
from neurodeploy.hardware.chip import Chip
from neurodeploy.hardware.chips import DEFAULT, chip_named
from neurodeploy.mapping.discretize import integers, plan_in, quantise
from neurodeploy.mapping.discretize_dynamics import Measured, row_plan, row_unit, state_unit
from neurodeploy.mapping.memory import MEMORY_BITS, growing, memory_units, unit_of
from neurodeploy.mapping.placement.encoding import too_wide, widest_weights
from neurodeploy.program.plan import Plan
from neurodeploy.program.program import Program
from neurodeploy.quantize import grid
from neurodeploy.quantize.coefficients import FRACTION_BITS
from neurodeploy.quantize.compensate import compensated
from neurodeploy.quantize.plan import LayerFacts, check_weight_bits, layer_plan


@dataclass(frozen=True, eq=False)
class Compiled:
    """A Program, the network that it was made from, and the plan that it was made with.

    Attributes:
        on_grid: The network's numbers are on the chip's grid already.
    """

    program: Program
    network: Network
    plan: Plan
    on_grid: bool = False

    @cached_property
    def quantised(self) -> Network:
        """The real-valued network on the chip's grid that the Program must equal; made when first asked for."""
        return self.network if self.on_grid else quantise(self.network, self.plan)


def compile_network(
    network: Network,
    *,
    chip: str | Path | Chip = DEFAULT,
    weight_bits: int | None = None,
    coefficient_bits: int | None = None,
    memory_bits: int | None = None,
    plan: Plan | None = None,
    measured: Mapping[str, Measured] | None = None,
    asked: Network | None = None,
) -> Compiled:
    """Return the Program of a network.

    Args:
        chip: A name, a .toml file with a chip, or one that was read: its widths are the Program's limits.
        weight_bits: Weight width, 2..8, for networks whose file carries none; the chip's widest up to 8 when None.
        coefficient_bits: Fraction bits of the coefficients of neurons that are equations, 4..15; 12 when None.
        memory_bits: Weight width into integrators that send their potential, 2..16; 16 when None.
        plan: Precision of every layer and connection; chosen from the weights when None.
        measured: Calibration by population name, "input" included; see `backends.calibration`.
        asked: The network before its weights were rounded together, of which notes tell; itself when None.

    Raises:
        PrecisionError: the file carries a precision and another is asked for, or it is wider than the chip's.
        MappingError: the chip is unknown, or the graph cannot keep its meaning on it.
    """
    target = chip_named(chip, program=True)
    if network.quantised:
        plan = plan_in(network)
        graded = {one.name for one in network.populations if one.graded}
        for asked_bits, wide in ((weight_bits, False), (memory_bits, True)):
            into = [one.name for one in network.synapses if (one.target in graded) is wide]
            carried = {plan.connections[name].weight_bits for name in into}
            if asked_bits is not None and carried and carried != {asked_bits}:
                raise PrecisionError(
                    f"carries {sorted(carried)}-bit weights, {asked_bits} bits were asked for",
                    "quantise the float network again",
                    where=network.name,
                )
    else:
        bits = weight_bits or widest_weights(target), coefficient_bits or FRACTION_BITS, memory_bits or MEMORY_BITS
        plan = plan or choose_plan(network, bits[0], measured, *bits[1:])
    asked = asked or network
    if measured is not None and not network.quantised:
        network = rounded_together(network, plan, measured)
    program = integers(network, plan, target.name, asked)
    check_widths(program, target)
    made = Compiled(program, network, plan)
    notes = growing(made.quantised, plan) if any(one.graded for one in network.populations) else []
    return replace(made, program=replace(program, notes=(*program.notes, *notes))) if notes else made


def check_widths(program: Program, chip: Chip) -> None:
    """Refuse a Program that is wider than a chip.

    Raises:
        PrecisionError: it is; `mapping.placement.encoding.too_wide` has the line.
    """
    for line in too_wide(program, chip):
        raise PrecisionError(line)


def choose_plan(
    network: Network,
    weight_bits: int,
    measured: Mapping[str, Measured] | None,
    coefficient_bits: int = FRACTION_BITS,
    memory_bits: int = MEMORY_BITS,
) -> Plan:
    """Return the precision for every layer and connection of a float network.

    Raises:
        PrecisionError: a width is outside its range, or a layer does not fit 24 bits.
    """
    check_weight_bits(network.name, weight_bits)
    peaks = {name: float(one.v_peak.max(initial=0.0)) for name, one in (measured or {}).items()}
    plan = Plan(memory_units(network, peaks), {})
    has_equations = any(isinstance(one, DynamicsPopulation) for one in network.populations)
    graded = {one.name for one in network.populations if one.graded}
    for one in network.populations:
        into, values = network.into(one.name), any(synapses.source in graded for synapses in network.into(one.name))
        products = isinstance(one, ProductsPopulation)
        if isinstance(one, DynamicsPopulation | ProductsPopulation) or values or (has_equations and not one.spiking):
            seen = None if measured is None else measured[one.name]
            unit = row_unit(one, seen) if isinstance(one, Population) else state_unit(seen)
            unit = plan.vth_mant.setdefault(one.name, unit)
            bits = memory_bits if one.graded and not products else weight_bits
            scales = {synapses.name: unit_of(network, plan, synapses) for synapses in into}
            chosen = {
                synapses.name: row_plan(synapses, one.weight_gain, scales[synapses.name], bits) for synapses in into
            }
        else:
            unit, chosen = layer_plan(facts_of(network, one, measured), weight_bits)
        plan.vth_mant[one.name] = unit
        plan.connections.update(chosen)
        if isinstance(one, DynamicsPopulation):
            plan.fraction_bits[one.name] = coefficient_bits
    return plan


def rounded_together(
    network: Network,
    plan: Plan,
    measured: Mapping[str, Measured],
    known: dict[str, dict[str, np.ndarray]] | None = None,
) -> Network:
    """Return the network with weights on the plan's grid, each making up for the others' rounding.

    Convolutions stay as they are, to be rounded one by one: a kernel's weights meet as many different
    inputs as the kernel has places. So do connections into populations whose inputs are too many, or values.

    Args:
        known: Weights rounded before, by population and its part of the plan; new ones are added.
    """
    on_grid: dict[str, np.ndarray] = {}
    graded = {one.name for one in network.populations if one.graded}
    known = {} if known is None else known
    for one in network.populations:
        into = [synapses for synapses in network.into(one.name) if synapses.window is None]
        into = [] if any(synapses.source in graded for synapses in into) else into
        if isinstance(one, DynamicsPopulation) or not into or not measured[one.name].moment.size:
            continue
        owner = [synapses for synapses in into for _ in range(synapses.n_inputs)]
        vth_mant = plan.vth_mant[one.name]
        key = f"{one.name} {vth_mant} {[plan.connections[synapses.name] for synapses in into]}"
        if key in known:
            on_grid |= known[key]
            continue

        def rounded(weight: np.ndarray, index: int, owner: list = owner, vth_mant: int = vth_mant) -> np.ndarray:
            precise = plan.connections[owner[index].name]
            whole = grid.weight_integers(weight, vth_mant, precise.weight_exp, precise.weight_bits)
            return grid.weight_values(whole, vth_mant, precise.weight_exp)

        weight_OI = np.concatenate([synapses.weight for synapses in into], axis=1) * one.weight_gain[:, None]
        result = compensated(weight_OI, measured[one.name].moment, rounded) / one.weight_gain[:, None]
        widths = np.cumsum([synapses.n_inputs for synapses in into])[:-1]
        known[key] = dict(zip((synapses.name for synapses in into), np.split(result, widths, axis=1), strict=True))
        on_grid |= known[key]
    return replace(
        network,
        synapses=tuple(
            replace(synapses, weight=on_grid.get(synapses.name, synapses.weight)) for synapses in network.synapses
        ),
    )


def facts_of(network: Network, one: Population, measured: Mapping[str, Measured] | None) -> LayerFacts:
    """Return what the plan needs to know of a population, in units of its threshold."""
    into = network.into(one.name)
    known: dict[str, Any] = {}
    if measured is not None:
        seen = measured[one.name]
        known = {
            "u_peak": float((seen.u_peak * one.current_gain / one.span).max()),
            "v_peak": float(((seen.v_peak + np.abs(one.v_reset)) / one.span).max()),
            "values": [synapses.name for synapses in into if synapses.source == INPUT and network.graded_input],
            "rates": {synapses.name: _rates(synapses, measured[synapses.source].rates) for synapses in into},
        }
    return LayerFacts(
        name=one.name,
        weights={synapses.name: _rows(synapses, one.weight_gain) for synapses in into},
        alpha=float(one.alpha.max()),
        bias=one.weight_gain * one.bias / (1 - one.alpha) + one.drift,
        beta=None if one.spiking else float(one.beta.max()),
        **known,
    )


def _rows(synapses: Synapses, gain: np.ndarray) -> np.ndarray:
    """Return weights in thresholds, one row for every target, or for every output channel of a convolution."""
    return (synapses.weight * synapses.per_row(gain)).reshape(len(synapses.weight), -1)


def _rates(synapses: Synapses, rates: np.ndarray) -> np.ndarray:
    """Return the spikes per step behind each weight of `_rows`: of a convolution, the mean over a channel."""
    if synapses.window is None:
        return rates
    outputs, inputs, *kernel = synapses.weight.shape
    by_group = rates.reshape(synapses.window.groups, inputs, -1).mean(axis=2)
    by_output = np.repeat(by_group, outputs // synapses.window.groups, axis=0)
    return np.repeat(by_output, int(np.prod(kernel)), axis=1)
