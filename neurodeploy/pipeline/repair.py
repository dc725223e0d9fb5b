"""`inspect --repair`: a graph written so that every reader of NIR 1.0 takes it, without changing what it does.

With `--for FRAMEWORK`: the same network, as that framework's importer does it right.
"""

from pathlib import Path
from typing import Any

import nir
import numpy as np

from neurodeploy.backends import reference
from neurodeploy.backends.trace import Trace
from neurodeploy.errors import FrameworkError, GraphError
from neurodeploy.files import written_whole
from neurodeploy.frameworks.write.fit import Fitted, check_for, fitted
from neurodeploy.graph.doctor.conditions import facts_of
from neurodeploy.graph.doctor.frameworks import Framework, frameworks, held_rules
from neurodeploy.graph.doctor.problems import of_wiring
from neurodeploy.graph.files import GraphFile, mended, read_graph, stored_graph, write_graph
from neurodeploy.graph.mends import Mends
from neurodeploy.graph.metadata import FORMAT, INTEGRATION, KEY
from neurodeploy.graph.network import Network, discretised
from neurodeploy.graph.nodes import built
from neurodeploy.graph.normal import added, with_rules
from neurodeploy.graph.stored import GRAPH, Tree
from neurodeploy.phrases import plural
from neurodeploy.pipeline.measured_targets import RandomRun, same_states

REPORT = "this is a bug; report it and attach the file"
UNSURE = "NIR's definition"
LEAST = 0.999
"""Of the spikes on the reference that the written graph must share; rounding moves one where a potential meets its
threshold, and one that moves can move others."""
NUDGE = ("at the threshold",)
"""Changes that are taken care of by the numbers that are written, though the importer still makes them."""


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
    graph = built(str(out), _without_dead(tree, lines))
    if network is not None:
        graph = _with_settings(graph, network, asked, lines)
    with written_whole(out) as beside:
        write_graph(beside, graph)
        lines.append(_checked(beside, network, run))
        try:
            nir.read(beside)
            lines.append("NIR's own reader takes it, with its type check")
        except Exception as error:  # its type check raises many kinds
            lines.append(f"NIR's own type check refuses it still: {str(error).splitlines()[0][:160]}")
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


def _with_settings(graph: nir.NIRGraph, network: Network, asked: dict[str, Any], lines: list[str]) -> nir.NIRGraph:
    """Return a graph that carries the time step, the readout and the reset rules that it was read with."""
    known = graph.metadata.get(KEY, {})
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
    graph = with_rules(graph, "", rules)
    graph.metadata = added(graph.metadata, new) if new else graph.metadata
    return graph


def _checked(path: Path, network: Network | None, run: RandomRun | None) -> str:
    """Return what running the written file showed; raises GraphError where it is not what was read."""
    again = read_graph(path)
    if again.mends:
        raise GraphError(f"{again.mends[0]} even after repair", REPORT, option="repair")
    if network is None:
        return "not compared: the graph does not run yet"
    after = discretised(again, dt_s=None if "dt_s" in again.graph.metadata.get(KEY, {}) else network.dt_s)
    if run is None:
        return "not compared: too many neurons for a quick run"
    if not same_states(run, after):
        raise GraphError("the repaired graph would not run as the file does", REPORT, option="repair")
    return f"compared: every spike, current and potential as before, {_extent(run)}"


def repaired_for(
    name: str, file: GraphFile | None, network: Network | None, run: RandomRun | None, out: str | Path
) -> list[str]:
    """Write a network as an importer does it right, and return what was done and what it does there, in lines.

    Empty where the graph does not run, so that nothing can be written.

    Raises:
        FrameworkError: no such framework.
        GraphError: what was written would not run as what was read does.
        RunError: `out` cannot be written.
    """
    check_for(name)
    if file is None or network is None:
        return []
    framework = next(one for one in frameworks() if one.name == name)
    with written_whole(out) as beside:
        for nudge in (True, False):  # without, where it would take a spike from the file's own neurons
            made = fitted(name, file.graph, network, nudge=nudge)
            write_graph(beside, made.graph)
            after = discretised(read_graph(beside))
            agreement = _on_reference(made, after, run)
            if agreement in (None, 1.0):
                break
        lines = [*(made.lines or ["nothing had to be written otherwise"]), _compared(agreement, run)]
        lines += _still(framework, beside, after)
        lines.append(_in_framework(framework, beside, after, run))
    return lines


