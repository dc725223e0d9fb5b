"""What the places of a module's answer are sums of, number by number, down to what one layer gave.

Axes: P place of the answer, E entry (a number that a place counts).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from neurodeploy.errors import FrameworkError
from neurodeploy.reading.labels import CONSTANT, FIRST_READ, INPUT_NODE, NODE_SHIFT, NOTHING, Read, Track

ADVICE = "return the spikes or the potential of the last layer, and do the rest outside"
FINAL = ("argmax", "softmax", "log_softmax")
"""Reads that keep which class is the largest, where they come last."""


def unread(what: str) -> FrameworkError:
    """Return the error on an answer that no readout gives."""
    return FrameworkError(f"module: {what}, which no readout does; {ADVICE}")


@dataclass(frozen=True, eq=False)
class Entries:
    """Places that are sums of `factor` times the number that `label` names, and of a constant.

    Attributes:
        shape: Of the answer.
        place, label, factor: (E,), sorted by place, then label.
        bias: (P,).
    """

    shape: tuple[int, ...]
    place: np.ndarray
    label: np.ndarray
    factor: np.ndarray
    bias: np.ndarray

    @property
    def node(self) -> np.ndarray:
        """Who gave each number (E,)."""
        return np.asarray(self.label >> NODE_SHIFT)

    def at(self, places: np.ndarray, shape: tuple[int, ...], factor: np.ndarray) -> Entries:
        """Return the entries of a tensor whose places are `factor` times the numbers at `places`, each once."""
        where = np.full(len(self.bias), -1)
        where[places] = np.arange(len(places))
        kept = where[self.place] >= 0
        new = where[self.place[kept]]
        return _sorted(shape, new, self.label[kept], self.factor[kept] * factor[new], self.bias[places] * factor)


def _sorted(
    shape: tuple[int, ...], place: np.ndarray, label: np.ndarray, factor: np.ndarray, bias: np.ndarray
) -> Entries:
    """Return entries in order, those of one number at one place added up."""
    order = np.lexsort((label, place))
    place, label, factor = place[order], label[order], factor[order]
    first = np.flatnonzero(np.r_[True, (np.diff(place) != 0) | (np.diff(label) != 0)]) if len(place) else order
    total = np.add.reduceat(factor, first) if len(place) else factor
    kept = total != 0
    return Entries(shape, place[first][kept], label[first][kept], total[kept], bias)


def entries(tracks: Sequence[Track]) -> Entries:
    """Return the entries of a tensor, or of several alike along a new first axis."""
    own = tuple(tracks[0].terms[0][1].shape)
    size = int(np.prod(own, dtype=np.int64))
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for index, track in enumerate(tracks):
        for times, found in track.terms:
            named = found.reshape(-1).numpy()
            there = np.flatnonzero(named != NOTHING)
            weight = np.broadcast_to(np.asarray(times, np.float64), found.shape).reshape(-1)
            parts.append((there + index * size, named[there], weight[there]))
    place, label, factor = (np.concatenate(some) for some in zip(*parts, strict=True))
    constant = label >> NODE_SHIFT == CONSTANT
    bias = np.bincount(place[constant], factor[constant], size * len(tracks))
    shape = own if len(tracks) == 1 else (len(tracks), *own)
    return _sorted(shape, place[~constant], label[~constant], factor[~constant], bias)


def senders(track: Track, reads: Sequence[Read]) -> set[int]:
    """Return the layers that a tensor's numbers come from, through reads too."""
    found: set[int] = set()
    waiting, seen = [track], set[int]()
    while waiting:
        for node in waiting.pop().senders - {INPUT_NODE, CONSTANT}:
            if node < FIRST_READ:
                found.add(node)
            elif node not in seen:
                seen.add(node)
                waiting.append(reads[node - FIRST_READ].track)
    return found


