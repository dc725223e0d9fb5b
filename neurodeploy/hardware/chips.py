"""The chips a Program can be made for, and what their operations cost.

Energy: Loihi 2 has no official table of energies per operation. Its band comes from the one public
measurement, PilotNet LIF on Oheo Gulch (lava-dl, tutorials/lava/lib/dl/netx/pilotnet_snn/benchmark.ipynb):
68.3 uJ dynamic per step, 3.04 million synops and 158,509 neurons per step. It can be split between
synops and neuron updates in several ways; the three below span the band.
"""

from __future__ import annotations

from dataclasses import dataclass

from neurodeploy.errors import MappingError, nearest


@dataclass(frozen=True)
class EnergyModel:
    """Joules per operation, dynamic only.

    Attributes:
        read_j: For one potential that the host reads, on its way to the edge of the chip.
        evidence: simulated, measured, fitted or derived.
        source: Where the numbers come from.
    """

    synop_j: float
    neuron_update_j: float
    evidence: str
    source: str
    read_j: float = 0.0


@dataclass(frozen=True)
class Chip:
    """A chip: the widths are those of `fixedpoint.rules`, shared by both generations."""

    name: str
    energy: tuple[EnergyModel, ...]
    unpriced: tuple[str, ...]


_PILOTNET = "PilotNet LIF benchmark of lava-dl (Oheo Gulch), 68.3 uJ dynamic per step"
_DAVIES = "Davies et al., IEEE Micro 38(1):82-99, 2018, Table 2 (pre-silicon, 0.75 V)"
_SANA_FE = "SANA-FE arch/loihi.yaml, Boyle et al., IEEE TCAD 44(8), 2025: fitted to Loihi boards"
_UNPRICED = (
    "static (leakage) power",
    "spike messages and mesh hops",
    "step synchronisation",
    "input, output and host, beyond the way of potentials that are read to the edge of the chip",
)

HOP_J = 3.0e-12
"""A spike message from tile to tile, east or west (north or south 4.0 pJ): Davies et al. 2018, Table 2. None is
published for Loihi 2."""
HOPS = (1, 5, 10)
"""Tiles a message passes to the edge of 32 tiles of 4 cores, 8 by 4: next to it, in between, all the way."""
NEAR, BETWEEN, FAR = (hops * HOP_J for hops in HOPS)

CHIPS: dict[str, Chip] = {
    chip.name: chip
    for chip in (
        Chip(
            name="loihi2",
            energy=(
                EnergyModel(22.5e-12, 0.0, "derived", _PILOTNET + ", all charged to synops", NEAR),
                EnergyModel(19.8e-12, 52e-12, "derived", _PILOTNET + ", after 52 pJ per neuron update", BETWEEN),
                EnergyModel(18.3e-12, 81e-12, "derived", _PILOTNET + ", after 81 pJ per neuron update", FAR),
            ),
            unpriced=_UNPRICED,
        ),
        Chip(
            name="loihi1",
            energy=(
                EnergyModel(23.6e-12, 52e-12, "simulated", _DAVIES + ": minimum synop, idle neurons", NEAR),
                EnergyModel(23.6e-12, 81e-12, "simulated", _DAVIES + ": minimum synop, active neurons", BETWEEN),
                EnergyModel(35.5e-12, 72.8e-12, "fitted", _SANA_FE + ": dense synapse, soma access + update", FAR),
            ),
            unpriced=_UNPRICED,
        ),
    )
}


def chip_named(name: str) -> Chip:
    """Return the chip called `name`.

    Raises:
        MappingError: there is none; the nearest is suggested.
    """
    if name not in CHIPS:
        raise MappingError(f"--chip: {name!r} is unknown; {nearest(name, CHIPS)}")
    return CHIPS[name]
