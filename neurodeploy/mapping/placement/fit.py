"""Whether a Program fits a chip, and what would take fewer cores: one type for the verbs, the report and the cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from neurodeploy.hardware.chip import Chip
from neurodeploy.mapping.placement.advice import advice
from neurodeploy.mapping.placement.demand import Counted
from neurodeploy.mapping.placement.described import described
from neurodeploy.mapping.placement.place import place
from neurodeploy.mapping.placement.placement import Placement
from neurodeploy.program.program import Program


@dataclass(frozen=True, eq=False)
class Fit:
    """A placement and the advice on it.

    Attributes:
        placement: The Program's cores, or why it has none.
        advice: As `mapping.placement.advice` gives it; empty where none was asked for.
    """

    placement: Placement
    advice: tuple[dict[str, Any], ...] = ()

    @property
    def fits(self) -> bool:
        return self.placement.fits

    @property
    def cores(self) -> int | None:
        """How many it takes; None where it does not fit."""
        return self.placement.n_cores if self.fits else None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON: those of `described`, with `advice` and the Program's digest."""
        return described(self.placement) | {"advice": list(self.advice), "program": self.placement.program.digest}


def fit_of(program: Program, chip: Chip, *, advise: bool = True) -> Fit:
    """Return whether a Program fits a chip.

    Args:
        program: To be placed.
        chip: With limits.
        advise: Also look for what would take fewer cores: some ten more placements.

    Raises:
        ChipError: the chip's file lacks a limit.
    """
    counted: Counted = {}
    placement = place(program, chip, counted=counted)
    return Fit(placement, tuple(advice(program, chip, placement, counted)) if advise else ())