@dataclass(frozen=True, eq=False)
class Unfolded:
    """Entries in numbers of a layer, or of a maximum of them.

    Attributes:
        last: The `FINAL` read that came last, "" for none.
        word: What was done before sums: "softmax" or "log_softmax" at each step, "max", or "".
        source: The maximum, whose numbers the entries are then.
    """

    entries: Entries
    last: str = ""
    word: str = ""
    source: Read | None = None


When = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""From a layer's labels (E,) to the step and the sample of each."""


def unfolded(found: Entries, reads: Sequence[Read], when: When, n_neurons: int) -> Unfolded:
    """Return entries without reads.

    Args:
        n_neurons: Of the layer.

    Raises:
        FrameworkError: reads of several kinds, or of what no readout takes.
    """
    last = ""
    while (read := found.node >= FIRST_READ).any():
        if not read.all():
            raise unread("adds what it reads of the run to numbers of a layer")
        index, place = found.node - FIRST_READ, found.label & (1 << NODE_SHIFT) - 1
        words = {reads[one].word for one in np.unique(index)}
        if len(words) > 1:
            raise unread(f"combines {' and '.join(sorted(words))}")
        word, source = words.pop(), reads[index[0]]
        inner = entries([source.track])
        if word in FINAL and (index == index[0]).all() and _moves(found, place):
            _check_classes(inner, source, when)
            last, found = last or word, _moved(found, inner, place, word)
        elif word == "max":
            if (index != index[0]).any():
                raise unread("combines several maxima")
            return Unfolded(found, last, word, source)
        elif word == "argmax":
            raise unread("calculates with classes")
        else:
            return Unfolded(_by_step(found, index, place, reads, when, n_neurons), last, word)
    return Unfolded(found, last)


def _check_classes(inner: Entries, source: Read, when: When) -> None:
    """Check that a read is over the classes of a sample, all of them, at one step or of all of its run."""
    if (inner.node >= FIRST_READ).any():
        return  # of another read, which is checked itself
    marks = np.full((2, len(inner.bias)), -1)
    for row, values in zip(marks, when(inner.label), strict=True):
        np.maximum.at(row, inner.place, values)
    marks = np.moveaxis(marks.reshape(2, *inner.shape), 1 + source.dim % len(inner.shape), 1)
    groups = marks.max(axis=1).reshape(2, -1)
    alike = ((marks == marks.max(axis=1, keepdims=True)) | (marks < 0)).all()
    if not alike or len(np.unique(groups, axis=1).T) < groups.shape[1]:
        raise unread(f"takes the {source.word} over something else than all classes of a sample")


def _moves(found: Entries, place: np.ndarray) -> bool:
    """True where an answer is numbers of a read, each at most once, as they are but for one factor above 0."""
    alone = len(np.unique(found.place)) == len(found.place) == len(found.bias) == len(np.unique(place))
    return alone and not found.bias.any() and bool((found.factor == found.factor[0]).all()) and found.factor[0] > 0


def _moved(found: Entries, inner: Entries, place: np.ndarray, word: str) -> Entries:
    """Return the entries of what a final read was made of."""
    if word != "argmax":
        return inner.at(place, found.shape, np.ones(len(place)))
    if (place != np.arange(len(place))).any():
        raise unread("moves classes that it has chosen")
    return inner


def _by_step(
    found: Entries, index: np.ndarray, place: np.ndarray, reads: Sequence[Read], when: When, n_neurons: int
) -> Entries:
    """Return sums of softmaxes in the layer's own numbers, of which each must be one."""
    label = np.empty_like(found.label)
    for one in np.unique(index):
        inner, source = entries([reads[one].track]), reads[one]
        plain = len(inner.place) == len(inner.bias) == len(np.unique(inner.place)) and not inner.bias.any()
        if not plain or (inner.factor != 1).any() or inner.shape[source.dim] != n_neurons:
            raise unread(f"takes the {source.word} of sums, or of some classes alone")
        _check_classes(inner, source, when)
        label[index == one] = inner.label[place[index == one]]
    return _sorted(found.shape, found.place, label, found.factor, found.bias)
