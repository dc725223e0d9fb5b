"""What our own targets do with a node, given what was measured of it."""

from __future__ import annotations

import nir

from neurodeploy.fixedpoint import rules
from neurodeploy.graph.doctor.frameworks import APPROXIMATE, EXACT, UNSUPPORTED, Verdict
from neurodeploy.graph.node_table import entry_of
from neurodeploy.graph.node_type import Neurons
from neurodeploy.hardware.chips import program_chips, programmable_chips

BACKENDS = ("reference", "fixed", "lava")
SMALLEST = 1e-12
"""Of the largest weight; below it a difference is float64's own."""


def own_targets() -> tuple[str, ...]:
    """Return our backends, and the chips that come with the package and hold Programs."""
    return (*BACKENDS, *program_chips())


def own_verdict(target: str, node: nir.NIRNode, reset: str, error: dict[str, float], unmeasured: str = "") -> Verdict:
    """Return what one of `own_targets` does with a node.

    Args:
        reset: Rule of the neurons, "zero" or "subtract".
        error: What was measured of the node in integers; empty where nothing was.
        unmeasured: Why nothing could be.
    """
    entry = entry_of(node)
    assert entry is not None
    if target == "reference":
        return Verdict(EXACT, entry.reference)
    if entry.always:
        return Verdict(EXACT, entry.always)
    neurons = entry if isinstance(entry, Neurons) else None
    if neurons and neurons.programmed and target not in (*BACKENDS, *programmable_chips()):
        which = " or ".join(programmable_chips())
        reason = f"{target}'s neurons are not programmable: adaptive ones and resonators need {which}"
        return Verdict(UNSUPPORTED, reason)
    if "weight_error" in error:
        exact = error["weight_error"] <= SMALLEST
    else:
        exact = bool(error) and error.get("spike_agreement", 1) == 1 and error["potential_rms"] == 0
    reasons = [entry.integers, *(_of_target(target, neurons, reset) if neurons else [])]
    reasons += [f"not measured: {unmeasured}"] if not error and unmeasured else []
    reasons += ["it did not spike on the random input, so little is known"] if error.get("spikes") == 0 else []
    return Verdict(EXACT if exact else APPROXIMATE, "; ".join(reasons), error=dict(error))


def _of_target(target: str, neurons: Neurons, reset: str) -> list[str]:
    own = neurons.programmed or reset == rules.RESET_SUBTRACT
    if target == "lava":
        which = "our own Lava process" if own else "Lava 0.10.0's LIF"
        return [f"{which}, equal to fixed in every state"]
    if target in BACKENDS or not own:
        return []
    if target in programmable_chips():
        return ["as a neuron program of its own"]
    return [f"simulated only: a {target} compartment resets to zero, subtraction takes a second one"]