def _on_reference(made: Fitted, after: Network, run: RandomRun | None) -> float | None:
    """Return how many of the file's spikes the written graph has on our reference; None where it was not run."""
    if run is None:
        return None
    trace = reference.run(after, run.spikes_BTI, record=True)
    found = {made.names.get(name, name): layer.spikes_BTN for name, layer in trace.layers.items()}
    missing = run.network.output not in found or not found.keys() <= run.trace.layers.keys()
    return 0.0 if missing else _agreement(found, run.trace)


def _compared(agreement: float | None, run: RandomRun | None) -> str:
    """Return what the comparison on the reference showed; raises GraphError where too few spikes are the file's."""
    if run is None or agreement is None:
        return "not compared: too many neurons for a quick run"
    if agreement < LEAST:
        raise GraphError(f"the written graph has {agreement:.1%} of the file's spikes", REPORT, option="for_framework")
    shared = "every spike" if agreement == 1 else f"{agreement:.3%} of the spikes, the rest moved by rounding,"
    return f"compared: {shared} as in the file on the reference, {_extent(run)}"


def _agreement(found: dict[str, np.ndarray], expected: Trace) -> float | None:
    """Return twice the spikes in common over the sum of both; 1 where there are none at all, None without a layer."""
    pairs = [(spikes.astype(bool), expected.layers[name].spikes_BTN) for name, spikes in found.items()]
    if not pairs:
        return None
    total = sum(int(a.sum()) + int(b.sum()) for a, b in pairs)
    return 2 * sum(int((a & b).sum()) for a, b in pairs) / total if total else 1.0


def _still(framework: Framework, path: Path, after: Network) -> list[str]:
    tree, _ = mended(path, stored_graph(path))
    found: dict[str, list[str]] = {}
    for name, facts in facts_of(tree, after.dt_s, after).items():
        kind = facts.node["type"]
        reasons = [one.reason for one in held_rules(framework, facts) if one.change not in NUDGE]
        if kind not in framework.takes:
            reasons = [f"{framework.title} {framework.version} has no importer for {kind}"]
        for reason in reasons:
            found.setdefault(reason, []).append(name)
    lines = []
    for reason, names in found.items():
        more = f" and {len(names) - 6} more" if len(names) > 6 else ""
        lines.append(f"still otherwise there, {', '.join(names[:6])}{more}: {reason}")
    return lines


def _in_framework(framework: Framework, path: Path, after: Network, run: RandomRun | None) -> str:
    """Return how many of the written graph's spikes the framework itself gives."""
    from neurodeploy.frameworks.run import run_graph  # with torch, which inspect does without
    from neurodeploy.installed import installed

    if run is None:
        return f"not run in {framework.title}: too many neurons for a quick run"
    if not installed(framework.name):
        return f"not run in {framework.title}: it is not installed"
    rule = next((one.reset for one in after.populations if one.spiking), "zero")
    try:
        there = run_graph(framework.name, path, run.spikes_BTI, dt_s=None, reset=rule)
    except (FrameworkError, GraphError) as error:
        return f"{framework.title} does not run it: {error.problem}"
    trace = reference.run(after, run.spikes_BTI, record=True)
    found = {name: spikes for name, spikes in there.spikes.items() if name in trace.layers}
    agreement = _agreement(found, trace)
    if agreement is None:
        return f"run in {framework.title} {there.version}: it lets no neurons be seen"
    shared = "every spike is" if agreement == 1 else f"{agreement:.1%} of the spikes are"
    return f"run in {framework.title} {there.version}, by its importer: {shared} the file's"


def _extent(run: RandomRun) -> str:
    samples, steps, _ = run.spikes_BTI.shape
    return f"{plural(samples, 'random sample')} of {plural(steps, 'step')}"
