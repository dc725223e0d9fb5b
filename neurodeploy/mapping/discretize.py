"""Where both worlds meet: real values and seconds in, integers and steps out (with `discretize_dynamics`).

`quantise` puts a network's numbers on the chip's grid and keeps them real; `integers` makes the
Program. `integers(quantise(network, plan), plan)` equals `integers(network, plan)`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from neurodeploy.errors import MappingError, NeurodeployError
from neurodeploy.fixedpoint import rules
from neurodeploy.fixedpoint.rules import IntArray
from neurodeploy.graph.dynamics import DynamicsPopulation
from neurodeploy.graph.euler import Population
from neurodeploy.graph.network import AnyPopulation, Network
from neurodeploy.graph.paths import Synapses
from neurodeploy.graph.products import ProductsPopulation
from neurodeploy.mapping.discretize_dynamics import dynamics_layer, on_grid
from neurodeploy.mapping.memory import check_sums, halved, told, unit_of
from neurodeploy.mapping.rounded_away import notes_on_weights
from neurodeploy.mapping.start import BEGIN, RESTS, Charge, charged
from neurodeploy.mapping.timing import starts_of, waits_of
from neurodeploy.memory import row_blocks
from neurodeploy.program.connection import Connection
from neurodeploy.program.dynamics import AnyLayer
from neurodeploy.program.layer import Layer
from neurodeploy.program.plan import ConnectionPlan, Plan
from neurodeploy.program.products import SpikeProducts
from neurodeploy.program.program import DATA_SETTINGS, Program
from neurodeploy.quantize import grid

ON_GRID = 0.02
"""How far, in weight steps, a float32 weight may lie from the grid its file states."""
AT_THRESHOLD = (
    "spikes where a potential reaches the threshold: the number compared with is one unit below what a mantissa can "
    "say, so Lava's LIF has it set by us, and chips whose thresholds are mantissas alone (Loihi 1) spike above it"
)
ENOUGH = 4
"""Weights of a neuron that must share a factor, before its own numbers are blamed."""


@dataclass(frozen=True, eq=False)
class Constants:
    """A population's numbers in the chip's integers; `bias_u` is the bias's share that the graph has in u."""

    du: IntArray
    dv: IntArray
    bias_mant: IntArray
    bias_exp: int
    bias_u: IntArray
    unit: int

    @property
    def bias(self) -> IntArray:
        return rules.effective_bias(self.bias_mant, self.bias_exp)


def constants(population: Population, vth_mant: int) -> Constants:
    """Return decays and bias of a population; `unit` is the chip's number for one threshold.

    A constant input I reaches the potential through the current, which settles at I / (1 - alpha).
    The chip's bias acts on the potential alone. So the settled value becomes the bias, and the
    current is kept lower by as much: the sum of both is the graph's current at every step.
    """
    unit = vth_mant << rules.ALIGN_SHIFT
    du = grid.du_of(population.alpha)
    # What training left near 0 keeps 1/4096; a potential that keeps nothing by its definition keeps nothing.
    dv = np.where(population.beta == 0, rules.DECAY_ONE, grid.dv_of(population.beta))
    kept = rules.kept_of_current(du) / rules.DECAY_ONE
    settled = population.weight_gain * population.bias / (1 - kept) * unit
    drift = population.drift * unit
    bias_mant, bias_exp = grid.bias_fields(settled + drift)
    whole = rules.effective_bias(bias_mant, bias_exp)
    bias_u = whole - np.rint(drift).astype(np.int64)
    return Constants(du, dv, bias_mant, bias_exp, bias_u, unit)


def plan_in(network: Network) -> Plan:
    """Return the plan that a quantised network's file carries.

    Raises:
        MappingError: its weights, or its neurons, are not those that the file's precision was made for.
    """
    assert network.quantised
    plan = Plan(
        vth_mant={one.name: int(one.vth_mant or 0) for one in network.populations},
        connections={
            one.name: ConnectionPlan(int(one.weight_bits or 0), one.weight_exp or 0) for one in network.synapses
        },
        fraction_bits={
            one.name: int(one.fraction_bits or 0) for one in network.populations if isinstance(one, DynamicsPopulation)
        },
    )
    for one in network.synapses:
        precise = plan.connections[one.name]
        step = grid.weight_step(precise.weight_bits) / unit_of(network, plan, one)
        for rows, weight, some in _in_thresholds(one, network.population(one.target), precise):
            levels = weight / (grid.power(some.weight_exp, weight.ndim) * step)
            _refuse_off_grid((network.name, one.name), one.target, levels, rows.start or 0, precise.weight_bits)
    return plan


