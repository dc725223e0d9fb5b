"""Why another framework's numbers differ: what the doctor knows of its importer, for the nodes of one graph."""

from __future__ import annotations

from pathlib import Path

from neurodeploy.graph.doctor.conditions import CONDITIONS, Facts
from neurodeploy.graph.doctor.frameworks import Rule, frameworks
from neurodeploy.graph.files import read_graph

TAKE_A_STEP = ("norse", "spikingjelly")
"""Importers that are given the graph's time step, so that their own does not count."""


def known_gaps(path: Path, framework: str, dt_s: float, reset: str) -> list[str]:
    """Return what an importer does otherwise than NIR says, a sentence for each thing.

    Args:
        framework: A name of the doctor's table.
        reset: Rule of the graph, which importers that take one are given.
    """
    importer = next(one for one in frameworks() if one.name == framework)
    found: dict[str, None] = {}
    graph = read_graph(path).graph
    edges = set(graph.edges)
    for name, node in graph.nodes.items():
        kind = type(node).__name__
        recurrent = any((after, name) in edges for before, after in edges if before == name)
        facts = Facts({"type": kind, **vars(node)}, dt_s, reset, recurrent)
        for rule in importer.rules:
            if kind in rule.nodes and not _given(framework, rule, kind) and CONDITIONS[rule.when](facts):
                found[rule.reason] = None
    return list(found)


def _given(framework: str, rule: Rule, kind: str) -> bool:
    """Return whether the run gives the importer what the rule says it lacks."""
    if kind == "Flatten":  # samples are run one at a time where it needs that
        return True
    step = framework in TAKE_A_STEP and rule.when.startswith("dt is not")
    return step or (framework == "norse" and kind == "CubaLIF" and rule.when == "reset by subtraction")
