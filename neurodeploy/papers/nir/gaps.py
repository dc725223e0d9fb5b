"""Why another framework's numbers differ: what the doctor knows of its importer, for the nodes of one graph."""

from __future__ import annotations

from pathlib import Path

from neurodeploy.graph.doctor.conditions import CONDITIONS
from neurodeploy.graph.doctor.facts import facts_of
from neurodeploy.graph.doctor.frameworks import APPROXIMATE, UNSUPPORTED, Rule, frameworks
from neurodeploy.graph.files import mended, stored_graph
from neurodeploy.pipeline.graph_options import GraphOptions
from neurodeploy.pipeline.inputs import read_network

TAKE_A_STEP = ("norse", "spikingjelly")
"""Importers that are given the graph's time step, so that their own does not count."""


def known_gaps(path: Path, framework: str, dt_s: float, reset: str) -> dict[str, list[str]]:
    """Return what an importer does otherwise than NIR says, a sentence for each thing.

    Args:
        framework: A name of the doctor's table.
        reset: Rule of the graph, which importers that take one are given.

    Returns:
        By "unsupported" (what stops it) and "approximate" (what it does otherwise).
    """
    importer = next(one for one in frameworks() if one.name == framework)
    network = read_network(path, GraphOptions(dt_s, reset))
    found: dict[str, dict[str, None]] = {UNSUPPORTED: {}, APPROXIMATE: {}}
    for facts in facts_of(mended(path, stored_graph(path))[0], dt_s, network).values():
        kind = str(facts.node["type"])
        rules = [rule for rule in importer.rules if kind in rule.nodes and not _given(framework, rule, kind)]
        for rule in rules:
            if rule.status in found and CONDITIONS[rule.when](facts):
                found[rule.status][rule.reason] = None
    return {status: list(reasons) for status, reasons in found.items()}


def _given(framework: str, rule: Rule, kind: str) -> bool:
    """Return whether the run gives the importer what the rule says it lacks."""
    if kind == "Flatten":  # samples are run one at a time where it needs that
        return True
    step = framework in TAKE_A_STEP and rule.when.startswith("dt is not")
    return step or (framework == "norse" and kind == "CubaLIF" and rule.when == "reset by subtraction")