def _refuse_off_grid(where: tuple[str, str], target: str, levels: np.ndarray, first_row: int, weight_bits: int) -> None:
    """Refuse weights that lie off their grid.

    Args:
        where: Network and connection.
        target: Population that they end on.
        levels: Weights in steps of their grid, where whole numbers are on it: rows of targets or output channels.
        first_row: Of `levels`, counted from the connection's first.

    Raises:
        MappingError: with the first neuron, and what of it was changed.
    """
    most = grid.weight_limit(weight_bits) // grid.weight_step(weight_bits)
    off = (np.abs(levels - np.rint(levels)) > ON_GRID) | (np.abs(levels) > most + ON_GRID)
    if not off.any():
        return
    rows = levels.reshape(len(levels), -1)
    row = int(off.reshape(rows.shape).any(axis=1).argmax())
    factor = _shared_factor(rows[row], most)
    if factor is not None:
        raise MappingError(
            f"neuron {first_row + row} of {target} takes all its weights {factor:.4g} times as strong as they were "
            "quantised for, so they, or its v_threshold, v_reset, r, w_in or time constants, were changed afterwards",
            "quantise the network again",
            where=where,
        )
    at = [first_row + row, *(int(one) for one in np.argwhere(off[row])[0])]
    raise MappingError(
        f"weights are not on the {weight_bits}-bit grid that the file states (first at {at}, {off.sum()} of {off.size}"
        " here), so they were changed after quantisation",
        "quantise the network again",
        where=where,
    )


def _shared_factor(levels: np.ndarray, most: int) -> float | None:
    """Return the factor that a row's weights are off by together, None where they share none."""
    there = levels[levels != 0]
    if len(there) < ENOUGH:
        return None
    largest = np.abs(there).max()
    for whole in range(1, most + 1):
        scaled = there * (whole / largest)
        if (np.abs(scaled - np.rint(scaled)) <= ON_GRID).all():
            return float(largest / whole)
    return None


def quantise(network: Network, plan: Plan) -> Network:
    """Return the network with weights, decays and biases on the chip's grid, still real-valued."""
    populations: list[AnyPopulation] = []
    for one in network.populations:
        if isinstance(one, DynamicsPopulation):
            populations.append(on_grid(one, plan))
            continue
        if isinstance(one, ProductsPopulation):
            populations.append(one)
            continue
        found = constants(one, plan.vth_mant[one.name])
        alpha = rules.kept_of_current(found.du) / rules.DECAY_ONE
        beta = rules.kept_of_potential(found.dv) / rules.DECAY_ONE
        through_u = found.bias_u * (1 - alpha)
        on_v = found.bias - found.bias_u
        populations.append(
            replace(
                one,
                alpha=alpha,
                beta=beta,
                bias=through_u / found.unit / one.weight_gain,
                leak=on_v / found.unit * one.span - (beta - 1) * one.v_reset,
            )
        )
    synapses = []
    for synapse in network.synapses:
        target, vth_mant = network.population(synapse.target), unit_of(network, plan, synapse)
        values = np.empty_like(synapse.weight)
        gain = synapse.per_row(target.weight_gain)
        for rows, weight, precise in _in_thresholds(synapse, target, plan.connections[synapse.name]):
            whole = grid.weight_integers(weight, vth_mant, precise.weight_exp, precise.weight_bits)
            values[rows] = grid.weight_values(whole, vth_mant, precise.weight_exp) / gain[rows]
        synapses.append(replace(synapse, weight=values))
    return replace(network, populations=tuple(populations), synapses=tuple(synapses))


def clipped_weights(network: Network, plan: Plan) -> dict[str, int]:
    """Return by connection how many weights are larger than the largest of the plan's grid, which they become."""
    return {
        one.name: sum(
            int(grid.clipped(weight, unit_of(network, plan, one), some.weight_exp, some.weight_bits).sum())
            for _, weight, some in _in_thresholds(one, network.population(one.target), plan.connections[one.name])
        )
        for one in network.synapses
    }


