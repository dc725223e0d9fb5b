"""How a module's answer follows from its last layer: which steps count how much, and which neurons make a class.

Axes: P place of the answer, E entry, B sample, T step, N neuron of the last layer, C class.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from neurodeploy.program.decode import Decode
from neurodeploy.reading.entries import Entries, entries, unfolded, unread
from neurodeploy.reading.labels import NODE_SHIFT, Read, Track, split

SAME = 1e-5
"""Part of the largest weight by which the same ones may differ: modules compute them in float32."""
WHOLE = 1e-6
"""How near a weight is to the whole number that it is: ties between classes must stay ties."""

MOST_NUMBERS = 1 << 22
"""Of a matrix from neurons to classes."""


@dataclass(frozen=True, eq=False)
class Spread:
    """Numbers of a layer that places of an answer are sums of; fields as in `Entries`.

    Attributes:
        t, b, n: Step, sample and neuron of each number (E,).
        leak: What the layer's numbers were added up with, each step's sum times this; None where they were not.
    """

    shape: tuple[int, ...]
    place: np.ndarray
    t: np.ndarray
    b: np.ndarray
    n: np.ndarray
    factor: np.ndarray
    bias: np.ndarray
    leak: float | None = None


@dataclass(frozen=True, eq=False)
class Answer:
    """What a module's answer is.

    Attributes:
        word: What was done to the layer's numbers: "max", "softmax", "log_softmax" or "".
        steps: Weight of each step (T,), the largest 1.
        matrix: (C, N), `scale` taken out; None where classes are neurons.
        bias: (C,), `scale` taken out.
        scale: What the module's scores are times those of the readout; above 0.
        leak: See `Spread`.
        last: "argmax", "softmax" or "log_softmax" where the module ends in it, else "".
        sample_axis, time_axis: Of the answer; None where there is none.
    """

    word: str
    steps: np.ndarray
    matrix: np.ndarray | None
    bias: np.ndarray
    scale: float
    leak: float | None
    last: str
    sample_axis: int | None
    time_axis: int | None

    @property
    def open(self) -> bool:
        """All steps are returned, so that the class is not said."""
        return self.time_axis is not None

    def decode(self, weighed: bool) -> Decode | None:
        """Return what the host has to make of the readout; None for nothing.

        Args:
            weighed: Steps count as `steps` says; else the readout knows them.
        """
        bias = tuple(self.bias.tolist()) if self.bias.any() else ()
        rows = () if self.matrix is None else tuple(map(tuple, self.matrix.tolist()))
        steps = tuple(self.steps.tolist()) if weighed and (self.steps != 1).any() else ()
        return Decode(steps, rows, bias) if steps or rows or bias else None

    def scores(self, result: Sequence[torch.Tensor], over_time: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Return the module's scores (B, C), or classes (B,) where it ends in "argmax".

        Args:
            result: What the module gave, the same tensors as in the run that was followed.
            over_time: Takes (B, T, C) to (B, C), where the answer has all steps.
        """
        values = [one.detach().cpu().double().numpy() for one in result]
        found = values[0] if len(values) == 1 else np.stack(values)
        axes = [axis for axis in (self.sample_axis, self.time_axis) if axis is not None]
        if self.last == "argmax":
            return np.asarray(found.reshape(-1))
        found = np.moveaxis(found, axes, range(len(axes)))
        found = found if self.sample_axis is not None else found[None]
        return over_time(found.reshape(*found.shape[:2], -1)) if self.open else found.reshape(len(found), -1)


def answer_of(
    tracks: Sequence[Track], reads: Sequence[Read], position: np.ndarray, size: tuple[int, int, int], sums: bool
) -> Answer:
    """Return what an answer is.

    Args:
        tracks: Of the answer's tensor, or of one for each step.
        position: Where each application of the layer is, steps first (T B,).
        size: Steps, samples and neurons.
        sums: The layer's numbers may be added up with a leak before anything else: it has no neurons.

    Raises:
        FrameworkError: no readout gives it.
    """
    of = _Reader(position, size, sums)
    found = unfolded(entries(tracks), reads, of.when, size[2])
    if found.source is not None:
        spread, steps = of.maximum(found.entries, found.source)
    else:
        spread, steps = of.spread(found.entries, leaks=not found.word), None
    return of.answer(spread, steps, found.word, found.last)


