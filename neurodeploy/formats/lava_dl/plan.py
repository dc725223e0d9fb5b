"""The precision of a float network that is to become a `.net` file, which has no exponents."""

from __future__ import annotations

import numpy as np

from neurodeploy.errors import PrecisionError
from neurodeploy.graph.dynamics import DynamicsPopulation
from neurodeploy.graph.network import Network
from neurodeploy.mapping.compile import facts_of
from neurodeploy.program.plan import ConnectionPlan, Plan
from neurodeploy.quantize import grid
from neurodeploy.quantize.plan import layer_plan

BITS = grid.MAX_WEIGHT_BITS


def net_plan(network: Network) -> Plan:
    """Return a plan without exponents: the threshold is what the largest weight into a layer leaves room for.

    The largest weight becomes 254, as with exponents; several connections into a layer share that scale here.

    Raises:
        PrecisionError: neurons of two states, or weights so large that the threshold would be below 2.
    """
    plan = Plan({}, {})
    for one in network.populations:
        if isinstance(one, DynamicsPopulation):
            raise PrecisionError(
                f"{one.name}: neurons of two states have no place in a .net file; write .npz, or keep .nir"
            )
        facts = facts_of(network, one, None)
        highest, _ = layer_plan(facts, BITS)
        largest = max(float(np.abs(weight).max(initial=0.0)) for weight in facts.weights.values())
        vth_mant = min(highest, int(grid.weight_limit(BITS) / max(largest, 1e-12)))
        if vth_mant < 2:
            raise PrecisionError(
                f"{one.name}: weights of up to {largest:.3g} thresholds need an exponent, which a .net file does not "
                "have; write .nir or .npz"
            )
        plan.vth_mant[one.name] = vth_mant
        plan.connections.update({name: ConnectionPlan(BITS, 0) for name in facts.weights})
    return plan
