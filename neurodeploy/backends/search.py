"""Post-training quantisation with calibration: the precision whose output stays closest to the float network's."""

from dataclasses import dataclass, replace

import numpy as np

from neurodeploy.backends import reference
from neurodeploy.backends.calibration import chosen, measure
from neurodeploy.backends.trace import Progress
from neurodeploy.fixedpoint import rules
from neurodeploy.graph.euler import Population
from neurodeploy.graph.network import Network
from neurodeploy.mapping.compile import choose_plan, facts_of, rounded_together
from neurodeploy.mapping.discretize import quantise
from neurodeploy.mapping.discretize_dynamics import Measured
from neurodeploy.program.plan import Plan
from neurodeploy.quantize.coefficients import FRACTION_BITS
from neurodeploy.quantize.grid import MAX_WEIGHT_BITS
from neurodeploy.quantize.plan import layer_variants


@dataclass(frozen=True, eq=False)
class Calibrated:
    """A plan, what it was measured on, and how far the output moved.

    Attributes:
        distance: Sum of the changes of the output's spike counts, or of the potentials it is read from,
            as a part of their sum.
    """

    plan: Plan
    measured: dict[str, Measured]
    distance: float


def calibrate(
    network: Network,
    spikes_BTI: np.ndarray,
    weight_bits: int | None = None,
    coefficient_bits: int = FRACTION_BITS,
    progress: Progress | None = None,
) -> Calibrated:
    """Return the best plan found for a float network, one layer after the other.

    No labels are used: the measure is the distance of the output layer's spike counts (or of the
    potentials the class is read from) from the float network's on the calibration samples. It is far
    less noisy than the accuracy.

    Args:
        spikes_BTI: Calibration samples (B, T, I), never from the test part; at most the first 128 count.
        weight_bits: Weight width, 2..8; 8 when None.
        coefficient_bits: Fraction bits of coefficients; see `mapping.compile.compile_network`.
    """
    spikes = chosen(network, spikes_BTI)
    bits = weight_bits or MAX_WEIGHT_BITS
    measured = measure(network, spikes)
    goal = reference.run(network, spikes).output_BN
    whole = float(np.abs(goal).sum()) or 1.0

    rounded: dict[str, dict[str, np.ndarray]] = {}

    def changed(plan: Plan) -> Network:
        return quantise(rounded_together(network, plan, measured, rounded), plan)

    def distance(plan: Plan, given: dict[str, np.ndarray]) -> float:
        counts = reference.run(changed(plan), spikes, given=given).output_BN
        return float(np.abs(counts - goal).sum() / whole)

    best = choose_plan(network, bits, measured, coefficient_bits)
    least = distance(best, {})
    every_facts = [facts_of(network, one, measured) for one in network.populations if isinstance(one, Population)]
    if len(every_facts) < len(network.populations):
        # Neurons with two states: units and rows have been chosen one by one already.
        return Calibrated(best, measured, least)
    given: dict[str, np.ndarray] = {}
    for done, facts in enumerate(every_facts):
        given = _before(changed(best), done, spikes, given)
        kept = best.vth_mant[facts.name], {name: best.connections[name] for name in facts.weights}
        for vth_mant, connections in layer_variants(facts, bits, kept):
            plan = Plan(best.vth_mant | {facts.name: vth_mant}, best.connections | connections)
            found = distance(plan, given)
            if found < least:
                best, least = plan, found
        if progress:
            progress(done + 1, len(every_facts))
    return Calibrated(best, measured, least)


def _before(
    network: Network, index: int, spikes_BTI: np.ndarray, given: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Return the spikes of the populations before one, which its plan and those after it do not change.

    Args:
        given: Those of the first of them, where they were found before.

    Returns:
        Empty where one of them hears from this population or a later one.
    """
    first, rest = network.populations[:index], {one.name for one in network.populations[index:]}
    names = {one.name for one in first}
    if not first or any(one.target in names and one.source in rest for one in network.synapses):
        return {}
    alone = replace(
        network,
        populations=first,
        synapses=tuple(one for one in network.synapses if one.target in names),
        output=first[-1].name,
        readout=rules.READOUTS[0],
        decode=None,
    )
    found = reference.run(alone, spikes_BTI, record=True, given=given).layers
    return given | {name: one.spikes_BTN for name, one in found.items()}
