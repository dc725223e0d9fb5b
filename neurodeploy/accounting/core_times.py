"""What a step costs each core: synapse memory, neuron updates, and messages, priced by a chip's times.

Axes: T step, C core of the placement, K end of the band: low, mid, high.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from neurodeploy.accounting.routes import Route
from neurodeploy.accounting.tally import INPUT
from neurodeploy.hardware.chip import Chip
from neurodeploy.hardware.constants import Constant
from neurodeploy.mapping.placement import Placement

BOUNDS = ("memory", "compute", "traffic")
WANTED = {
    "synops": ("synop_dense_s", "synop_sparse_s", "synop_conv_s", "synop_s"),
    "neuron updates": ("neuron_update_s",),
    "spikes where they are sent": ("spike_s",),
    "messages leaving a core": ("message_s",),
    "messages arriving at a core": ("axon_in_s",),
    "ways on the mesh": ("hop_ew_s", "hop_ns_s", "hop_s"),
    "the end of a step, which all cores wait for": ("barrier_s",),
}
"""What a step consists of, and the times that price it."""


@dataclass(eq=False)
class Prices:
    """The times of a chip as bands, and which of them were used."""

    chip: Chip
    used: dict[str, Constant] = field(default_factory=dict)

    def band(self, *keys: str) -> np.ndarray:
        """Return the first of the keys that the chip has, (K,); zeros where it has none."""
        for key in keys:
            if key in self.chip.times:
                one = self.chip.times[key]
                self.used[key] = one
                return np.array([one.least, one.value, one.most])
        return np.zeros(3)

    def missing(self) -> list[str]:
        """Return what a step consists of and has no price."""
        return [what for what, keys in WANTED.items() if not any(key in self.chip.times for key in keys)]


def core_times(
    found: Sequence[Route], placement: Placement, spikes: Mapping[str, np.ndarray], prices: Prices
) -> np.ndarray:
    """Return the time of every step in every core by what takes it, (3 of BOUNDS, T, C, K) seconds.

    Memory: synops. Compute: every neuron's update, and its spikes. Traffic: messages out and in.

    Args:
        spikes: Events of the input and of every layer, (T, N), 0 or 1; or mean rates.
    """
    n_steps, n_cores = len(spikes[INPUT]), placement.n_cores
    times = np.zeros((3, n_steps, n_cores, 3))
    neurons_C = np.array([one.n_neurons for one in placement.cores], np.float64)
    times[1] += neurons_C[:, None] * prices.band("neuron_update_s")
    spike, out, into = prices.band("spike_s"), prices.band("message_s"), prices.band("axon_in_s")
    for name, core_N in placement.core_of.items():
        sent_TC = _by_core(spikes[name], core_N, n_cores)
        times[1] += sent_TC[..., None] * spike
    for one in found:
        events_TI = np.asarray(spikes[one.source], np.float32)
        synop = prices.band(f"synop_{one.kind}_s", "synop_s")
        times[0][:, one.cores] += (events_TI @ one.synops_IC)[..., None] * synop
        times[2][:, one.cores] += (events_TI @ one.reaches_IC)[..., None] * into
        if one.source != INPUT:
            messages_TI = events_TI * one.reaches_IC.sum(axis=1)
            times[2] += _by_core(messages_TI, placement.core_of[one.source], n_cores)[..., None] * out
    return times


def between(found: Sequence[Route], placement: Placement, prices: Prices) -> np.ndarray:
    """Return what a step takes beside its busiest core, (K,): the longest way on the mesh, and the barrier."""
    ways = [one.longest for one in found if one.source != INPUT]
    east_west, north_south = prices.band("hop_ew_s", "hop_s"), prices.band("hop_ns_s", "hop_s")
    way = max((column * east_west + row * north_south for column, row in ways), key=lambda one: one[1], default=0)
    several = ("barrier_multichip_s",) if placement.n_chips > 1 else ()
    return np.asarray(way + prices.band(*several, "barrier_s"))


def _by_core(values_TN: np.ndarray, core_N: np.ndarray, n_cores: int) -> np.ndarray:
    """Return sums over each core's neurons (T, C)."""
    first, last = int(core_N.min()), int(core_N.max())
    mine = (core_N[:, None] == np.arange(first, last + 1)).astype(np.float32)
    found = np.zeros((len(values_TN), n_cores))
    found[:, first : last + 1] = np.asarray(values_TN, np.float32) @ mine
    return found