class _Reader:
    def __init__(self, position: np.ndarray, size: tuple[int, int, int], sums: bool) -> None:
        self.position, (self.n_steps, self.n_samples, self.n_neurons), self.sums = position, size, sums

    def when(self, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the step and the sample of each number (E,)."""
        t, b = np.divmod(self.position[split(label)[1]], self.n_samples)
        return t, b

    def spread(self, found: Entries, leaks: bool = True) -> Spread:
        """Return entries by step, sample and neuron; what was added up with a leak as the last number of its sum."""
        (t, b), n = self.when(found.label), split(found.label)[2]
        made = Spread(found.shape, found.place, t, b, n, found.factor, found.bias)
        return (_leaking(made) or made) if self.sums and leaks else made

    def maximum(self, found: Entries, source: Read) -> tuple[Spread, np.ndarray]:
        """Return the entries of a maximum over steps as those of its first step, and which steps count (T,)."""
        inner = self.spread(entries([source.track]))
        if len(inner.place) != len(inner.bias) or inner.bias.any() or len(np.unique(inner.place)) < len(inner.place):
            raise unread("takes the largest of sums over steps or neurons")
        if np.ptp(inner.factor) > SAME * abs(inner.factor[0]) or inner.factor[0] < 0:
            raise unread("takes the largest of negative or unequal multiples")
        t, b, n = (
            np.moveaxis(one.reshape(inner.shape), source.dim, 0).reshape(inner.shape[source.dim], -1)
            for one in (inner.t, inner.b, inner.n)
        )
        if np.ptp(b, axis=0).any() or np.ptp(n, axis=0).any() or np.ptp(t, axis=1).any():
            raise unread("takes the largest over something else than steps")
        q = found.label & (1 << NODE_SHIFT) - 1
        factor = found.factor * inner.factor[0]
        one = Spread(found.shape, found.place, 0 * q, b[0, q], n[0, q], factor, found.bias, inner.leak)
        return one, np.isin(np.arange(self.n_steps), t[:, 0]).astype(np.float64)

    def answer(self, found: Spread, counted: np.ndarray | None, word: str, last: str) -> Answer:
        """Return what an answer of these numbers is."""
        if not len(found.place):
            raise unread("does not depend on its last layer")
        sample_axis, time_axis = self._axes(found, last)
        taken = [axis for axis in (sample_axis, time_axis) if axis is not None]
        rest = [axis for axis in range(len(found.shape)) if axis not in taken]
        coordinates = np.unravel_index(found.place, found.shape) if found.shape else ()
        shape = tuple(found.shape[axis] for axis in rest)
        c = np.ravel_multi_index([coordinates[axis] for axis in rest], shape) if rest else 0 * found.place
        n_classes = int(np.prod(shape, dtype=np.int64))
        order = np.lexsort((found.t, found.n, c, found.b))
        rows = (
            [one[order].reshape(self.n_samples, -1) for one in (c, found.n, found.t)]
            if ((np.bincount(found.b, minlength=self.n_samples) * self.n_samples == len(order)).all())
            else None
        )
        factor = found.factor[order]
        if rows is None or any((one != one[:1]).any() for one in rows):
            raise unread("counts other numbers for one sample than for another")
        factor = factor.reshape(self.n_samples, -1)
        if np.abs(factor - factor[:1]).max() > SAME * np.abs(factor).max():
            raise unread("multiplies with other numbers for one sample than for another")
        classes, neurons, steps = (one[0] for one in rows)
        pair, which = np.unique(classes * self.n_neurons + neurons, return_inverse=True)
        weights = np.zeros((len(pair), self.n_steps))
        weights[which.ravel(), steps] = factor[0]
        i, j = np.unravel_index(np.abs(weights).argmax(), weights.shape)
        in_time, in_space = weights[i] / weights[i, j], weights[:, j]
        if np.abs(weights - in_space[:, None] * in_time).max() > SAME * np.abs(weights).max():
            raise unread("weighs steps otherwise for one class or neuron than for another")
        scale, in_time = float(np.abs(in_space).max()), _near_whole(in_time)
        alone = n_classes == self.n_neurons == len(pair) and (pair % (n_classes + 1) == 0).all()
        matrix = None
        if not alone or np.ptp(in_space) > WHOLE * scale or in_space[0] < 0:
            if n_classes * self.n_neurons > MOST_NUMBERS:
                raise unread(f"makes {n_classes} scores of {self.n_neurons} neurons")
            matrix = np.zeros((n_classes, self.n_neurons))
            matrix[np.divmod(pair, self.n_neurons)] = _near_whole(in_space / scale)
        bias = np.moveaxis(found.bias.reshape(found.shape), taken, range(len(taken))).reshape(-1, n_classes) / scale
        if np.ptp(bias, axis=0).max() > SAME * max(1.0, np.abs(bias).max()):
            raise unread("adds other constants at one step or sample than at another")
        if word == "log_softmax" and matrix is not None and np.ptp(matrix.sum(axis=1)) > SAME:
            raise unread("takes the log_softmax, which shifts all classes by the same, and weighs classes")
        return Answer(
            word=word,
            steps=in_time if counted is None else counted,
            matrix=matrix,
            bias=bias[0],
            scale=scale,
            leak=found.leak,
            last=last,
            sample_axis=sample_axis,
            time_axis=time_axis,
        )

    def _axes(self, found: Spread, last: str) -> tuple[int | None, int | None]:
        """Return which axes of an answer are samples and steps."""
        sample_axis = time_axis = None
        step, sample = (_of_places(one, found) for one in (found.t, found.b))
        for axis, length in enumerate(found.shape):
            others = tuple(one for one in range(len(found.shape)) if one != axis)
            for values, is_time in ((step, True), (sample, False)):
                along = values.max(axis=others)
                fits = ((values == np.expand_dims(along, others)) | (values < 0)).all() and length > 1
                if fits and is_time and len(np.unique(along)) == length:
                    time_axis = axis
                elif fits and not is_time and (along == np.arange(length)).all() and length == self.n_samples:
                    sample_axis = axis
        if time_axis is None and np.ptp(step[step >= 0]):
            raise unread("counts other steps for one class than for another")
        if self.n_samples > 1 and sample_axis is None:
            raise unread("mixes the samples of a batch")
        if sample_axis is None:
            sample_axis = next((axis for axis, length in enumerate(found.shape) if length == 1), None)
        return sample_axis, time_axis


def _of_places(values: np.ndarray, found: Spread) -> np.ndarray:
    """Return the largest value at each place, in the answer's shape; -1 where there is none."""
    made = np.full(len(found.bias), -1)
    np.maximum.at(made, found.place, values)
    return made.reshape(found.shape)


def _near_whole(values: np.ndarray) -> np.ndarray:
    whole = np.rint(values)
    return np.where(np.abs(values - whole) < WHOLE, whole, values) + 0.0


def _leaking(found: Spread) -> Spread | None:
    """Return sums in which each number counts `leak` times as much as the next one, by their last number; else None."""
    order = np.lexsort((found.t, found.n, found.b, found.place))
    place, b, n, t, factor = (getattr(found, key)[order] for key in ("place", "b", "n", "t", "factor"))
    new = np.r_[True, (np.diff(place) != 0) | (np.diff(b) != 0) | (np.diff(n) != 0)]
    first = np.flatnonzero(new)
    end = np.r_[first[1:], len(t)] - 1
    which = np.cumsum(new) - 1
    count = np.diff(np.r_[first, len(t)])
    if (t[first] != 0).any() or (count != t[end] + 1).any():
        return None
    longer = end[count > 1]
    leak = float((factor[longer - 1] / factor[longer]).mean()) if len(longer) else 1.0
    expected = factor[end][which] * leak ** (t[end][which] - t)
    if not 0 <= leak <= 1 or np.abs(expected - factor).max() > SAME * np.abs(factor).max():
        return None
    return replace(found, place=place[end], b=b[end], n=n[end], t=t[end], factor=factor[end], leak=leak)
