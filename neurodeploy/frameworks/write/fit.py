"""For each framework the steps that write a network as its importer does it right."""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from typing import Any

import nir

from neurodeploy.errors import FrameworkError, nearest
from neurodeploy.fixedpoint import rules
from neurodeploy.frameworks.write import neurons, order, weights
from neurodeploy.frameworks.write.draft import Draft, numbers
from neurodeploy.graph.dynamics import flattened
from neurodeploy.graph.metadata import FORMAT, INTEGRATION, KEY, ours
from neurodeploy.graph.network import Network
from neurodeploy.graph.node_table import neurons_of

STEPS = {"snntorch": 1e-4, "norse": 1e-3, "spikingjelly": 1e-4}
"""Time steps that their importers take by default."""
PRECISION = ("vth_mant", "weight_bits", "weight_exp", "row_exps", "weight_scale", "rounding", "fraction_bits")
"""Entries of ours that speak of the file's own numbers in the chip's integers."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """A network as an importer does it right.

    Attributes:
        names: By the name of a population in `graph`, its name in the graph that it was made from.
        lines: What was done, one sentence each.
    """

    graph: nir.NIRGraph
    dt_s: float
    names: dict[str, str]
    lines: tuple[str, ...]


def fitted(framework: str, graph: nir.NIRGraph, network: Network, *, nudge: bool = True) -> Fitted:
    """Return the graph of `network` as a framework's importer does it right, as far as it can be written so.

    Every step is exact, or exact to the rounding of float64; what a framework has no numbers for stays as it is.

    Args:
        framework: "snntorch", "norse", "spikingjelly" or "nirtorch".
        nudge: Move thresholds by one float32 where an importer has `>=` for `>`, or the other way round; a potential
            that lies in between loses or gains its spike by that.

    Raises:
        FrameworkError: it is none of them.
    """
    check_for(framework)
    nodes, edges = flattened(graph, "the graph")
    draft = Draft(nodes, edges, network.dt_s, {one.name: one.reset for one in network.populations if one.spiking})
    order.unnested(draft)
    order.without_dead_ends(draft)
    for step in PLANS[framework]:
        if nudge or step not in (neurons.raised, neurons.lowered):
            step(draft)
    if network.quantised:
        draft.lines.append("the chip's precision is left out: it speaks of the file's own numbers")
    return Fitted(_built(draft, graph, network), draft.dt_s, draft.names, tuple(draft.lines))


def check_for(framework: str) -> None:
    """Check that a framework is one that graphs are written for.

    Raises:
        FrameworkError: it is not.
    """
    if framework not in PLANS:
        raise FrameworkError(
            f"found {framework!r}, no importer that is known here", nearest(framework, PLANS), option="for_framework"
        )


def _built(draft: Draft, graph: nir.NIRGraph, network: Network) -> nir.NIRGraph:
    kept = {key: value for key, value in ours(graph.metadata).items() if key not in PRECISION}
    said = {"format": FORMAT, "dt_s": draft.dt_s, "time_unit": "s", "integration": INTEGRATION}
    metadata = {**(graph.metadata or {}), KEY: kept | said | {"readout": network.readout}}
    nodes = {name: _with_rule(node, name, draft) for name, node in draft.nodes.items()}
    return nir.NIRGraph(nodes, draft.edges, metadata=metadata, type_check=False)


def _with_rule(node: nir.NIRNode, name: str, draft: Draft) -> nir.NIRNode:
    """Return a node without the precision of other numbers, and with its reset rule."""
    if isinstance(node, nir.NIRGraph):
        inner = {key: _with_rule(one, f"{name}.{key}", draft) for key, one in node.nodes.items()}
        return nir.NIRGraph(inner, list(node.edges), type_check=False)
    if not isinstance(node, nir.NIRNode) or not hasattr(node, "metadata"):
        return node
    kept = {key: value for key, value in ours(node.metadata).items() if key not in PRECISION}
    if name in draft.resets and neurons_of(node):
        kept["reset"] = draft.resets[name]
    changed = copy(node)
    changed.metadata = {**{key: one for key, one in (node.metadata or {}).items() if key != KEY}} | (
        {KEY: kept} if kept else {}
    )
    return changed


def _scaled_otherwise(node: Any, dt_s: float) -> bool:
    """True where snnTorch asks for a gain of 1: it scales by the smallest gain, or asserts one threshold."""
    if isinstance(node, nir.LIF):
        gain = numbers(node.r) * dt_s / numbers(node.tau)
        return not neurons.uniform(gain) or not neurons.uniform(node.v_threshold)
    if isinstance(node, nir.CubaLIF):
        fits = neurons.same(node.r, numbers(node.tau_mem) / dt_s)
        gain = numbers(node.w_in) * dt_s / numbers(node.tau_syn)
        return not fits or not neurons.uniform(numbers(node.v_threshold) / gain)
    return False


def _without_gain_1(node: Any, dt_s: float) -> bool:
    """True where SpikingJelly's importer refuses r or w_in."""
    if isinstance(node, nir.IF):
        return not neurons.same(node.r, 1 / dt_s) or not neurons.uniform(node.r)
    if isinstance(node, nir.LIF):
        taus = numbers(node.tau) / dt_s
        taken = neurons.same(node.r, 1) or neurons.same(node.r, taus)
        return not taken or not neurons.uniform(node.r)
    fits = neurons.same(node.r, numbers(node.tau_mem) / dt_s) and neurons.same(node.w_in, numbers(node.tau_syn) / dt_s)
    return not fits


