"""Linear memories on the chip: integrators that send their potential, and the weights between them.

A memory m = A m' + B u is an integrator (identity in the neuron, nothing leaks) whose synapses are A - I. Eight bits
cannot hold A: the memory of a window of 784 steps becomes unstable. So weights into integrators have 16 bits, in two
synapses of 8 whose exponents differ by 8. That is exact: what the upper halves add is a whole number, so rounding the
lower halves' sum down rounds that of both. Bit widths, measured: Legendre memories of 8 to 468 coefficients keep their
response over 784 steps to 0.7 % with 16 bits, potentials of 20 fraction bits and messages of 12.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from neurodeploy.errors import MappingError
from neurodeploy.fixedpoint import rules, spike_products
from neurodeploy.graph.dynamics import DynamicsPopulation
from neurodeploy.graph.network import AnyPopulation, Network
from neurodeploy.graph.paths import INPUT, Synapses
from neurodeploy.graph.products import ProductsPopulation
from neurodeploy.program.connection import Connection
from neurodeploy.program.plan import LOW_HALF, MESSAGE_EXP, ConnectionPlan, Plan
from neurodeploy.quantize import grid
from neurodeploy.quantize.coefficients import LARGEST_MODULUS, SLACK

MEMORY_BITS, STATE_BITS = 16, 20
"""Of the weights into integrators, and of the fraction of their potentials, where nothing forbids it."""
MARGIN = 1.5
"""How far above the calibrated peak a potential may go before it saturates."""
LARGEST_ADDED = grid.weight_limit(grid.MAX_WEIGHT_BITS) << rules.WEIGHT_EXPONENT_MAX
"""What the largest weight adds for one spike."""
LARGEST_MESSAGE = rules.STATE_LIMIT >> MESSAGE_EXP


def memory_units(network: Network, peaks: Mapping[str, float]) -> dict[str, int]:
    """Return the chip units of a state of 1 of every population that sends values.

    Powers of two, as large as lets potentials stay within 24 bits and the weights of spikes and counts fit.

    Args:
        peaks: By population the largest potential seen; empty where nothing was measured.
    """
    graded = {one.name: one for one in network.populations if one.graded}
    found = {}
    for name, one in graded.items():
        if isinstance(one, ProductsPopulation):
            found[name] = 1 << MESSAGE_EXP  # so that a message of 1 is a count of 1
            continue
        alone = [synapses for synapses in network.into(name) if synapses.source not in graded]
        added = [float(np.abs(some.weight * some.per_row(one.weight_gain)).max(initial=0.0)) for some in alone]
        room = LARGEST_ADDED / max([*added, 2.0**-STATE_BITS])
        if name in peaks:
            room = min(room, rules.STATE_LIMIT / max(MARGIN * peaks[name], 1e-9))
        found[name] = 1 << int(np.clip(np.floor(np.log2(room)), MESSAGE_EXP, STATE_BITS))
    return found


def unit_of(network: Network, plan: Plan, synapses: Synapses) -> float:
    """Return what a weight of 1 is in the target's units: its threshold mantissa, by what the source sends for 1."""
    unit, source = plan.vth_mant[synapses.target], synapses.source
    values = source != INPUT and network.population(source).graded
    return unit / plan.message_unit(source) if values else unit


def halved(synapses: Synapses, whole: np.ndarray, precise: ConnectionPlan, delay: np.ndarray) -> list[Connection]:
    """Return the connections of the chip that hold some synapses: of wide weights one for each half.

    Args:
        whole: The weights as integers.
        delay: Steps that spikes wait.
    """
    ends: dict[str, Any] = {"source": synapses.source, "target": synapses.target, "window": synapses.window}
    if precise.weight_bits <= grid.MAX_WEIGHT_BITS:
        return [Connection(synapses.name, weight=whole, weight_exp=precise.weight_exp, delay=delay, **ends)]
    exponent, names = np.asarray(precise.weight_exp), (synapses.name, f"{synapses.name}{LOW_HALF}")
    parts = zip(names, grid.halves(whole), (grid.HIGH_EXPONENT, grid.LOW_EXPONENT), strict=True)
    return [
        Connection(name, weight=half.astype(np.int16), weight_exp=exponent + more, delay=delay, **ends)
        for name, half, more in parts
    ]


