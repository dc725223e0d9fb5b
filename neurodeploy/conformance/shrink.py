"""A network that fails, made as small as it can be while it still fails.

Every part of a network is an item that can be left out: samples, steps, layers, connections,
neurons, weights, spikes. Chunks of items are left out, halves first, as long as it still fails.
Axes: B sample, T step, I input channel, N neuron of a layer.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from neurodeploy.backends.trace import check_spikes
from neurodeploy.conformance import reductions as parts
from neurodeploy.conformance.engines import readable
from neurodeploy.conformance.reductions import Network
from neurodeploy.errors import NeurodeployError
from neurodeploy.program.program import INPUT

Fails = Callable[[Network], bool]
Tried = Callable[[Network | None], bool]
"""`Fails` that also takes the None of parts that make no network."""

SECONDS = 60.0
"""How long a network is made smaller; with Lava a try takes about half a second."""


def shrink(network: Network, fails: Fails, *, seconds: float = SECONDS) -> Network:
    """Return the smallest network found for which `fails` is still true.

    Args:
        fails: Asked about many networks; an error of ours in it counts as "does not fail".
    """
    ends = time.monotonic() + seconds

    def still_fails(candidate: Network | None) -> bool:
        if candidate is None or time.monotonic() > ends:
            return False
        try:
            check_spikes(candidate.spikes, candidate.program.n_inputs, "", graded=candidate.program.graded_input)
            return fails(candidate)
        except NeurodeployError:
            return False

    while True:
        before = network
        for make_smaller in PASSES:
            network = make_smaller(network, still_fails)
        if network is before or time.monotonic() > ends:
            return network


def _fewer_samples(network: Network, fails: Tried) -> Network:
    spikes = network.spikes
    return _fewest(network, len(spikes), lambda kept: replace(network, spikes=spikes[kept]), fails)


def _fewer_steps(network: Network, fails: Tried) -> Network:
    spikes = network.spikes
    return _fewest(network, spikes.shape[1], lambda kept: replace(network, spikes=spikes[:, kept]), fails)


def _one_layer(network: Network, fails: Tried) -> Network:
    """Cut a layer out: what its source sends becomes the input."""
    if len(network.program.layers) == 1:
        return network
    trace = readable()(network.program, network.spikes)
    for layer in network.program.layers:
        for source in dict.fromkeys(one.source for one in network.program.into(layer.name)):
            sent = network.spikes if source == INPUT else trace.layers[source].spikes_BTN
            candidate = parts.cut_out(network, layer.name, source, sent)
            if fails(candidate):
                assert candidate
                return candidate
    return network


def _fewer_layers(network: Network, fails: Tried) -> Network:
    layers = network.program.layers
    return _fewest(network, len(layers), lambda kept: parts.keep_layers(network, [layers[i] for i in kept]), fails)


def _fewer_connections(network: Network, fails: Tried) -> Network:
    every = network.program.connections
    return _fewest(network, len(every), lambda kept: network.changed(connections=[every[i] for i in kept]), fails)


def _fewer_neurons(network: Network, fails: Tried) -> Network:
    for name in (INPUT, *(layer.name for layer in network.program.layers)):
        size = network.program.n_inputs if name == INPUT else network.program.layer(name).n_neurons
        network = _fewest(network, size, partial(_neurons_kept, network, name), fails)
    return network


def _neurons_kept(network: Network, name: str, kept: list[int]) -> Network | None:
    return parts.keep_neurons(network, {name: np.array(kept)})


def _smaller_windows(network: Network, fails: Tried) -> Network:
    """Take rows, columns and channels off a convolution's two ends; or make a matrix of it."""
    while (smaller := next(filter(fails, parts.smaller_windows(network)), None)) is not None:
        network = smaller
    return network


def _fewer_weights(network: Network, fails: Tried) -> Network:
    for index, one in enumerate(network.program.connections):
        there = np.flatnonzero(one.weight)
        keep = partial(_weights_kept, network, index, there)
        network = _fewest(network, len(there), keep, fails, none_allowed=True)
    return network


def _weights_kept(network: Network, index: int, there: np.ndarray, kept: list[int]) -> Network | None:
    one = network.program.connections[index]
    return parts.with_connection(network, index, replace(one, weight=_only(one.weight, there[kept])))


def _fewer_spikes(network: Network, fails: Tried) -> Network:
    spikes, there = network.spikes, np.flatnonzero(network.spikes)
    return _fewest(
        network, len(there), lambda kept: replace(network, spikes=_only(spikes, there[kept])), fails, none_allowed=True
    )


def _plain_parameters(network: Network, fails: Tried) -> Network:
    """Set each parameter of layers and connections to the value that does least."""
    index = 0
    while index < len(choices := [one for one in parts.plainer(network) if one]):
        if fails(choices[index]):
            network = choices[index]
        else:
            index += 1
    return network


PASSES: tuple[Callable[[Network, Tried], Network], ...] = (
    _fewer_samples,
    _one_layer,
    _fewer_layers,
    _fewer_connections,
    _fewer_steps,
    _smaller_windows,
    _fewer_neurons,
    _fewer_weights,
    _plain_parameters,
    _fewer_spikes,
)


def _fewest(
    network: Network,
    n_items: int,
    keep: Callable[[list[int]], Network | None],
    fails: Tried,
    *,
    none_allowed: bool = False,
) -> Network:
    """Return the network of the fewest items, kept by their index, that still fails."""
    kept, size = list(range(n_items)), n_items
    while size:
        first = 0
        while first < len(kept):
            fewer = kept[:first] + kept[first + size :]
            candidate = keep(fewer) if fewer or none_allowed else None
            if candidate is not None and fails(candidate):
                network, kept = candidate, fewer
            else:
                first += size
        size //= 2
    return network


def _only(values: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Return the array with zeros everywhere but at the flat positions."""
    left: Any = np.zeros_like(values)
    left.flat[positions] = values.flat[positions]
    return left
