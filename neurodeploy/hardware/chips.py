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
        evidence: simulated, measured, fitted or derived.
        source: Where the numbers come from.
    """

    synop_j: float
    neuron_update_j: float
    evidence: str
    source: str


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
    "input, output and host",
)

CHIPS: dict[str, Chip] = {
    chip.name: chip
    for chip in (
        Chip(
            name="loihi2",
            energy=(
                EnergyModel(22.5e-12, 0.0, "derived", _PILOTNET + ", all charged to synops"),
                EnergyModel(19.8e-12, 52e-12, "derived", _PILOTNET + ", after 52 pJ per neuron update"),
                EnergyModel(18.3e-12, 81e-12, "derived", _PILOTNET + ", after 81 pJ per neuron update"),
            ),
            unpriced=_UNPRICED,
        ),
        Chip(
            name="loihi1",
            energy=(
                EnergyModel(23.6e-12, 52e-12, "simulated", _DAVIES + ": minimum synop, idle neurons"),
                EnergyModel(23.6e-12, 81e-12, "simulated", _DAVIES + ": minimum synop, active neurons"),
                EnergyModel(35.5e-12, 72.8e-12, "fitted", _SANA_FE + ": dense synapse, soma access + update"),
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