def integers(network: Network, plan: Plan, chip: str, asked: Network | None = None) -> Program:
    """Return the integer Program of a network.

    Args:
        asked: The network before its weights were rounded together; notes say what became of its weights.

    Raises:
        MappingError: a loop cannot keep its timing on a chip where every connection takes one step,
            spikes would wait too long, or a number leaves its field.
    """
    starts = starts_of(network)
    layers: list[AnyLayer] = []
    notes = list(network.notes)
    for one in network.populations:
        layer, note = _layer(one, plan, starts[one.name])
        layers.append(layer)
        notes += note
    at = [one.name for one in layers if isinstance(one, Layer) and one.at_threshold]
    notes += [f"{', '.join(at)}: {AT_THRESHOLD}"] if at else []
    late = [one.name for one in network.populations if getattr(one, "begins", 0)]
    notes += [f"{', '.join(late)}: {BEGIN}"] if late else []
    if network.readout == rules.SOFTMAX:
        notes.append(
            f"{network.output}: the class is where the softmax of the potentials, summed over the steps, is largest; "
            f"the host reads all {network.population(network.output).n_neurons} potentials at every step"
        )
    if network.decode is not None:
        notes.append(f"{network.output}: {network.decode.words}")
    notes += [] if network.host is None else [network.host.words]
    asked = asked or network
    connections: list[Connection] = []
    wholes: list[np.ndarray] = []
    for synapse in network.synapses:
        precise = plan.connections[synapse.name]
        vth_mant = unit_of(network, plan, synapse)
        whole: np.ndarray = np.empty(synapse.weight.shape, np.int16)
        for rows, weight, some in _in_thresholds(synapse, network.population(synapse.target), precise):
            whole[rows] = grid.weight_integers(weight, vth_mant, some.weight_exp, some.weight_bits)
        connections += halved(synapse, whole, precise, waits_of(synapse, starts))
        wholes.append(whole)
    check_sums(network, connections)
    notes += [told(connections, one) for one in network.populations if one.graded]
    notes += notes_on_weights(asked, layers, connections, wholes, clipped_weights(asked, plan))
    try:
        return Program(
            name=network.name,
            chip=chip,
            dt_s=network.dt_s,
            n_inputs=network.n_inputs,
            layers=tuple(layers),
            connections=tuple(connections),
            output=network.output,
            plan=plan.to_dict(),
            notes=tuple(notes),
            input_shape=network.input_shape,
            readout=network.readout,
            decode=network.decode,
            host=network.host,
            graded_input=network.graded_input,
            settings={key: one for key, one in (network.settings or {}).items() if key in DATA_SETTINGS},
        )
    except NeurodeployError as error:
        advice = "lower the weights or the threshold"
        raise MappingError(error.problem, advice, where=(network.name, *error.places)) from None


def _layer(population: AnyPopulation, plan: Plan, start: int) -> tuple[AnyLayer, list[str]]:
    if isinstance(population, DynamicsPopulation):
        return dynamics_layer(population, plan, start)
    if isinstance(population, ProductsPopulation):
        return SpikeProducts(population.name, population.n_heads, start, population.shape), []
    vth_mant = plan.vth_mant[population.name]
    found = constants(population, vth_mant)
    state, note = initial_state(population, found, start)
    layer = Layer(
        name=population.name,
        du=found.du,
        dv=found.dv,
        vth=np.full(population.n_neurons, vth_mant if population.spiking else rules.NEVER, dtype=np.int64),
        bias_mant=found.bias_mant,
        bias_exp=found.bias_exp,
        u_init=state.u,
        v_init=state.v,
        reset=population.reset,
        start=start,
        u_per_unit=found.unit * population.current_gain / population.span,
        v_per_unit=found.unit / population.span,
        u_offset=-found.bias_u.astype(np.float64),
        v_offset=-population.v_reset / population.span * found.unit,
        shape=population.shape,
        rest_init=state.rest,
        at_threshold=population.at_threshold,
    )
    rests = RESTS if state.rest and not population.begins else ""
    notes = [f"{population.name}: {one}" for one in (note, rests) if one]
    if population.reset == rules.RESET_SUBTRACT:
        notes.append(f"{population.name}: Lava's LIF has no subtractive reset, so Lava runs our own process for it")
    return layer, notes


def initial_state(population: Population, found: Constants, start: int) -> tuple[Charge, str]:
    """Return the state before step 0 that has the population at rest when its input begins, and a note.

    Raises:
        MappingError: it rests for longer than a chip can.
    """
    if population.begins:
        if start + population.begins > rules.REFRACTORY_MAX:
            raise MappingError(
                f"rests for {start + population.begins} steps, at most {rules.REFRACTORY_MAX} are allowed",
                "use fewer layers that look ahead",
                where=population.name,
            )
        return Charge(-found.bias_u, at_rest(population, found), start + population.begins), ""
    return charged(
        start=start,
        kept_u=rules.kept_of_current(found.du),
        kept_v=rules.kept_of_potential(found.dv),
        bias=found.bias,
        u_then=-found.bias_u,
        v_then=at_rest(population, found),
        threshold=found.unit - population.at_threshold if population.spiking else rules.STATE_LIMIT,
    )


def at_rest(population: Population, found: Constants) -> IntArray:
    """Return the chip's number for a potential of 0 in the graph (N,)."""
    return np.rint(-population.v_reset / population.span * found.unit).astype(np.int64)


def _in_thresholds(
    synapses: Synapses, target: AnyPopulation, precise: ConnectionPlan
) -> Iterator[tuple[slice, np.ndarray, ConnectionPlan]]:
    """Yield some rows at a time, their weights in thresholds, and their precision: a large matrix is never copied."""
    gain = synapses.per_row(target.weight_gain)
    for rows in row_blocks(synapses.weight):
        exponent = precise.weight_exp
        some = replace(precise, weight_exp=exponent[rows]) if isinstance(exponent, tuple) else precise
        yield rows, synapses.weight[rows] * gain[rows], some
