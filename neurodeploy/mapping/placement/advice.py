"""Whether a Program fits a chip, and what would take fewer cores: changes that were made and placed, not guessed at.

A change says nothing of the accuracy it costs, except where it changes nothing: train and certify again.
"""

import itertools
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from neurodeploy.errors import NeurodeployError
from neurodeploy.hardware.chip import Chip
from neurodeploy.hardware.chips import CHIPS, program_chips
from neurodeploy.mapping.placement.demand import Counted
from neurodeploy.mapping.placement.encoding import declared_bits
from neurodeploy.mapping.placement.place import place
from neurodeploy.mapping.placement.placement import Placement
from neurodeploy.memory import alike, row_blocks
from neurodeploy.phrases import plural
from neurodeploy.program.connection import Connection
from neurodeploy.program.dynamics import AnyLayer
from neurodeploy.program.layer import Layer
from neurodeploy.program.program import Program

LEAST_WEIGHT_BITS = 3
PRUNED = (0.5, 0.75, 0.9)
MOST = 6
"""Pieces of advice."""
GRADED = ("weight bits", "pruning")
"""Kinds of changes that are tried in steps, each stronger than the one before."""
EXACT = ("chip", "narrow")
"""Kinds of changes after which the network does what it did."""
Try = tuple[str, str, Callable[[], Placement]]
"""Kind, what is changed, and its placement."""


def fit_of(program: Program, chip: Chip, *, advise: bool = True) -> Placement:
    """Return where every neuron of a Program goes, or why it has no place.

    Args:
        program: To be placed.
        chip: With limits.
        advise: Also look for what would take fewer cores: some ten more placements.

    Raises:
        ChipError: the chip's file lacks a limit.
    """
    counted: Counted = {}
    placement = place(program, chip, counted=counted)
    return replace(placement, advice=tuple(advice(program, chip, placement, counted))) if advise else placement


def advice(program: Program, chip: Chip, before: Placement, counted: Counted | None = None) -> list[dict[str, Any]]:
    """Return changes that take fewer cores, the cheapest first; where it does not fit, changes that make it fit.

    Each: `change`, `kind`, `cores`, `chips`, `saved` (cores; None where nothing fitted before), `exact` (whether the
    network still does the same), `effect`, such as "7-bit weights: 41 -> 36 cores".

    Cheapest are those that change nothing of what the network does, then the mildest step of every kind that gains
    anything, by what it gains. Of several steps that gain as much, such as 7 and 6 bits, the mildest is kept.
    """
    ranked: list[tuple[int, int, dict[str, Any]]] = []
    most = before.n_cores if before.fits else None
    was = f"{before.n_cores}" if before.fits else "does not fit"
    tried = itertools.groupby(_tries(program, chip, before, counted or {}), key=lambda one: one[0])
    for n_kind, (kind, tries) in enumerate(tried):
        steps = _gaining([(change, attempt) for _, change, attempt in tries], most, graded=kind in GRADED)
        for n_step, (cores, (change, chips)) in enumerate(steps):
            on_chips = f" on {chips} chips" if chips > 1 else ""
            advised = {
                "change": change,
                "kind": kind,
                "cores": cores,
                "chips": chips,
                "saved": before.n_cores - cores if before.fits else None,
                "exact": kind in EXACT,
                "effect": f"{change}: {was} -> {plural(cores, 'core')}{on_chips}",
            }
            ranked.append((n_step, n_kind, advised))
        if kind == "narrow" and steps and before.fits:
            most = steps[0][0]  # what costs accuracy must gain more than what costs none
    return [advised for *_, advised in sorted(ranked, key=lambda one: one[:2])][:MOST]


def _gaining(
    tries: list[tuple[str, Callable[[], Placement]]], most: int | None, *, graded: bool
) -> list[tuple[int, tuple[str, int]]]:
    """Return the tries of one kind that take fewer than `most` cores: cores, change, chips.

    Of each number of cores, the mildest. Where the last one is the strongest and gains nothing, none does.
    """
    last = _size(tries[-1][1], most)
    if graded and last is None:
        return []
    found: dict[int, tuple[str, int]] = {}
    for change, attempt in tries:
        after = last if attempt is tries[-1][1] else _size(attempt, most)
        if after is not None:
            found.setdefault(after[0], (change, after[1]))
    return list(found.items())


def _size(attempt: Callable[[], Placement], most: int | None) -> tuple[int, int] | None:
    """Return the cores and chips of a placement that fits in fewer than `most` cores, else None.

    Not the placement itself: it would hold the weights of its change.
    """
    try:
        after = attempt()
    except NeurodeployError:  # the change leaves a network that means nothing
        return None
    return (after.n_cores, after.n_chips) if after.fits and (most is None or after.n_cores < most) else None


def _tries(program: Program, chip: Chip, before: Placement, counted: Counted) -> Iterator[Try]:
    """Yield what is tried, the mildest of each kind first."""
    if not before.fits:
        for name in program_chips():
            if name != chip.name:
                yield "chip", name, _placing(CHIPS[name], counted, lambda: program)
    elif before.n_cores == len(program.layers):
        return  # a core for each layer is the least there is
    change = "the same weights in the narrowest fields that hold them"
    yield "narrow", change, lambda: place(program, chip, narrow=True, counted=counted)
    allowed = [int(one) for one in chip.limits["weight_bits"].values] if "weight_bits" in chip.limits else range(1, 9)
    widest = max((declared_bits(program, one) for one in program.connections), default=0)
    for bits in sorted(allowed, reverse=True):
        if LEAST_WEIGHT_BITS <= bits < widest:
            yield "weight bits", f"{bits}-bit weights", _placing(chip, counted, with_weight_bits, program, bits)
    for part in PRUNED:
        change = f"the smallest {part:.0%} of the weights pruned"
        yield "pruning", change, _placing(chip, counted, pruned, program, part)
    if any(np.ndim(one.delay) for one in program.connections):
        yield "delay", "one delay for each connection", _placing(chip, counted, with_one_delay, program)
    if has_own_parameters(program):
        change = "one decay and threshold for each layer"
        yield "parameters", change, _placing(chip, counted, with_shared_parameters, program)
    for name, size, neurons in _shorter(program, before):
        change = f"{name} of {neurons:,} instead of {size:,} neurons"
        yield "neurons", change, _placing(chip, counted, without_last, program, name, neurons)


def _placing(chip: Chip, counted: Counted, change: Callable[..., Program], *values: Any) -> Callable[[], Placement]:
    # Of a copy, so that the synapses of one change are forgotten before the next.
    return lambda: place(change(*values), chip, counted=dict(counted))


def _shorter(program: Program, before: Placement) -> Iterator[tuple[str, int, int]]:
    """Yield layers on several cores, their size, and a size that one core fewer should hold; the least loss first."""
    found = []
    for layer in before.layers:
        if layer.n_cores > 1 and can_be_shortened(program, layer.name):
            key = max(layer.stopped, key=lambda one: layer.stopped[one])
            # What one core holds of the limit that closed the most of them, as a share of the layer.
            share = before.limits.most[key] / layer.whole[key]
            neurons = min(layer.n_neurons - 1, int(layer.n_neurons * share * (layer.n_cores - 1)))
            if neurons >= 1:
                found.append((neurons / layer.n_neurons, layer.name, layer.n_neurons, neurons))
    for _, name, size, neurons in sorted(found, reverse=True):
        yield name, size, neurons


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
