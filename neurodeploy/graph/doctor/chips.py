"""What our own targets do with a node, given what was measured of it."""

from __future__ import annotations

import nir

from neurodeploy.fixedpoint import rules
from neurodeploy.graph.doctor.frameworks import APPROXIMATE, EXACT, UNSUPPORTED, Verdict
from neurodeploy.graph.dynamics import DynamicsNode
from neurodeploy.graph.euler import NEURON_TYPES
from neurodeploy.graph.stateless import POOLS, WEIGHTED

OURS = ("reference", "fixed", "lava", "loihi1", "loihi2")
PASSED_ON = (nir.Input, nir.Output, nir.Flatten)
SMALLEST = 1e-12
"""Of the largest weight; below it a difference is float64's own."""


def own_verdict(target: str, node: nir.NIRNode, reset: str, error: dict[str, float], unmeasured: str = "") -> Verdict:
    """Return what one of `OURS` does with a node.

    Args:
        reset: Rule of the neurons, "zero" or "subtract".
        error: What was measured of the node in integers; empty where nothing was.
        unmeasured: Why nothing could be.
    """
    if target == "reference":
        return Verdict(EXACT, _reference(node))
    if isinstance(node, PASSED_ON):
        return Verdict(EXACT, "passes values on, in C order")
    if isinstance(node, nir.Delay):
        return Verdict(EXACT, f"whole steps, up to {rules.DELAY_MAX}")
    if target == "loihi1" and isinstance(node, DynamicsNode):
        return Verdict(UNSUPPORTED, "Loihi 1's neurons are not programmable: adaptive ones and resonators need Loihi 2")
    status = EXACT if error and _is_exact(error) else APPROXIMATE
    reasons = [_integers(node)]
    if isinstance(node, NEURON_TYPES):
        reasons += _of_target(target, node, reset)
    reasons += [f"not measured: {unmeasured}"] if not error and unmeasured else []
    reasons += ["it did not spike on the random input, so little is known"] if error.get("spikes") == 0 else []
    return Verdict(status, "; ".join(reasons), error=dict(error))


def _is_exact(error: dict[str, float]) -> bool:
    if "weight_error" in error:
        return error["weight_error"] <= SMALLEST
    return error["spike_agreement"] == 1 and error["potential_rms"] == 0


def _reference(node: nir.NIRNode) -> str:
    if isinstance(node, DynamicsNode | nir.Threshold):
        return "its own difference equations, in float64"
    return "forward Euler in float64" if isinstance(node, NEURON_TYPES) else "in float64"


def _integers(node: nir.NIRNode) -> str:
    if isinstance(node, DynamicsNode):
        return "coefficients in fixed point, states of 24 bits"
    if isinstance(node, NEURON_TYPES):
        return "decays of 12 bits, states of 24, thresholds of 17"
    if isinstance(node, POOLS):
        return "as weights of 8 bits, all alike"
    return "weights of 8 bits and an exponent" if isinstance(node, WEIGHTED) else "in integers"


def _of_target(target: str, node: nir.NIRNode, reset: str) -> list[str]:
    own = isinstance(node, DynamicsNode) or reset == rules.RESET_SUBTRACT
    if target == "lava":
        which = "our own Lava process" if own else "Lava 0.10.0's LIF"
        return [f"{which}, equal to fixed in every state"]
    if target == "loihi1" and reset == rules.RESET_SUBTRACT and not isinstance(node, DynamicsNode):
        return ["simulated only: a Loihi 1 compartment resets to zero, subtraction takes a second one"]
    if target == "loihi2" and own:
        return ["as a neuron program of its own"]
    return []
