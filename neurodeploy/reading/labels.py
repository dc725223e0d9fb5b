"""Where every number of a tensor comes from, carried beside the tensor while the user's module runs.

A label is one integer: which node sent the number, in which of its applications, and which of its outputs it is.
Operations that only move numbers (view, stack, index, flatten ...) move labels likewise, so whatever a module does
to its tensors between two layers, the second layer sees for each of its inputs what it is.

Axes: R applications of a node (a sample at a step), F numbers that one application takes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

FEATURE_BITS, APPLICATION_BITS = 26, 24
MOST_FEATURES, MOST_APPLICATIONS = 1 << FEATURE_BITS, 1 << APPLICATION_BITS
NOTHING = -1
"""Label of a zero that nobody sent."""


def labels(node: int, first: int, rows: int, features: int) -> torch.Tensor:
    """Return the labels (rows, features) of what a node gives in applications from `first` on."""
    start = (node << (FEATURE_BITS + APPLICATION_BITS)) + (torch.arange(first, first + rows) << FEATURE_BITS)
    return start[:, None] + torch.arange(features)[None, :]


def split(found: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return nodes, applications and features of labels, -1 where nobody sent anything."""
    nothing = found == NOTHING
    node = np.where(nothing, -1, found >> (FEATURE_BITS + APPLICATION_BITS))
    application = np.where(nothing, -1, (found >> FEATURE_BITS) & (MOST_APPLICATIONS - 1))
    return node, application, np.where(nothing, -1, found & (MOST_FEATURES - 1))


@dataclass(frozen=True, eq=False)
class Track:
    """What is known of a tensor: the sum of `factor` times what the labels (of the tensor's shape) name.

    Attributes:
        terms: (factor, labels) each.
        steps: What was done to it that only a readout allows, in order: "sum", "mean", "max", "softmax".
        lost: Why nothing can follow from here, in words; empty where all is known.
        owner: Node of the neurons whose state it is, to be handed back to them; None for other tensors.
    """

    terms: tuple[tuple[float, torch.Tensor], ...] = ()
    steps: tuple[str, ...] = ()
    lost: str = ""
    owner: int | None = None

    def moved(self, *others: torch.Tensor) -> Track:
        """Return the track with other labels for the same terms."""
        return Track(
            tuple((factor, new) for (factor, _), new in zip(self.terms, others, strict=True)), self.steps, self.lost
        )

    def times(self, factor: float) -> Track:
        """Return the track of the tensor times a number."""
        return Track(tuple((factor * own, found) for own, found in self.terms), self.steps, self.lost)


@dataclass(frozen=True, eq=False)
class Arrival:
    """What one source sends to a layer.

    Attributes:
        node: Who sends.
        factor: What it is multiplied with on the way.
        features: Which of the sender's outputs arrive at `columns` of the layer, (F,).
        columns: Of the layer's inputs, (F,).
        applications: Which application of the sender each of the layer's takes (R,); -1 for none.
    """

    node: int
    factor: float
    features: np.ndarray
    columns: np.ndarray
    applications: np.ndarray

    @property
    def pattern(self) -> tuple[int, bytes, bytes]:
        """What makes two arrivals the same connection, but for the factor."""
        return self.node, self.features.tobytes(), self.columns.tobytes()


class Mixed(Exception):
    """The numbers that arrive have no one pattern; the message says which."""


def arrivals(track: Track, rows: int, input_node: int) -> list[Arrival]:
    """Return what arrives at a layer with `rows` applications, from each source.

    The input has no applications of its own: those of its numbers that arrive together get the place of the
    first of them in the input as their number, and count from there.

    Raises:
        Mixed: rows differ in which outputs they take, or take several applications at once.
    """
    found = []
    for factor, labels_of in track.terms:
        flat = labels_of.reshape(rows, -1).numpy()
        if _plain(flat, input_node):
            found.append(_whole(factor, flat))
            continue
        node, application, feature = split(flat)
        for one in np.unique(node[node >= 0]):
            there = node == one
            columns = np.flatnonzero(there.any(axis=0))
            mask, features, applications = there[:, columns], feature[:, columns], application[:, columns]
            whole = mask.all(axis=1)
            if (mask.any(axis=1) != whole).any():
                raise Mixed("which numbers arrive changes from step to step")
            features, applications = features[whole], applications[whole]
            if one == input_node:
                applications = np.repeat(features.min(axis=1, keepdims=True), features.shape[1], axis=1)
                features = features - applications
            if (features != features[:1]).any():
                raise Mixed("the order in which numbers arrive changes from step to step")
            if (applications != applications[:, :1]).any():
                raise Mixed("numbers of several steps or samples arrive together")
            taken = np.full(rows, -1, np.int64)
            taken[whole] = applications[:, 0]
            found.append(Arrival(int(one), factor, features[0].copy(), columns, taken))
    return _joined(found)


def _plain(flat: np.ndarray, input_node: int) -> bool:
    """True where every row is one application of one layer, whole and in order: the usual case, seen at once."""
    first = flat[:, :1]
    node = first >> (FEATURE_BITS + APPLICATION_BITS)
    return bool(
        (first != NOTHING).all()
        and (node == node[0]).all()
        and node[0] != input_node
        and (first & (MOST_FEATURES - 1) == 0).all()
        and (flat[:, 1:] - flat[:, :-1] == 1).all()
    )


def _whole(factor: float, flat: np.ndarray) -> Arrival:
    node, applications, _ = split(flat[:, 0])
    every = np.arange(flat.shape[1])
    return Arrival(int(node[0]), factor, every, every, applications)


def _joined(found: list[Arrival]) -> list[Arrival]:
    """Return arrivals with those added up that are the same but for their factor."""
    kept: list[Arrival] = []
    for one in found:
        for index, old in enumerate(kept):
            if old.pattern == one.pattern and (old.applications == one.applications).all():
                kept[index] = replace(old, factor=old.factor + one.factor)
                break
        else:
            kept.append(one)
    return kept
