"""What a module returns: which layer is its output, and what the class is read from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from neurodeploy.errors import FrameworkError
from neurodeploy.reading.instances import INPUT_NODE, misplaced
from neurodeploy.reading.labels import NOTHING, Track, split
from neurodeploy.reading.leaves import Neurons
from neurodeploy.reading.operations import tensors
from neurodeploy.reading.recorder import Recorder
from neurodeploy.reading.wiring import Wiring

BY_STEPS = {
    ("max",): "v_max",
    ("sum",): "v_sum",
    ("mean",): "v_sum",
    ("softmax", "sum"): "softmax",
    ("softmax", "mean"): "softmax",
}

WEIGHT_ROUNDING = 1e-6
"""Part of a weight by which the same ones may differ: modules compute them in float32."""


@dataclass(frozen=True, eq=False)
class Output:
    """The layer that a module's class is read from.

    Attributes:
        potential: The potential is read, not the spikes.
        summed: The output of a layer without neurons, summed over the run.
        readout: "spikes", "v_last", "v_max", "v_sum" or "softmax".
    """

    node: int
    potential: bool
    summed: bool
    readout: str
    notes: tuple[str, ...] = ()


def output_of(recorder: Recorder, wiring: Wiring, result: Any, asked: str | None) -> Output:
    """Return the output of a module that gave `result`.

    Raises:
        FrameworkError: it gives nothing that is followed, or several layers that nothing follows.
    """
    found: dict[int, list[Track]] = {}
    lost = ""
    for tensor in tensors(result):
        track = recorder.known(tensor)
        if track is not None and not track.lost and not _alike(track):
            raise FrameworkError(
                "module: its output weighs some steps or neurons more than others, which no readout does; return the "
                "spikes or the potential of the last layer"
            )
        if track is None or track.lost:
            lost = lost or (track.lost if track is not None else "")
            continue
        nodes = _nodes(track)
        if len(nodes) == 1:
            found.setdefault(min(nodes) & ~1, []).append(track)
    after = {node: _following(wiring, node) for node in found if node in wiring.instances}
    # What follows an output is at most a loop that leads back to it.
    ends = [node for node, those in after.items() if all(node in _following(wiring, one) for one in those)]
    if len(ends) != 1:
        if lost and not ends:
            raise FrameworkError(misplaced(lost, "the output"))
        names = ", ".join(wiring.name(one) for one in ends) or "none"
        raise FrameworkError(
            f"module: its output must come from one layer that nothing follows, found {names}; return the spikes "
            "or the potential of the last layer"
        )
    node = ends[0]
    tracks = found[node]
    if not isinstance(wiring.instances[node].leaf, Neurons):
        return _summed(wiring, node, tracks, asked)
    if any(_nodes(one) == {node} for one in tracks):
        if asked not in (None, "spikes"):
            return Output(node, True, False, asked or "v_max")
        return Output(node, False, False, "spikes")
    return _by_potential(wiring, node, tracks, asked)


def _alike(track: Track) -> bool:
    """Return whether every number in the output counts the same, so that the class is the layer's own.

    One that is added several times at a place counts as often: a mean of potentials that are sums of all inputs so
    far counts the early ones more.
    """
    counted: dict[tuple[int, int], float] = {}
    for factor, found in track.terms:
        factors = np.broadcast_to(np.asarray(factor), found.shape).ravel().tolist()
        for place, (label, own) in enumerate(zip(found.ravel().tolist(), factors, strict=True)):
            if label != NOTHING:
                counted[place, label] = counted.get((place, label), 0.0) + own
    weights = np.array(list(counted.values()))
    return not weights.size or bool(np.ptp(weights) <= WEIGHT_ROUNDING * np.abs(weights).max())


def _following(wiring: Wiring, start: int) -> set[int]:
    """Return the layers that a layer's spikes get to, in any number of steps."""
    waiting, seen = [start], set[int]()
    while waiting:
        here = waiting.pop()
        for node, terms in wiring.terms.items():
            if node not in seen and any(term.source & ~1 == here for term in terms):
                seen.add(node)
                waiting.append(node)
    return seen


def _nodes(track: Track) -> set[int]:
    return track.senders - {INPUT_NODE}


def _summed(wiring: Wiring, node: int, tracks: list[Track], asked: str | None) -> Output:
    name = wiring.name(node)
    if asked not in (None, "v_last") or any(set(one.steps) - {"sum", "mean"} for one in tracks):
        raise FrameworkError(f"{name}: ends the network without neurons; its sum over the run can be read (v_last)")
    note = f"{name}: nothing follows it; neurons that add up its output are read after the last step (v_last)"
    return Output(node, True, True, "v_last", (note,))


def _by_potential(wiring: Wiring, node: int, tracks: list[Track], asked: str | None) -> Output:
    name = wiring.name(node)
    if asked is not None:
        return Output(node, True, False, asked)
    for track in tracks:
        steps = {int(one) // wiring.n_samples for _, found in track.terms for one in np.unique(split(found.numpy())[1])}
        if track.steps in BY_STEPS:
            return Output(node, True, False, BY_STEPS[track.steps])
        if len(track.terms) > 1:
            return Output(node, True, False, "v_sum")
        if steps == {wiring.n_steps - 1}:
            return Output(node, True, False, "v_last")
    note = f"{name}: its potential at every step is returned; the class is taken from the largest, readout= changes it"
    return Output(node, True, False, "v_max", (note,))
