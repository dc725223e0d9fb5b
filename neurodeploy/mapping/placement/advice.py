"""Whether a Program fits a chip, and what would take fewer cores: changes that were made and placed, not guessed at.

A change says nothing of the accuracy it costs, except where it changes nothing: train and certify again.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from neurodeploy.errors import NeurodeployError
from neurodeploy.hardware.chip import Chip
from neurodeploy.hardware.chips import CHIPS, program_chips
from neurodeploy.mapping.placement import changes
from neurodeploy.mapping.placement.demand import Counted
from neurodeploy.mapping.placement.encoding import declared_bits
from neurodeploy.mapping.placement.place import place
from neurodeploy.mapping.placement.placement import Placement
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
        for n_step, (change, after) in enumerate(steps):
            on_chips = f" on {after.n_chips} chips" if after.n_chips > 1 else ""
            advised = {
                "change": change,
                "kind": kind,
                "cores": after.n_cores,
                "chips": after.n_chips,
                "saved": before.n_cores - after.n_cores if before.fits else None,
                "exact": kind in EXACT,
                "effect": f"{change}: {was} -> {after.n_cores} cores{on_chips}",
            }
            ranked.append((n_step, n_kind, advised))
        if kind == "narrow" and steps and before.fits:
            most = steps[0][1].n_cores  # what costs accuracy must gain more than what costs none
    return [advised for *_, advised in sorted(ranked, key=lambda one: one[:2])][:MOST]


def _gaining(
    tries: list[tuple[str, Callable[[], Placement]]], most: int | None, *, graded: bool
) -> list[tuple[str, Placement]]:
    """Return the tries of one kind that take fewer than `most` cores, the mildest of each number of cores.

    Where the last one is the strongest and gains nothing, none does.
    """
    if graded and _placed(tries[-1][1], most) is None:
        return []
    found: dict[int, tuple[str, Placement]] = {}
    for change, attempt in tries:
        after = _placed(attempt, most)
        if after is not None:
            found.setdefault(after.n_cores, (change, after))
    return list(found.values())


def _placed(attempt: Callable[[], Placement], most: int | None) -> Placement | None:
    """Return a placement that fits in fewer than `most` cores, else None."""
    try:
        after = attempt()
    except NeurodeployError:  # the change leaves a network that means nothing
        return None
    return after if after.fits and (most is None or after.n_cores < most) else None


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
            yield "weight bits", f"{bits}-bit weights", _placing(chip, counted, changes.with_weight_bits, program, bits)
    for part in PRUNED:
        change = f"the smallest {part:.0%} of the weights pruned"
        yield "pruning", change, _placing(chip, counted, changes.pruned, program, part)
    if any(np.ndim(one.delay) for one in program.connections):
        yield "delay", "one delay for each connection", _placing(chip, counted, changes.with_one_delay, program)
    if changes.has_own_parameters(program):
        change = "one decay and threshold for each layer"
        yield "parameters", change, _placing(chip, counted, changes.with_shared_parameters, program)
    for name, size, neurons in _shorter(program, before):
        change = f"{name} of {neurons:,} instead of {size:,} neurons"
        yield "neurons", change, _placing(chip, counted, changes.without_last, program, name, neurons)


def _placing(chip: Chip, counted: Counted, change: Callable[..., Program], *values: Any) -> Callable[[], Placement]:
    # Of a copy, so that the synapses of one change are forgotten before the next.
    return lambda: place(change(*values), chip, counted=dict(counted))


def _shorter(program: Program, before: Placement) -> Iterator[tuple[str, int, int]]:
    """Yield layers on several cores, their size, and a size that one core fewer should hold; the least loss first."""
    found = []
    for layer in before.layers:
        if layer.n_cores > 1 and changes.can_be_shortened(program, layer.name):
            key = max(layer.stopped, key=lambda one: layer.stopped[one])
            # What one core holds of the limit that closed the most of them, as a share of the layer.
            share = before.limits.most[key] / layer.whole[key]
            neurons = min(layer.n_neurons - 1, int(layer.n_neurons * share * (layer.n_cores - 1)))
            if neurons >= 1:
                found.append((neurons / layer.n_neurons, layer.name, layer.n_neurons, neurons))
    for _, name, size, neurons in sorted(found, reverse=True):
        yield name, size, neurons
