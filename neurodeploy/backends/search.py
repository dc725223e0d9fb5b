"""Post-training quantisation with calibration: the precision whose output stays closest to the float network's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurodeploy.backends import reference
from neurodeploy.backends.calibration import chosen, measure
from neurodeploy.backends.trace import Progress
from neurodeploy.graph.euler import Population
from neurodeploy.graph.network import Network
from neurodeploy.mapping.compile import Measured, choose_plan, facts_of, rounded_together
from neurodeploy.mapping.discretize import quantise
from neurodeploy.quantize.cells import FRACTION_BITS
from neurodeploy.quantize.grid import MAX_WEIGHT_BITS
from neurodeploy.quantize.plan import Plan, layer_variants


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

    def distance(plan: Plan) -> float:
        changed = quantise(rounded_together(network, plan, measured), plan)
        counts = reference.run(changed, spikes).output_BN
        return float(np.abs(counts - goal).sum() / whole)

    best = choose_plan(network, bits, measured, coefficient_bits)
    least = distance(best)
    every_facts = [facts_of(network, one, measured) for one in network.populations if isinstance(one, Population)]
    if len(every_facts) < len(network.populations):
        # Neurons with two states: units and rows have been chosen one by one already.
        return Calibrated(best, measured, least)
    for done, facts in enumerate(every_facts):
        kept = best.vth_mant[facts.name], {name: best.connections[name] for name in facts.weights}
        for vth_mant, connections in layer_variants(facts, bits, kept):
            plan = Plan(best.vth_mant | {facts.name: vth_mant}, best.connections | connections)
            found = distance(plan)
            if found < least:
                best, least = plan, found
        if progress:
            progress(done + 1, len(every_facts))
    return Calibrated(best, measured, least)