def _alike(node: Any) -> bool:
    """True where all but the thresholds of a node's neurons are the same."""
    return neurons.uniform(*(getattr(node, key) for key in ("r", "tau", "tau_mem", "tau_syn") if hasattr(node, key)))


def _forgets_at_once(draft: Draft) -> None:
    def which(name: str, node: Any) -> bool:
        return isinstance(node, nir.LIF) and bool((numbers(node.tau) <= draft.dt_s * (1 + 1e-6)).any())

    neurons.as_cuba(draft, which, "for LIF must have tau above dt there")


def _subtracting(draft: Draft) -> None:
    why = "which takes from_nir(..., reset_method=norse.torch.functional.reset.reset_subtract)"

    def which(name: str, node: Any) -> bool:
        return draft.resets.get(name) == rules.RESET_SUBTRACT and neurons.same(getattr(node, "v_leak", 0), 0)

    neurons.as_cuba(draft, which, why)


Step = Callable[[Draft], None]
COMMON: tuple[Step, ...] = (weights.scales_as_linear, weights.ungrouped, neurons.thresholds_as_lif)
PLANS: dict[str, tuple[Step, ...]] = {
    "snntorch": (
        *COMMON,
        weights.pools_as_convolutions,
        weights.flattens_from_the_end,
        neurons.integrators_as_lif,
        weights.leaks_in_bias,
        weights.loop_bias_forward,
        lambda draft: neurons.with_gain_1(draft, _scaled_otherwise),
        lambda draft: weights.even_thresholds(draft, lambda node: True),
        lambda draft: neurons.with_step(draft, STEPS["snntorch"]),
        neurons.lowered,
        order.loops_as_graphs,
    ),
    "norse": (
        *COMMON,
        lambda draft: weights.pools_as_convolutions(draft, nir.AvgPool2d),
        weights.flattens_from_the_end,
        weights.leaks_in_bias,
        weights.loop_bias_forward,
        _subtracting,
        lambda draft: neurons.with_gain_1(
            draft, lambda one, dt: isinstance(one, nir.IF) and not neurons.same(one.r, 1 / dt)
        ),
        neurons.with_r_1,
        lambda draft: neurons.with_step(draft, STEPS["norse"]),
        neurons.lowered,
        order.output_last,
    ),
    "spikingjelly": (
        *COMMON,
        weights.pools_as_convolutions,
        weights.leaks_in_bias,
        weights.loop_bias_forward,
        _forgets_at_once,
        lambda draft: neurons.with_gain_1(draft, _without_gain_1),
        lambda draft: weights.even_thresholds(draft, _alike),
        lambda draft: neurons.with_step(draft, STEPS["spikingjelly"]),
        neurons.raised,
    ),
    "nirtorch": (
        weights.scales_as_linear,
        weights.ungrouped,
        weights.pools_as_convolutions,
        weights.flattens_from_the_end,
    ),
}
