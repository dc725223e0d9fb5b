"""What keeps a graph from being deployed, or makes it another network elsewhere; found in the stored graph."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from neurodeploy.graph.euler import FLOAT32_SLACK, Population
from neurodeploy.graph.network import AnyPopulation, Network
from neurodeploy.graph.node_table import NODES
from neurodeploy.graph.node_type import Stateless
from neurodeploy.graph.stored import GRAPH, Tree
from neurodeploy.phrases import Phrase

STOPS, WARNS = "stops", "warns"
LONG_S = 0.5
"""A time constant from here on is likely in milliseconds or steps: membranes and synapses take 1 to 100 ms."""
LONG_STEPS = 10_000
TAUS = ("tau", "tau_mem", "tau_syn")


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, or not said.

    Attributes:
        kind: One word: file, dt, reset, readout, edges, shapes, units, values, dead, unsupported, ...
        node: Flat name, empty for the graph.
        severity: "stops" where no target can run it, or all would have to guess; else "warns".
        text: What was found.
        remedy: What to do.
    """

    kind: str
    node: str
    severity: str
    text: str
    remedy: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def flat(tree: Tree, name: str = "") -> Iterator[tuple[str, Tree]]:
    """Yield every node of a stored graph and of those in it, by its flat name; none of unknown make."""
    nodes = tree.get("nodes")
    for key, node in nodes.items() if isinstance(nodes, dict) else ():
        if not isinstance(node, dict):
            continue
        if node.get("type") == GRAPH:
            yield from flat(node, f"{name}{key}.")
        else:
            yield f"{name}{key}", node


def of_values(tree: Tree) -> Iterator[Problem]:
    """Yield parameters that hold NaN, infinity, or no numbers."""
    for name, node in flat(tree):
        for key, value in node.items():
            if key in ("type", "metadata") or value is None or isinstance(value, dict | str):
                continue
            found = np.asarray(value)
            if found.dtype.kind not in "biuf":
                yield Problem("values", name, STOPS, f"{key} holds {found.dtype}, real numbers are needed")
            elif not np.isfinite(found).all():
                odd = int((~np.isfinite(found)).sum())
                text = f"{key} holds {odd} of {found.size} values that are NaN or infinite"
                yield Problem("values", name, STOPS, text, "train again from before they appeared, or export again")


def of_units(tree: Tree, dt_s: float | None) -> Iterator[Problem]:
    """Yield time constants that no step fits, or that are likely in another unit, and idle thresholds."""
    for name, node in flat(tree):
        for key in TAUS:
            found = _numbers(node.get(key))
            if found is None:
                continue
            low, high = float(found.min()), float(found.max())
            if low <= 0:
                text = f"{key} reaches down to {low:g} s, so its state grows without bound instead of decaying"
                yield Problem("units", name, STOPS, text, "clip the decay to below 1 in training, and export again")
            elif dt_s is not None and dt_s > low * (1 + FLOAT32_SLACK):
                text = f"{key} is {low:g} s, shorter than a time step of {dt_s:g} s"
                remedy = Phrase("check the unit of {key}, or give {dt_s:{low:.3g}} or less", key=key, low=low)
                yield Problem("units", name, STOPS, text, remedy)
            elif high >= LONG_S or (dt_s is not None and high > LONG_STEPS * dt_s):
                steps = "" if dt_s is None else f", {high / dt_s:.4g} steps"
                text = f"{key} is {high:.4g} s{steps}: likely {high:.4g} ms, or so many steps"
                remedy = Phrase("NIR wants seconds; rescale {key}, or give {dt_s} in its unit", key=key)
                yield Problem("units", name, WARNS, text, remedy)
        threshold = _numbers(node.get("v_threshold", node.get("threshold")))
        reset = _numbers(node.get("v_reset", 0.0))
        if threshold is None or reset is None or reset.size not in (1, threshold.size):
            continue
        if (threshold.ravel() <= reset.ravel()).any():
            text = "a threshold is not above its reset potential, so the neuron never rests"
            yield Problem("values", name, STOPS, text, "raise the threshold, or lower v_reset")


def of_wiring(tree: Tree, name: str = "") -> Iterator[Problem]:
    """Yield edges without a node at an end, nodes that reach no output, and those that nothing reaches."""
    nodes = {key: node for key, node in tree.get("nodes", {}).items() if isinstance(node, dict)}
    for key, node in nodes.items():
        if node.get("type") == GRAPH:
            yield from of_wiring(node, f"{name}{key}.")
    edges = _edges(tree)
    if not edges:
        return
    for source, target in edges:
        for end in (source, target):
            if end not in nodes:
                text = f"edge {source} -> {target} names {end!r}, which is not a node"
                yield Problem("edges", name[:-1], STOPS, text, "remove the edge, or name the node it meant")
    after = _reached(edges, [key for key, node in nodes.items() if node.get("type") == "Input"])
    before = _reached([(b, a) for a, b in edges], [k for k, node in nodes.items() if node.get("type") == "Output"])
    for key in nodes:
        if after and key not in after:
            text = "the input does not reach it"
            yield Problem("dead", f"{name}{key}", STOPS, text, "connect it, or remove it")
        elif before and key not in before:
            text = "no path leads from it to the output, so it changes nothing"
            yield Problem("dead", f"{name}{key}", WARNS, text, Phrase("{repair} leaves it out"))