def check_sums(network: Network, connections: Sequence[Connection]) -> None:
    """Check that no sum of messages can leave 32 bits while potentials stay within half of their 24 bits.

    Beyond that a sum that wraps is no step that the graph's equations allow, so the certificate tells of it.

    Raises:
        MappingError: it might, with the number of neurons that such weights leave room for.
    """
    graded = {one.name: one.n_neurons for one in network.populations if one.graded}
    for one in connections:
        if one.source not in graded:
            continue
        size = np.abs(one.held.astype(np.int64)).reshape(len(one.held), -1).sum(axis=1)
        most = int(size.max(initial=0)) * LARGEST_MESSAGE // 2
        if most >= 1 << 31:
            fits = int(graded[one.source] * (1 << 31) / most)
            raise MappingError(
                f"{one.source} has {graded[one.source]} neurons, whose messages through {one.name} can add up to "
                f"{most:,}, beyond 32 bits",
                f"about {fits} neurons with such weights fit",
                where=network.name,
            )


def step_matrix(network: Network, name: str) -> np.ndarray | None:
    """Return what a step makes of the potentials of integrators (N, N), None where they do not feed themselves so."""
    one, own = network.population(name), [each for each in network.into(name) if each.source == name]
    if not isinstance(one, DynamicsPopulation) or len(own) != 1 or own[0].window or np.any(own[0].arrival != 1):
        return None
    return np.asarray(np.diag(one.numbers["alpha"]) + one.weight_gain[:, None] * own[0].weight)


def spectral_radius(matrix: np.ndarray) -> float:
    """Return the largest size of an eigenvalue: above 1 a memory grows without input."""
    return float(np.abs(np.linalg.eigvals(matrix)).max())


def growing(quantised: Network, plan: Plan) -> list[str]:
    """Return a note on every linear memory that grows on the chip's grid.

    Raises:
        MappingError: it grows by more than rounding can be blamed for, or a run would stand.
    """
    notes = []
    for one in quantised.populations:
        matrix = step_matrix(quantised, one.name) if one.graded else None
        radius = 0.0 if matrix is None else spectral_radius(matrix)
        if radius > 1 + SLACK:
            bits = max(plan.connections[each.name].weight_bits for each in quantised.into(one.name))
            text = f"its matrix has a spectral radius of {radius:.5f} with weights of {bits} bits, so its memory grows"
            if radius > LARGEST_MODULUS:
                advice = f"use {MEMORY_BITS} bits" if bits < MEMORY_BITS else "train it stable"
                raise MappingError(
                    f"{text}; up to {LARGEST_MODULUS} is allowed", advice, where=(quantised.name, one.name)
                )
            notes.append(f"{one.name}: {text}")
    return notes


def told(connections: Sequence[Connection], one: AnyPopulation) -> str:
    """Return what there is to say of a population that sends values, and what its own synapses cost."""
    name = one.name
    if isinstance(one, ProductsPopulation):
        return f"{name}: {spike_products.told(one.n_heads, one.shape)}"
    own = [one for one in connections if one.source == name == one.target]
    halves = any(one.name.endswith(LOW_HALF) for one in own)
    wide = f" (two of {grid.MAX_WEIGHT_BITS} bits for each weight of up to {MEMORY_BITS})" if halves else ""
    return (
        f"{name}: sends {rules.STATE_BITS - MESSAGE_EXP} bits of its potential at every step, so each of its "
        f"{sum(int(np.count_nonzero(one.weight)) for one in own):,} synapses onto itself{wide} makes a synop at nearly "
        "every one"
    )
