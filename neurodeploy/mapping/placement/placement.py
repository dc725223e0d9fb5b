"""Where every neuron of a Program is: the result of `place`, also as plain values; and where cores stand on the mesh.

Axes: N neurons of a layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from neurodeploy.mapping.placement.limits import (
    GROUPS,
    NEURONS,
    PARAMETER_SETS,
    SYNAPSE_FORMATS,
    THRESHOLD_SETS,
    WORDS,
    Limits,
)
from neurodeploy.mapping.placement.order import neurons_in
from neurodeploy.program.program import Program

SETS = (PARAMETER_SETS, THRESHOLD_SETS, SYNAPSE_FORMATS, GROUPS)


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
    cores: tuple[Core, ...] = ()
    layers: tuple[PlacedLayer, ...] = ()
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


@dataclass(frozen=True, eq=False)
class Mesh:
    """Positions of cores (C,): tile column and row on their chip.

    Assumed: cores are filled in their order, tile after tile, rows from left to right; a message goes along its row
    first, then along the column, and the way is as long as the tiles between. Ways from chip to chip are counted apart.
    """

    chip: np.ndarray
    column: np.ndarray
    row: np.ndarray

    @classmethod
    def of(cls, n_cores: int, limits: Limits) -> Mesh:
        """Return the positions of so many cores.

        >>> from neurodeploy.hardware.chips import chip_named
        >>> mesh = Mesh.of(130, Limits.of(chip_named("loihi1")))
        >>> [(int(mesh.chip[n]), int(mesh.column[n]), int(mesh.row[n])) for n in (3, 4, 32, 128)]
        [(0, 0, 0), (0, 1, 0), (0, 0, 1), (1, 0, 0)]
        """
        chip, core = np.divmod(np.arange(n_cores), limits.cores_per_chip)
        row, column = np.divmod(core // limits.cores_per_tile, limits.mesh_columns)
        return cls(chip, column, row)

    def ways(self, sources: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return tiles east or west, tiles north or south, and chips left, for all pairs (S, T)."""
        pairs = [np.abs(one[sources][:, None] - one[targets]) for one in (self.column, self.row)]
        leaves = self.chip[sources][:, None] != self.chip[targets]
        east_west, north_south = (np.where(leaves, 0, one) for one in pairs)
        return east_west, north_south, leaves.astype(np.int64)


def described(placement: Placement) -> dict[str, Any]:
    """Return a placement as plain values: `fits`, `cores`, `chips`, `binding_limit`, `limits`, `layers`, ...

    Keys: `fits`; `problems`, why not; `chip`; `cores` and `chips` (None where it does not fit);
    `binding_limit` {name, layer, used, limit, unit, source, share, message}; `limits`, the same of every limit, by
    the fullest core; `layers` {name, cores, neurons, order, utilisation, binding, encoding, weight_bits};
    `core_list` {core, chip, layer, first, last, utilisation}; `notes`; `constants`; `advice`; the `program`'s digest.
    """
    limits = placement.limits
    binding = binding_limit(placement)
    return {
        "fits": placement.fits,
        "problems": list(placement.problems),
        "chip": limits.chip,
        "cores": placement.n_cores if placement.fits else None,
        "chips": placement.n_chips if placement.fits else None,
        "cores_per_chip": limits.cores_per_chip,
        "binding_limit": binding,
        "limits": [_fullest(placement, key) for key in limits.most if placement.fits],
        "layers": [_layer(placement, one) for one in placement.layers],
        "core_list": [
            {
                "core": one.index,
                "chip": one.chip,
                "layer": one.layer,
                "first": one.first,
                "last": one.last,
                "utilisation": shares(one.used, limits),
            }
            for one in placement.cores
        ],
        "notes": list(placement.notes),
        "constants": {key: one.to_dict() for key, one in limits.constants.items()},
        "advice": list(placement.advice),
        "program": placement.program.digest,
    }


def shares(used: Mapping[str, int], limits: Limits) -> dict[str, float]:
    """Return how full each limit is, 1 for full."""
    return {key: used[key] / limits.most[key] for key in used}


def binding_of(layer: PlacedLayer, limits: Limits) -> str:
    """Return the limit that decides a layer's cores: what closed most of them, else what is fullest."""
    if layer.stopped:
        return max(layer.stopped, key=lambda key: layer.stopped[key])
    # How many sets a layer has says nothing of its size.
    whole = {key: share for key, share in shares(layer.whole, limits).items() if key not in SETS and layer.whole[key]}
    if not whole:
        return NEURONS
    return max(whole, key=lambda key: whole[key])


def binding_limit(placement: Placement) -> dict[str, Any] | None:
    """Return the limit that decides how many cores there are, and the layer that it costs most.

    That is what closed most cores before their layer was through; where each layer has one core, what is fullest.
    `used` is what the layer would need of it on a single core. Where one neuron is too much for a core, its limit;
    None where no number is in the way.
    """
    limits = placement.limits
    if placement.stuck is not None:
        name, key, used = placement.stuck
        return _row(limits, key, used) | {"layer": name, "message": placement.problems[-1]}
    if not placement.fits:
        return None
    closed: dict[str, int] = {}
    for layer in placement.layers:
        for key, times in layer.stopped.items():
            closed[key] = closed.get(key, 0) + times
    if closed:
        key = max(closed, key=lambda one: closed[one])
        layer = max(placement.layers, key=lambda one: one.stopped.get(key, 0))
        message = (
            f"{layer.name}: {layer.whole[key]:,} {WORDS[key]} are more than the {limits.words(key)} ({key}); "
            f"this limit closes {closed[key]} of {placement.n_cores} cores"
        )
    else:
        layer = max(placement.layers, key=lambda one: shares(one.whole, limits)[binding_of(one, limits)])
        key = binding_of(layer, limits)
        message = f"{layer.name}: {layer.whole[key]:,} of {limits.words(key)} ({key}); every layer has one core"
    return _row(limits, key, layer.whole[key]) | {"layer": layer.name, "message": message}


def _row(limits: Limits, key: str, used: int) -> dict[str, Any]:
    constant = limits.constants[key]
    return {
        "name": key,
        "used": used,
        "limit": limits.most[key],
        "share": used / limits.most[key],
        "unit": WORDS[key],
        "source": constant.source,
        "evidence": constant.evidence,
    }


def _fullest(placement: Placement, key: str) -> dict[str, Any]:
    core = max(placement.cores, key=lambda one: one.used.get(key, 0))
    return _row(placement.limits, key, core.used.get(key, 0)) | {"core": core.index, "layer": core.layer}


def _layer(placement: Placement, layer: PlacedLayer) -> dict[str, Any]:
    limits = placement.limits
    own = placement.cores[layer.cores[0] : layer.cores[1] + 1]
    every = [shares(one.used, limits) for one in own]
    return {
        "name": layer.name,
        "cores": layer.n_cores,
        "first_core": layer.cores[0],
        "neurons": layer.n_neurons,
        "order": layer.order,
        "utilisation": {key: max(one[key] for one in every) for key in every[0]},
        "binding": binding_of(layer, limits),
        "encoding": dict(layer.encodings),
        "weight_bits": dict(layer.bits),
    }