def _edges(tree: Tree) -> list[tuple[str, str]]:
    """Return the edges of a graph, as stored or mended; none where they are no pairs of names."""
    found = tree.get("edges")
    pairs = [] if found is None or np.ndim(found) == 0 else [tuple(edge) for edge in found if np.ndim(edge) == 1]
    return [(str(one[0]), str(one[1])) for one in pairs if len(one) == 2]


def _reached(edges: list[tuple[str, str]], start: list[str]) -> set[str]:
    found, waiting = set(start), list(start)
    while waiting:
        before = waiting.pop()
        new = [b for a, b in edges if a == before and b not in found]
        found.update(new)
        waiting += new
    return found


def of_transposed(tree: Tree) -> Iterator[Problem]:
    """Yield weights that fit their neighbours only with rows and columns swapped."""
    nodes = {key: node for key, node in tree.get("nodes", {}).items() if isinstance(node, dict)}
    for key, node in nodes.items():
        weight = _numbers(node.get("weight"))
        shape = () if weight is None else weight.shape
        entry = NODES.get(str(node.get("type")))
        if not (isinstance(entry, Stateless) and entry.matrix) or len(shape) != 2 or shape[0] == shape[1]:
            continue
        edges = _edges(tree)
        sizes = [_size(nodes.get(a, {})) for a, b in edges if b == key]
        follow = [_size(nodes.get(b, {})) for a, b in edges if a == key]
        if {shape[0]} == set(sizes) and {shape[1]} == set(follow):
            text = f"weights are {shape}, but {shape[0]} values arrive and {shape[1]} are taken after it"
            remedy = "NIR's weights are (outputs, inputs): transpose all of the file's"
            yield Problem("shapes", key, STOPS, text, remedy)


def _size(node: Tree) -> int | None:
    kind = node.get("type")
    if kind in ("Input", "Output"):
        shape = _numbers(node.get("shape"))
        return None if shape is None else int(np.prod(shape))
    fields = NODES[kind].fields.values if kind in NODES else ()
    return int(np.size(node[fields[0]])) if fields and fields[0] in node else None


def _numbers(value: Any) -> np.ndarray | None:
    found = np.asarray(value)
    if value is None or found.dtype.kind not in "biuf" or not found.size or not np.isfinite(found).all():
        return None
    return found.astype(np.float64)


SLOW_STEPS = 1000
"""Steps to the first spike, with every input spiking in every one, from which on a layer is as good as silent."""


def whole_steps(tree: Tree) -> float | None:
    """Return the time step that adds weights whole, seconds; None for a graph without neurons that never leak (IF).

    A step of dt adds r * dt of a weight. Frameworks add weights whole and store r = 1: only a step of 1 keeps that.
    """
    found = [np.asarray(node["r"]) for _, node in flat(tree) if node.get("type") == "IF" and "r" in node]
    rates = [float(np.median(one)) for one in found if one.dtype.kind in "iuf" and one.size and (one > 0).all()]
    return 1 / max(rates) if rates else None


def of_slow(network: Network) -> Iterator[Problem]:
    """Yield the populations without a leak whose first spike takes a great many steps whatever the input."""
    for one in network.populations:
        if not isinstance(one, Population) or not one.spiking or not (one.beta == 1).all():
            continue
        steps = steps_to_first_spike(network, one)
        if steps <= SLOW_STEPS:
            continue
        first = "it never spikes" if np.isinf(steps) else f"its first spike takes at least {steps:,.0f} steps"
        text = f"with every input spiking in every step, {first} of {network.dt_s:g} s: a step adds r * dt of a weight"
        gain = float(np.median(one.current_gain * one.input_gain))
        remedy = Phrase(
            "give {dt_s:{whole:.3g}}, which adds weights whole, if it was trained so", whole=network.dt_s / gain
        )
        yield Problem("units", one.name, WARNS, text, remedy)


def steps_to_first_spike(network: Network, one: AnyPopulation) -> float:
    """Return the least steps from rest to the first spike of any neuron of a population without a leak.

    A neuron that gains g thresholds a step spikes in the first step n with n g > 1.
    """
    most = np.zeros(one.n_neurons)
    for synapses in network.into(one.name):
        rows = _sums(synapses.weight)
        most += np.repeat(rows, one.n_neurons // len(rows))
    drift = one.drift if isinstance(one, Population) else 0.0
    gain = float((one.weight_gain * (most + one.bias) + drift).max())
    return float(np.floor(1 / gain)) + 1 if gain > 0 else np.inf


def _sums(weight: np.ndarray) -> np.ndarray:
    return np.maximum(weight, 0).reshape(len(weight), -1).sum(axis=1)
