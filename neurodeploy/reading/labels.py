"""Where every number of a tensor comes from, carried beside the tensor while the user's module runs.

A label is one integer: which node sent the number, in which of its applications, and which of its outputs it is.
Operations that only move numbers (view, stack, index, flatten ...) move labels likewise, so whatever a module does
to its tensors between two layers, the second layer sees for each of its inputs what it is.

Axes: R applications of a node (a sample at a step), F numbers that one application takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

FEATURE_BITS, APPLICATION_BITS = 26, 24
NODE_SHIFT = FEATURE_BITS + APPLICATION_BITS
MOST_FEATURES, MOST_APPLICATIONS = 1 << FEATURE_BITS, 1 << APPLICATION_BITS
NOTHING = -1
"""Label of a zero that nobody sent."""
CONSTANT = (1 << 12) - 1
"""Node of numbers that are no sender's: a term of theirs is its factor."""
FIRST_READ = 1 << 12
"""Nodes from here on are the `Read`s of a run, in order; a number of theirs is its place in the result."""
MOST_READS = FIRST_READ
INPUT_NODE = 0


def labels(node: int, first: int, rows: int, features: int) -> torch.Tensor:
    """Return the labels (rows, features) of what a node gives in applications from `first` on."""
    start = (node << NODE_SHIFT) + (torch.arange(first, first + rows) << FEATURE_BITS)
    return start[:, None] + torch.arange(features)[None, :]


