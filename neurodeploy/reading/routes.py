"""What lies between two layers where a number does not go straight to the place of the same number.

A route is a list of numbers: output `features[i]` of a source, times `factors[i]`, is added to input `columns[i]` of
a layer. It becomes the smallest node that does exactly that, or a part of the layer's own weights.
"""

import math
from copy import copy
from dataclasses import dataclass
from typing import Any

import nir
import numpy as np

from neurodeploy.errors import FrameworkError
from neurodeploy.graph.linear import MOST_ENTRIES
from neurodeploy.reading.leaves import Shape
from neurodeploy.reading.torch_layers import one_tap

Nodes = list[tuple[str, nir.NIRNode]]


@dataclass(frozen=True, eq=False)
class Route:
    """From an output of shape `given` to an input of shape `wanted` (F,)."""

    given: Shape
    wanted: Shape
    features: np.ndarray
    columns: np.ndarray
    factors: np.ndarray

    @property
    def straight(self) -> bool:
        """True where every number goes to the place of the same number."""
        every = np.arange(math.prod(self.wanted))
        return math.prod(self.given) == len(every) == len(self.features) and bool(
            (self.features == every).all() and (self.columns == every).all()
        )

    @property
    def plain(self) -> bool:
        """True where nothing has to be done on the way."""
        return self.straight and bool((self.factors == 1).all())

    def by_channel(self) -> np.ndarray | None:
        """Return the matrix (to, from) between channels that does the same at every place; None where none does."""
        if len(self.given) < 2 or self.given[1:] != self.wanted[1:]:
            return None
        size = math.prod(self.given[1:])
        (source, place), (target, arrival) = np.divmod(self.features, size), np.divmod(self.columns, size)
        if len(place) % size or (place != arrival).any():
            return None
        order = np.lexsort((place, source, target))
        source, target, place, factors = (one[order].reshape(-1, size) for one in (source, target, place, self.factors))
        if any((one != one[:, :1]).any() for one in (source, target, factors)) or (place != np.arange(size)).any():
            return None
        matrix = np.zeros((self.wanted[0], self.given[0]))
        matrix[target[:, 0], source[:, 0]] = factors[:, 0]
        return matrix

    def _padding(self) -> nir.NIRNode | None:
        """Return a convolution that puts zeros around pictures, each kernel a single 1; None where more is done."""
        every, channels = np.arange(math.prod(self.given)), self.given[0]
        if len(self.given) not in (2, 3) or len(self.wanted) != len(self.given) or channels != self.wanted[0]:
            return None
        order = np.argsort(self.features)
        if not np.array_equal(self.features[order], every) or (self.factors != 1).any():
            return None
        places = np.array(np.unravel_index(self.columns[order], self.wanted))
        before = places[:, 0]
        if before[0] or (places - np.array(np.unravel_index(every, self.given)) != before[:, None]).any():
            return None
        more = tuple(np.subtract(self.wanted, self.given)[1:].tolist())
        weight = np.zeros((channels, 1, *(size + 1 for size in more)))
        weight[(slice(None), 0, *(np.array(more) - before[1:]))] = 1
        bias, size = np.zeros(channels), self.given[1:]
        if len(more) == 1:
            return nir.Conv1d(size[0], weight, 1, more[0], 1, channels, bias)
        return nir.Conv2d(size, weight, (1, 1), more, (1, 1), channels, bias)

    def into(self, weights: nir.NIRNode) -> nir.NIRNode | None:
        """Return a layer's weights for the source's own outputs; None where they cannot say it."""
        weight = np.asarray(weights.weight)
        made = copy(weights)
        if isinstance(weights, nir.Linear | nir.Affine):
            columns = np.zeros((len(weight), math.prod(self.given)))
            np.add.at(columns.T, self.features, self.factors[:, None] * weight.T[self.columns])
            made.weight = columns
            return made
        matrix = self.by_channel() if getattr(weights, "groups", 0) == 1 else None
        if matrix is None:
            return None
        made.weight = np.einsum("kc...,cd->kd...", weight, matrix)
        return made

    def nodes(self, name: str) -> tuple[Nodes, Shape]:
        """Return the nodes that do it, one after the other, with suffixes for their names; and the shape after them.

        Args:
            name: Of the layer, for messages.

        Raises:
            FrameworkError: only a matrix does, and it would be too large.
        """
        if self.straight:
            if (self.factors == 1).all():
                return [], self.given
            return [("scale", nir.Scale(scale=self.factors.reshape(self.given)))], self.given
        matrix = self.by_channel()
        if matrix is not None and len(self.given) in (2, 3):
            return [("take", one_tap(matrix, self.given[1:], np.zeros(len(matrix))))], self.wanted
        padding = self._padding()
        if padding is not None:
            return [("pad", padding)], self.wanted
        size = math.prod(self.wanted), math.prod(self.given)
        if math.prod(size) > MOST_ENTRIES:
            raise FrameworkError(
                f"{name}: takes {size[0]} of {size[1]} numbers in an order that only a matrix of {math.prod(size)} "
                f"weights can give, {MOST_ENTRIES} are allowed; keep channels or places together"
            )
        weight = np.zeros(size)
        np.add.at(weight, (self.columns, self.features), self.factors)
        return [("take", nir.Linear(weight))], (size[0],)


def reshaped(given: Shape, wanted: Shape, target: Any) -> Nodes:
    """Return the nodes that make numbers of one shape those of another, in the same order, for a layer.

    Args:
        target: First node of the layer: weights and neurons count flat numbers by their own sizes.
    """
    if given == wanted or (len(wanted) > 1 and hasattr(target, "v_threshold")):
        return []
    made: Nodes = [] if len(given) == 1 else [("flat", nir.Flatten({"input": np.array(given)}, start_dim=0))]
    if len(wanted) == 3 and not hasattr(target, "weight"):
        made.append(("shape", one_tap(np.ones((wanted[0], 1)), wanted[1:], np.zeros(wanted[0]), wanted[0])))
    return made
