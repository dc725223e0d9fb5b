"""A number that several sources or models give differently: its least, middle and most."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from neurodeploy.accounting.plain import Plain
from neurodeploy.errors import DataError


@dataclass(frozen=True)
class Band(Plain):
    """Least, middle and most, in one unit."""

    low: float
    mid: float
    high: float

    def each(self, change: Callable[[float, float], float], other: Band) -> Band:
        """Return the band of `change` of both, end by end."""
        return Band(change(self.low, other.low), change(self.mid, other.mid), change(self.high, other.high))


def of_ends(values: Iterable[float]) -> Band:
    """Return the band of three numbers in the order low, mid, high.

    >>> of_ends([1, 2, 4])
    Band(low=1.0, mid=2.0, high=4.0)
    """
    return Band(*(float(one) for one in values))


def as_band(latency_s: float | Band | None) -> Band | None:
    """Return a time as a band.

    >>> as_band(0.5)
    Band(low=0.5, mid=0.5, high=0.5)

    Raises:
        DataError: it is negative or not finite.
    """
    if latency_s is None:
        return None
    found = latency_s if isinstance(latency_s, Band) else of_ends([latency_s] * 3)
    if not all(0 <= one < float("inf") for one in (found.low, found.mid, found.high)):
        raise DataError(f"latency_s: {latency_s} is no time of a sample, a finite number of seconds was expected")
    return found
