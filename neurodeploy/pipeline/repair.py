"""`inspect --repair`: a graph written so that every reader of NIR 1.0 takes it, without changing what it does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nir

from neurodeploy.errors import GraphError
from neurodeploy.files import written_whole
from neurodeploy.graph.doctor.problems import of_wiring
from neurodeploy.graph.files import GraphFile, read_graph, write_graph
from neurodeploy.graph.mends import Mends
from neurodeploy.graph.metadata import FORMAT, INTEGRATION, KEY
from neurodeploy.graph.network import Network, discretised
from neurodeploy.graph.nodes import built
from neurodeploy.graph.stored import GRAPH, Tree
from neurodeploy.pipeline.measured_targets import RandomRun, same_states

REPORT = "this is a bug; report it and attach the file"
UNSURE = "NIR's definition"


def repaired(
    file: GraphFile | None,
    tree: Tree,
    mends: Mends | None,
    network: Network | None,
    run: RandomRun | None,
    out: str | Path,
    asked: dict[str, Any],
) -> list[str]:
    """Write a mended graph, and return what was done, one line each; empty where nothing can be written.

    Args:
        tree: As `graph.files.mended` gave it.
        network, run: It as the reference runs it, and on random input; None where it does not run.
        asked: `dt_s`, `reset` and `readout` from the command line, to be carried by the file from now on.

    Raises:
        GraphError: what was written would not run as what was read does.
        RunError: `out` cannot be written.
    """
    if file is None or mends is None:
        return []
    lines = [str(one) for one in mends]
    tree = _without_dead(tree, lines)
    tree = _with_settings(tree, network, asked, lines)
    graph = built(str(out), tree)
    made = Path(out)
    with written_whole(made) as beside:
        write_graph(beside, graph)
        lines.append(_checked(beside, network, run, asked))
        lines += _typed(beside)
    return lines


def _without_dead(tree: Tree, lines: list[str], name: str = "") -> Tree:
    """Return a graph without the nodes from which no path leads to its output: nothing can tell that they are gone."""
    dead = {one.node for one in of_wiring(tree) if one.kind == "dead" and one.severity == "warns"}
    nodes = {key: node for key, node in tree["nodes"].items() if key not in dead}
    lines += [f"{name}{key}: left out, for no path leads from it to the output" for key in tree["nodes"] if key in dead]
    edges = [edge for edge in tree["edges"] if not dead & set(edge)]
    nodes = {
        key: _without_dead(node, lines, f"{name}{key}.") if node["type"] == GRAPH else node
        for key, node in nodes.items()
    }
    return tree | {"nodes": nodes, "edges": edges}


def _with_settings(tree: Tree, network: Network | None, asked: dict[str, Any], lines: list[str]) -> Tree:
    """Return a graph that carries the time step, the readout and the reset rules that it was read with."""
    if network is None:
        return tree
    known = tree["metadata"].get(KEY, {})
    new: dict[str, Any] = {}
    if asked["dt_s"] is not None and "dt_s" not in known:
        new |= {"format": FORMAT, "dt_s": network.dt_s, "time_unit": "s", "integration": INTEGRATION}
        lines.append(f"time step of {network.dt_s:g} s written into the graph's metadata, as given")
    if asked["readout"] is not None and "readout" not in known:
        new |= {"readout": network.readout}
        lines.append(f"readout {network.readout!r} written into the graph's metadata, as given")
    rules = {}
    for one in network.populations:
        source = getattr(one, "reset_source", "")
        if one.spiking and source not in ("", "metadata") and not source.startswith(UNSURE):
            rules[one.name] = one.reset
            lines.append(f"{one.name}: reset {one.reset!r} written into its metadata, from {source}")
    tree = _with_rules(tree, rules)
    return tree | {"metadata": tree["metadata"] | ({KEY: known | new} if new else {})}


def _with_rules(tree: Tree, rules: dict[str, str], name: str = "") -> Tree:
    nodes = {}
    for key, node in tree["nodes"].items():
        if node["type"] == GRAPH:
            node = _with_rules(node, rules, f"{name}{key}.")
        elif f"{name}{key}" in rules:
            ours = node["metadata"].get(KEY, {}) | {"reset": rules[f"{name}{key}"]}
            node = node | {"metadata": node["metadata"] | {KEY: ours}}
        nodes[key] = node
    return tree | {"nodes": nodes}


def _checked(path: Path, network: Network | None, run: RandomRun | None, asked: dict[str, Any]) -> str:
    """Return what running the written file showed.

    Raises:
        GraphError: it needs mending again, or runs otherwise than what was read.
    """
    again = read_graph(path)
    if again.mends:
        raise GraphError(f"{again.mends[0]} even after repair", REPORT, option="repair")
    if network is None:
        return "not compared: the graph does not run yet"
    after = discretised(again, dt_s=_step(again, network), reset=None, readout=None)
    if run is None:
        return "not compared: too many neurons for a quick run"
    if not same_states(run, after):
        raise GraphError("the repaired graph would not run as the file does", REPORT, option="repair")
    samples, steps, _ = run.spikes_BTI.shape
    return f"compared: every spike, current and potential as before, {samples} random samples of {steps} steps"


def _step(again: GraphFile, network: Network) -> float | None:
    return None if "dt_s" in again.graph.metadata.get(KEY, {}) else network.dt_s


def _typed(path: Path) -> list[str]:
    """Return what NIR's own reader, type check and all, says of a file; it warns of nothing that we do not."""
    try:
        nir.read(path)
    except Exception as error:  # its type check raises many kinds
        return [f"NIR's own type check refuses it still: {str(error).splitlines()[0][:160]}"]
    return ["NIR's own reader takes it, with its type check"]
