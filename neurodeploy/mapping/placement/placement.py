"""Where every neuron of a Program is: the result of `place`.

Axes: N neurons of a layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from neurodeploy.mapping.placement.limits import Limits
from neurodeploy.mapping.placement.order import neurons_in
from neurodeploy.program.program import Program


@dataclass(frozen=True)
class Core:
    """One core, which holds neurons of one layer.

    Attributes:
        index: Over all chips; `chip` says which.
        first, last: The neurons, counted in the layer's order; `last` is the last one.
        used: How much of each limit.
    """

    index: int
    chip: int
    layer: str
    first: int
    last: int
    used: Mapping[str, int]

    @property
    def n_neurons(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True, eq=False)
class PlacedLayer:
    """The cores of one layer.

    Attributes:
        order: One of `order`: how its neurons are dealt out, of an image of `shape`.
        cores: The first and last of them.
        stopped: How many cores were closed because of each limit; empty where one core holds all.
        whole: How much of each limit the layer would use on one core.
        encodings: How each connection that ends here is stored.
        bits: The width of its weights there.
    """

    name: str
    n_neurons: int
    order: str
    shape: tuple[int, ...]
    cores: tuple[int, int]
    stopped: Mapping[str, int]
    whole: Mapping[str, int]
    encodings: Mapping[str, str]
    bits: Mapping[str, int]

    @property
    def n_cores(self) -> int:
        return self.cores[1] - self.cores[0] + 1


@dataclass(frozen=True, eq=False)
class Placement:
    """A Program on a chip, or on several.

    Attributes:
        problems: Why it does not fit, one line each; then there are no cores.
        stuck: Where a single neuron is too much for a core: layer, limit, and what it needs.
        notes: What was assumed for this network.
        advice: What would take fewer cores, as `advice.advice` gives it; empty where none was asked for.
    """

    program: Program
    limits: Limits
    cores: tuple[Core, ...]
    layers: tuple[PlacedLayer, ...]
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    stuck: tuple[str, str, int] | None = None
    advice: tuple[dict[str, Any], ...] = ()

    @property
    def fits(self) -> bool:
        return not self.problems

    @property
    def n_cores(self) -> int:
        return len(self.cores)

    @property
    def n_chips(self) -> int:
        return max((one.chip for one in self.cores), default=-1) + 1

    def layer(self, name: str) -> PlacedLayer:
        """Return the cores of the layer called `name`."""
        return next(one for one in self.layers if one.name == name)

    @cached_property
    def core_of(self) -> Mapping[str, np.ndarray]:
        """The core of every neuron (N,) by layer, neurons numbered as in the Program."""
        found = {}
        for one in self.layers:
            core_N = np.empty(one.n_neurons, np.int64)
            neurons = neurons_in(one.order, one.shape)
            for core in self.cores[one.cores[0] : one.cores[1] + 1]:
                core_N[neurons[core.first : core.last + 1]] = core.index
            found[one.name] = core_N
        return found
