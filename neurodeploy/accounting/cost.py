"""What a run costs on a chip: where it lies, how long it takes, what it takes in energy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from neurodeploy.accounting.energy import Energy
from neurodeploy.accounting.latency import Latency
from neurodeploy.mapping.placement.fit import Fit


@dataclass(frozen=True)
class Cost:
    """The cost of a run.

    Attributes:
        fit: None where no Program can be made for the chip, or its limits are not known.
        latency: None there too, and where the network does not fit.
    """

    fit: Fit | None
    latency: Latency | None
    energy: Energy

    @property
    def latency_s(self) -> float | None:
        return None if self.latency is None else self.latency.latency_s

    @property
    def energy_j(self) -> dict[str, Any] | None:
        """The energy's band as plain values."""
        return None if self.energy.energy_j is None else self.energy.energy_j.to_dict()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "fit": None if self.fit is None else self.fit.to_dict(),
            "latency": None if self.latency is None else self.latency.to_dict(),
            "energy": self.energy.to_dict(),
        }
