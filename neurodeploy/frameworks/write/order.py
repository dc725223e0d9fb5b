"""Order of nodes and edges, and graphs in graphs: what importers read into them."""

import nir
import numpy as np

from neurodeploy.frameworks.write.draft import Draft
from neurodeploy.graph.node_table import LEAKY, MATRICES


def unnested(draft: Draft) -> None:
    """Take out the Input and Output nodes of graphs in graphs, which pass values on."""
    passing = [
        name
        for name in draft.of(nir.Input, nir.Output)
        if (draft.sources(name) if isinstance(draft.nodes[name], nir.Input) else draft.targets(name))
    ]
    for name in passing:
        ends = [(a, b) for a in draft.sources(name) for b in draft.targets(name)]
        draft.edges = [edge for edge in draft.edges if name not in edge] + ends
        del draft.nodes[name]
    inner = list(dict.fromkeys(name.rpartition(".")[0] for name in passing))
    draft.say(inner, "graph in the graph written out")


def without_dead_ends(draft: Draft) -> None:
    """Leave out nodes from which no path leads to the output: nothing can tell that they are gone."""
    alive = set(draft.of(nir.Output))
    waiting = list(alive)
    while waiting:
        found = [one for one in draft.sources(waiting.pop()) if one not in alive]
        alive.update(found)
        waiting += found
    dead = [name for name in draft.nodes if name not in alive]
    draft.nodes = {name: node for name, node in draft.nodes.items() if name in alive}
    draft.edges = [(a, b) for a, b in draft.edges if a in alive and b in alive]
    draft.say(dead, "left out, for no path leads from it to the output")


def output_last(draft: Draft) -> None:
    """Put the edges of loops before others, so that a walk from the input, depth first, ends at the output."""
    back = [edge for edge in draft.edges if draft.in_loop(*edge)]
    rest = [edge for edge in draft.edges if edge not in back]
    if [*back, *rest] != draft.edges and any(len(draft.targets(a)) > 1 for a, _ in back):
        draft.edges = [*back, *rest]
        draft.lines.append("edges of loops put first, so that the output is what is run last")


def loops_as_graphs(draft: Draft) -> None:
    """Put neurons and their own recurrent weights into graphs, and name all nodes in the order of the flow."""
    loops = {}
    for name in draft.of(*LEAKY):
        for weights in draft.targets(name):
            only = draft.targets(weights) == [name] == draft.sources(weights)
            if only and isinstance(draft.nodes[weights], MATRICES):
                loops[name] = weights
    if not loops:
        return
    for name, weights in loops.items():
        edge = np.ravel(draft.nodes[name].output_type["output"])
        inner = {
            "a_in": nir.Input({"input": edge}),
            "b_neurons": draft.nodes[name],
            "c_weights": draft.nodes[weights],
            "d_out": nir.Output({"output": edge}),
        }
        edges = [("a_in", "b_neurons"), ("b_neurons", "c_weights"), ("c_weights", "b_neurons"), ("b_neurons", "d_out")]
        draft.nodes[name] = nir.NIRGraph(inner, edges, type_check=False)
        del draft.nodes[weights]
        draft.edges = [edge for edge in draft.edges if weights not in edge]
    ordered = _in_order(draft)
    new = {name: f"n{at:03d}_{name.replace('.', '_')}" for at, name in enumerate(ordered)}
    inside = {name: f"{new[name]}.b_neurons" if name in loops else new[name] for name in ordered}
    draft.names = {inside[name]: draft.names[name] for name in ordered if name in draft.names}
    draft.resets = {inside[name]: rule for name, rule in draft.resets.items() if name in inside}
    draft.nodes = {new[name]: draft.nodes[name] for name in ordered}
    draft.edges = [(new[a], new[b]) for a, b in draft.edges]
    draft.say(list(loops), "recurrent layer put into a graph of its own, nodes named in the order of the flow")


def _in_order(draft: Draft) -> list[str]:
    """Return the nodes so that each comes after its sources, loops cut where they come back."""
    finished: list[str] = []
    entered: set[str] = set()
    start = draft.of(nir.Input)[0]
    waiting: list[tuple[str, list[str]]] = [(start, list(draft.targets(start)))]
    entered.add(start)
    while waiting:
        name, rest = waiting[-1]
        if not rest:
            finished.append(name)
            waiting.pop()
            continue
        one = rest.pop()
        if one not in entered:
            entered.add(one)
            waiting.append((one, list(draft.targets(one))))
    return finished[::-1]
