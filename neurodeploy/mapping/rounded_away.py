"""What the chip's grid takes away: weights, biases, connections that become zero, weights that are clipped."""

from collections.abc import Mapping, Sequence

import numpy as np

from neurodeploy.graph.network import Network
from neurodeploy.memory import row_blocks
from neurodeploy.program.connection import Connection
from neurodeploy.program.dynamics import AnyLayer, DynamicsLayer
from neurodeploy.program.layer import Layer
from neurodeploy.program.program import INPUT


def notes_on_weights(
    network: Network,
    layers: Sequence[AnyLayer],
    connections: Sequence[Connection],
    wholes: Sequence[np.ndarray],
    clipped: Mapping[str, int],
) -> list[str]:
    """Return a sentence for every connection of which nothing is left, and for what else rounds to zero or is clipped.

    Args:
        network: What the layers and connections were made of.
        wholes: Of each of the network's synapses, its weights as integers.
        clipped: By connection, how many weights are larger than the grid's largest.
    """
    lost = {
        one.name: int(sum(((one.weight[rows] != 0) & (whole[rows] == 0)).sum() for rows in row_blocks(one.weight)))
        for one, whole in zip(network.synapses, wholes, strict=True)
    }
    weights = {one.name: int(np.count_nonzero(one.weight)) for one in network.synapses}
    gone = [one for one in network.synapses if weights[one.name] == lost[one.name] > 0]
    notes = [
        f"{one.name}: all {lost[one.name]:,} of its weights round to zero, so nothing passes from {one.source} to "
        f"{one.target}; use more weight bits, calibration data, or another time step"
        for one in gone
    ]
    whole = {one.name for one in gone}
    for what, found in (
        ("round to zero", {name: n for name, n in lost.items() if name not in whole}),
        ("are larger than the grid's largest, which they become", clipped),
    ):
        part = {name: n / weights[name] for name, n in found.items() if n}
        if part:
            most = max(part, key=lambda name: part[name])
            n_found, size = (sum(one[name] for name in part) for one in (found, weights))
            notes.append(f"{n_found:,} of {size:,} weights {what} (most in {most}: {100 * part[most]:.3g} %)")
    for layer in layers:
        biases = np.asarray(network.population(layer.name).bias)
        n_lost = int(((biases != 0) & (_bias(layer) == 0)).sum())
        if n_lost:
            notes.append(f"{layer.name}: {n_lost:,} of {np.count_nonzero(biases):,} biases round to zero")
    silent = _silenced(layers, connections) if gone else []
    if silent:
        notes.append(f"no spike and no bias reaches {', '.join(silent)}: what rounds to zero silences them")
    return notes


def _bias(layer: AnyLayer) -> np.ndarray:
    if isinstance(layer, Layer):
        return layer.numbers["bias"]
    return layer.bias if isinstance(layer, DynamicsLayer) else np.ones(layer.n_neurons)


def _silenced(layers: Sequence[AnyLayer], connections: Sequence[Connection]) -> list[str]:
    """Return the layers that neither the input nor a bias can move, in the order of the flow."""
    moved = {INPUT} | {one.name for one in layers if _bias(one).any()}
    passing = [one for one in connections if one.weight.any()]
    for _ in layers:
        moved |= {one.target for one in passing if one.source in moved}
    return [one.name for one in layers if one.name not in moved]