def split(found: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return nodes, applications and features of labels, -1 where nobody sent anything."""
    nothing = found == NOTHING
    node = np.where(nothing, -1, found >> NODE_SHIFT)
    application = np.where(nothing, -1, (found >> FEATURE_BITS) & (MOST_APPLICATIONS - 1))
    return node, application, np.where(nothing, -1, found & (MOST_FEATURES - 1))


Factor = float | torch.Tensor
"""One for all numbers of a tensor, or one for each, float64 in the tensor's shape."""
Term = tuple[Factor, torch.Tensor]


@dataclass(frozen=True, eq=False)
class Track:
    """What is known of a tensor: the sum of `factor` times what the labels (of the tensor's shape) name.

    Attributes:
        terms: (factor, labels) each.
        steps: What was done to it that only a readout allows, in order: words ("sum", "max"), or where a constant was
            added ("Net: torch's add").
        lost: Why nothing can follow from here, in words; empty where all is known.
        owner: Node of the neurons whose state it is, to be handed back to them; None for other tensors.
        opposite: Of spikes, where the tensor is one minus them.
    """

    terms: tuple[Term, ...] = ()
    steps: tuple[str, ...] = ()
    lost: str = ""
    owner: int | None = None
    opposite: Track | None = None

    @property
    def gone(self) -> bool:
        """True where nothing can follow from here, not even of the opposite."""
        return bool(self.lost) and self.opposite is None

    @property
    def senders(self) -> set[int]:
        """The nodes that its numbers come from."""
        nodes = (np.unique(one.numpy() >> NODE_SHIFT) for _, one in self.terms)
        return {int(one) for some in nodes for one in some if one >= 0}

    def moved(self, move: Callable[[torch.Tensor], torch.Tensor]) -> Track:
        """Return the track after an operation that only moves numbers."""
        return Track(tuple(_moved(one, move) for one in self.terms), self.steps, self.lost)

    def times(self, factor: Factor) -> Track:
        """Return the track of the tensor times a number, or times one for each of its numbers."""
        if isinstance(factor, float) and factor == 1:
            return self
        return Track(tuple((factor * own, found) for own, found in self.terms), self.steps, self.lost)

    def over(self, shape: torch.Size) -> Track:
        """Return the track of the tensor repeated to a larger shape, as torch does in sums and products."""
        same = all(found.shape == shape for _, found in self.terms[:1])
        return self if same else self.moved(lambda one: one.expand(shape))


@dataclass(frozen=True, eq=False)
class Read:
    """Numbers that were made of others as only a readout does.

    Attributes:
        word: "max", "softmax", "log_softmax" or "argmax".
        track: Of what it was made from.
        dim: Axis of that.
    """

    word: str
    track: Track
    dim: int


def summed(terms: Iterable[Term]) -> tuple[Term, ...]:
    """Return terms with those added up that have the same labels: a leak adds the same ones again at every step."""
    found: dict[Any, Term] = {}
    for factor, one in terms:
        key = (one.data_ptr(), one.shape, one.stride())
        if key in found:
            factor = found[key][0] + factor
        found[key] = factor, one
    return tuple(one for one in found.values() if isinstance(one[0], torch.Tensor) or one[0] != 0)


def _moved(term: Term, move: Callable[[torch.Tensor], torch.Tensor]) -> Term:
    factor, found = term
    return move(factor) if isinstance(factor, torch.Tensor) else factor, move(found)


@dataclass(eq=False)
class Arrival:
    """What one source sends to a layer, in a call or in the whole run.

    Attributes:
        node: Who sends.
        features: Which of the sender's outputs arrive at `columns` of the layer, (F,).
        columns: Of the layer's inputs, (F,).
        factors: What each is multiplied with on the way, (F,).
        applications: Which application of the sender each of the layer's takes (R,); -1 for none.
        lag: Steps from sender to layer, where the sender is a population or the input.
    """

    node: int
    features: np.ndarray
    columns: np.ndarray
    factors: np.ndarray
    applications: np.ndarray
    lag: int = 0

    @property
    def pattern(self) -> tuple[int, bytes, bytes, bytes]:
        """What makes two arrivals the same connection."""
        return self.node, self.features.tobytes(), self.columns.tobytes(), self.factors.tobytes()


class Mixed(Exception):
    """The numbers that arrive have no one pattern; the message says which, and `node` is who sent them."""

    def __init__(self, message: str, node: int) -> None:
        super().__init__(message)
        self.node = node


def arrivals(track: Track, rows: int) -> list[Arrival]:
    """Return what arrives at a layer with `rows` applications, from each source, what was sent last first.

    The input has no applications of its own: those of its numbers that arrive together get the place of the
    first of them in the input as their number, and count from there.

    Raises:
        Mixed: rows differ in which outputs they take.
    """
    found: list[Arrival] = []
    for factor, labels_of in track.terms:
        flat = labels_of.reshape(rows, -1).numpy()
        if isinstance(factor, float) and _plain(flat):
            found.append(_whole(factor, flat))
            continue
        factors = factor if isinstance(factor, float) else factor.reshape(rows, -1).numpy()
        node, application, feature = split(flat)
        factors = np.broadcast_to(factors, flat.shape)
        for one in np.unique(node[node >= 0]):
            found += _from(int(one), one == INPUT_NODE, node == one, application, feature, factors)
    return sorted(_joined(found), key=lambda one: -int(one.applications.max()))


def _from(
    node: int, is_input: bool, there: np.ndarray, application: np.ndarray, feature: np.ndarray, factors: np.ndarray
) -> Iterator[Arrival]:
    """Yield what arrives from one source: columns that take the same applications together."""
    columns = np.flatnonzero(there.any(axis=0))
    taken = np.where(there, 0 if is_input else application, -1)[:, columns]
    for alike in _groups(taken):
        applications, mine = taken[:, alike[0]].copy(), columns[alike]
        rows = applications >= 0
        features, weights = feature[rows][:, mine], factors[rows][:, mine]
        if is_input:
            first = features.min(axis=1)
            features, applications[rows] = features - first[:, None], first
        if (features != features[:1]).any():
            raise Mixed("the order in which numbers arrive changes from step to step", node)
        if (weights != weights[:1]).any():
            raise Mixed("what numbers are multiplied with changes from step to step", node)
        yield Arrival(node, features[0].copy(), mine, weights[0].copy(), applications)


def _groups(taken: np.ndarray) -> list[np.ndarray]:
    """Return which columns are equal (R, F)."""
    if (taken == taken[:, :1]).all():
        return [np.arange(taken.shape[1])]
    _, which = np.unique(taken, axis=1, return_inverse=True)
    return [np.flatnonzero(which.ravel() == one) for one in range(int(which.max()) + 1)]


def _plain(flat: np.ndarray) -> bool:
    """True where every row is one application of one layer, whole and in order: the usual case, seen at once."""
    first = flat[:, :1]
    node = first >> NODE_SHIFT
    return bool(
        (first != NOTHING).all()
        and (node == node[0]).all()
        and node[0] != INPUT_NODE
        and (first & (MOST_FEATURES - 1) == 0).all()
        and (flat[:, 1:] - flat[:, :-1] == 1).all()
    )


def _whole(factor: float, flat: np.ndarray) -> Arrival:
    node, applications, _ = split(flat[:, 0])
    every = np.arange(flat.shape[1])
    return Arrival(int(node[0]), every, every, np.full(len(every), factor), applications)


def _joined(found: list[Arrival]) -> list[Arrival]:
    """Return arrivals with those added up that come from the same applications of a sender."""
    together: dict[tuple[int, bytes], list[Arrival]] = {}
    for one in found:
        together.setdefault((one.node, one.applications.tobytes()), []).append(one)
    return [some[0] if len(some) == 1 else _sum(some) for some in together.values()]


def _sum(some: list[Arrival]) -> Arrival:
    features, columns, factors = (
        np.concatenate([getattr(one, name) for one in some]) for name in ("features", "columns", "factors")
    )
    places, which = np.unique(columns * MOST_FEATURES + features, return_inverse=True)
    summed = np.bincount(which.ravel(), factors, len(places))
    columns, features = np.divmod(places[summed != 0], MOST_FEATURES)
    return Arrival(some[0].node, features, columns, summed[summed != 0], some[0].applications)
