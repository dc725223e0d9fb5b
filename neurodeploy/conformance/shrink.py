"""A network that fails, made as small as it can be while it still fails.

Every part of a network is an item that can be left out: samples, steps, layers, connections,
neurons, weights, spikes. Chunks of items are left out, halves first, as long as it still fails.
Axes: B sample, T step, I input channel, N neuron of a layer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
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
    return _fewest(network, len(network.spikes), lambda kept: network.with_spikes(network.spikes[kept]), fails)


def _fewer_steps(network: Network, fails: Tried) -> Network:
    return _fewest(network, network.spikes.shape[1], lambda kept: network.with_spikes(network.spikes[:, kept]), fails)


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
    all_of_them = network.program.connections
    return _fewest(
        network, len(all_of_them), lambda kept: network.changed(connections=[all_of_them[i] for i in kept]), fails
    )


def _fewer_neurons(network: Network, fails: Tried) -> Network:
    for name in (INPUT, *(layer.name for layer in network.program.layers)):
        network = _fewer_of(network, name, fails)
    return network


def _fewer_of(network: Network, name: str, fails: Tried) -> Network:
    size = network.program.n_inputs if name == INPUT else network.program.layer(name).n_neurons
    return _fewest(network, size, lambda kept: parts.keep_neurons(network, {name: np.array(kept)}), fails)


def _smaller_windows(network: Network, fails: Tried) -> Network:
    """Take rows, columns and channels off a convolution's two ends; or make a matrix of it."""
    again = True
    while again:
        again = False
        for candidate in parts.smaller_windows(network):
            if fails(candidate):
                network, again = candidate, True
                break
    return network


def _fewer_weights(network: Network, fails: Tried) -> Network:
    for index in range(len(network.program.connections)):
        network = _fewer_weights_of(network, index, fails)
    return network


def _fewer_weights_of(network: Network, index: int, fails: Tried) -> Network:
    one = network.program.connections[index]
    there = np.flatnonzero(one.weight)

    def keep(kept: Sequence[int]) -> Network | None:
        return parts.with_connection(network, index, replace(one, weight=_only(one.weight, there[list(kept)])))

    return _fewest(network, len(there), keep, fails, none_allowed=True)


def _fewer_spikes(network: Network, fails: Tried) -> Network:
    there = np.flatnonzero(network.spikes)
    return _fewest(
        network,
        len(there),
        lambda kept: network.with_spikes(_only(network.spikes, there[list(kept)])),
        fails,
        none_allowed=True,
    )


def _plain_parameters(network: Network, fails: Tried) -> Network:
    """Set each parameter of layers and connections to the value that does least."""
    index = 0
    while index < len(choices := list(_plainer(network))):
        if fails(choices[index]):
            network = choices[index]
        else:
            index += 1
    return network


def _plainer(network: Network) -> Iterator[Network]:
    yield from (one for one in parts.plainer_layers(network) if one)
    yield from (one for one in parts.plainer_connections(network) if one)
    yield from (one for one in parts.plainer_program(network) if one)


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
