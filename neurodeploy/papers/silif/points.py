"""From measurements to the points of a figure: means, spreads, and what is said of them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from neurodeploy.papers.silif.measure import REFUSED, Record
from neurodeploy.papers.silif.points_cited import Point
from neurodeploy.papers.silif.survey import Case, Found


class Measured(NamedTuple):
    """A point, and what the picture does not show of it.

    Attributes:
        initial_state: "random" or "zero".
        accuracies: Of each seed.
    """

    point: Point
    initial_state: str
    accuracies: list[float]

    def told(self) -> dict[str, Any]:
        """Return everything as plain values for JSON; `accuracy_se` is the standard error of so many samples."""
        return told(self.point) | {
            "initial_state": self.initial_state,
            "accuracies": self.accuracies,
            "accuracy_se": math.sqrt(self.point.accuracy * (1 - self.point.accuracy) / (self.point.n_samples or 1)),
        }


def told(point: Point) -> dict[str, Any]:
    """Return a point as plain values for JSON.

    >>> told(Point("a", "integer", 0.5, energy_j=(1.0, 2.0, 3.0)))["energy_j"]
    {'low': 1.0, 'mid': 2.0, 'high': 3.0}
    """
    band = point.energy_j
    energy = None if band is None else dict(zip(("low", "mid", "high"), band, strict=True))
    return asdict(point) | {"energy_j": energy}


def measured_points(cases: Sequence[Case], found: Sequence[Found]) -> list[Measured]:
    """Return each network's points: float from random initial states where it has some, from zero, and over bits.

    Of several trained networks, an integer point is the mean of those that can become Programs.
    """
    points = []
    for network in dict.fromkeys(case.subject.network for case in cases):
        own = [(case, one) for case, one in zip(cases, found, strict=True) if case.subject.network == network]
        many = "trained networks" if own[0][0].trained_seed is not None else "evaluation seeds"
        random = [one.floats[seed] for case, one in own for seed in case.seeds]
        if random:
            points.append(_point(network, "random", random, many))
        points.append(_point(network, "zero", [one.floats[None] for _, one in own], many))
        for bits in sorted(own[0][1].integers):
            records = [record for _, one in own if REFUSED not in (record := one.integers[bits])]
            if records:
                points.append(_point(network, "zero", records, many, bits, lacking=len(own) - len(records)))
    return points


def _point(
    network: str, initial_state: str, records: Sequence[Record], many: str, bits: int | None = None, lacking: int = 0
) -> Measured:
    accuracies = [record["accuracy"] for record in records]
    over = f", mean of {len(records)} {many}" if len(records) > 1 else ""
    if lacking:
        over = f", {len(records)} of {len(records) + lacking} {many}, the others cannot become Programs"
    band = None
    if bits is not None:
        low, mid, high = (statistics.fmean(one["energy_j"][key] for one in records) for key in ("low", "mid", "high"))
        band = (low, mid, high)
    point = Point(
        network=network,
        world="float" if bits is None else "integer",
        accuracy=statistics.fmean(accuracies),
        accuracy_sd=statistics.stdev(accuracies) if len(accuracies) > 1 else 0.0,
        synops_exact=statistics.fmean(one["synops_exact"] for one in records),
        synops_paper=statistics.fmean(one["synops_paper"] for one in records),
        bits=bits,
        energy_j=band,
        n_samples=records[0]["samples"],
        note=f"{initial_state} initial state{over}",
    )
    return Measured(point, initial_state, accuracies)
