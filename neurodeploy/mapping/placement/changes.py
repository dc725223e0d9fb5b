"""Changes to a Program that could make it smaller on a chip. Each returns a new Program; none is trained again.

Axes: O neurons a connection ends on, I neurons it starts from, N neurons of a layer.
"""

from __future__ import annotations

import weakref
from dataclasses import replace
from typing import Any

import numpy as np

from neurodeploy.mapping.placement.encoding import declared_bits
from neurodeploy.memory import alike, row_blocks
from neurodeploy.program.connection import Connection
from neurodeploy.program.dynamics import AnyLayer
from neurodeploy.program.layer import Layer
from neurodeploy.program.program import Program


def with_weight_bits(program: Program, bits: int) -> Program:
    """Return the Program with weights of at most so many bits, rounded on the grid of their largest."""
    connections, widths = [], {}
    for one in program.connections:
        widths[one.name] = min(bits, declared_bits(program, one))
        if declared_bits(program, one) > bits:
            largest = max(int(one.held.max(initial=0)), -int(one.held.min(initial=0)))
            shift, most = max(1, largest.bit_length() - bits + 1), (1 << bits - 1) - 1
            half = (1 << shift - 1) - 1
            weight: np.ndarray = np.empty(one.weight.shape, np.int16)
            for rows in row_blocks(weight):
                some = one.held[rows].astype(np.int16, copy=False)  # to the nearest multiple of 2^shift, ties to even
                weight[rows] = np.clip(some + (half + ((some >> shift) & 1)) >> shift, -most, most) << shift
            one = replace(one, weight=weight)
        connections.append(one)
    known = program.plan.get("connections", {})
    plan = {name: {**known.get(name, {}), "weight_bits": width} for name, width in widths.items()}
    return replace(program, connections=tuple(connections), plan={**program.plan, "connections": plan})


def pruned(program: Program, part: float) -> Program:
    """Return the Program with the smallest weights of every connection set to 0: `part` of them, zeros included."""
    connections = []
    for one in program.connections:
        most, small = _smallest(one, part), np.empty_like(one.weight)
        for rows in row_blocks(small):
            small[rows] = one.weight[rows] * (np.abs(one.held[rows]) > most)
        connections.append(replace(one, weight=small))
    return replace(program, connections=tuple(connections))


def _smallest(one: Connection, part: float) -> int:
    """Return the size of weight that `part` of a connection's weights do not exceed, zeros included.

    There are few sizes, so that counting each is enough; it is numpy's quantile with method "lower".
    """
    if one.weight.size <= 1:
        return 0
    return int(np.searchsorted(np.cumsum(_sizes(one)), int((one.weight.size - 1) * part), side="right"))


def _sizes(one: Connection) -> np.ndarray:
    """Return how many weights of each size, from 0 to 256, a connection has; counted once while it is there."""
    if one not in _COUNTED:
        counts = np.zeros(257, np.int64)
        for rows in row_blocks(one.held):
            counts += np.bincount(np.abs(one.held[rows]).ravel(), minlength=257)
        _COUNTED[one] = counts
    return _COUNTED[one]


def without_last(program: Program, name: str, n_neurons: int) -> Program:
    """Return the Program whose layer `name` has its first `n_neurons` only; for layers between matrices."""

    def cut(one: Connection) -> Connection:
        weight, delay = one.weight, one.delay
        exponents = one.weight_exp
        if one.target == name:
            weight = weight[:n_neurons]
            delay = delay[:n_neurons] if np.ndim(delay) else delay
            exponents = exponents[:n_neurons] if np.ndim(exponents) else exponents
        if one.source == name:
            weight = weight[:, :n_neurons]
            delay = delay[:, :n_neurons] if np.ndim(delay) else delay
        return replace(one, weight=weight, delay=delay, weight_exp=exponents)

    def shorter(layer: AnyLayer) -> AnyLayer:
        arrays: dict[str, Any] = {key: getattr(layer, key)[:n_neurons] for key in layer.integers + layer.units}
        return replace(layer, shape=(n_neurons,), **arrays)

    return replace(
        program,
        layers=tuple(shorter(one) if one.name == name else one for one in program.layers),
        connections=tuple(cut(one) if name in (one.source, one.target) else one for one in program.connections),
    )


def can_be_shortened(program: Program, name: str) -> bool:
    """Return whether `without_last` has a meaning for a layer: no image, and not what the class is read from."""
    near = [one for one in program.connections if name in (one.source, one.target)]
    return name != program.output and all(one.window is None for one in near)


def with_shared_parameters(program: Program) -> Program:
    """Return the Program whose leaky neurons have the median decays and threshold of their layer."""

    def shared(layer: AnyLayer) -> AnyLayer:
        if not isinstance(layer, Layer):
            return layer
        middle = {key: np.full_like(getattr(layer, key), int(np.median(getattr(layer, key)))) for key in _SHARED}
        return replace(layer, **middle)

    return replace(program, layers=tuple(shared(one) for one in program.layers))


def with_one_delay(program: Program) -> Program:
    """Return the Program whose synapses of one connection all wait as long as the median one."""
    connections = tuple(
        replace(one, delay=int(np.median(one.delay))) if np.ndim(one.delay) else one for one in program.connections
    )
    return replace(program, connections=connections)


def has_own_parameters(program: Program) -> bool:
    """Return whether leaky neurons of one layer differ in what `with_shared_parameters` makes equal."""
    layers = [one for one in program.layers if isinstance(one, Layer)]
    return any(not alike(getattr(layer, key)) for layer in layers for key in _SHARED)


_COUNTED: weakref.WeakKeyDictionary[Connection, np.ndarray] = weakref.WeakKeyDictionary()
_SHARED = ("du", "dv", "vth")
