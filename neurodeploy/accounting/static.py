"""Static energy: what a chip takes for being on, times the time of a sample."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

from neurodeploy.errors import DataError
from neurodeploy.hardware.chips import Chip
from neurodeploy.hardware.constants import Constant

ENDS = ("low", "mid", "high")


def static(
    chip: Chip, placement: Mapping[str, Any], latency_s: float | Mapping[str, float] | None
) -> tuple[dict[str, float] | None, dict[str, Constant]]:
    """Return the static energy of one sample {low, mid, high} in joules, and the constants it comes from.

    None where the time is not known, or the chip file gives no power. Whole chips and the share of the cores in use
    are two readings of one power, so the band spans them: they are not added.

    Args:
        placement: `chips`, 1 where it is not said, and `cores` in use.
        latency_s: Time of one sample, or its band.

    Raises:
        DataError: the time is negative or not finite.
    """
    times = band_of(latency_s)
    readings = []
    if "static_chip_w" in chip.power:
        readings.append((float(placement.get("chips") or 1), chip.power["static_chip_w"]))
    if "static_core_w" in chip.power and placement.get("cores"):
        readings.append((float(placement["cores"]), chip.power["static_core_w"]))
    if times is None or not readings:
        return None, {}
    watts = {
        "low": min(number * one.least for number, one in readings),
        "mid": statistics.median(number * one.value for number, one in readings),
        "high": max(number * one.most for number, one in readings),
    }
    return {end: watts[end] * times[end] for end in ENDS}, {one.key: one for _, one in readings}


def band_of(latency_s: float | Mapping[str, float] | None) -> dict[str, float] | None:
    """Return a time as a band.

    >>> band_of(0.5)
    {'low': 0.5, 'mid': 0.5, 'high': 0.5}

    Raises:
        DataError: it is negative or not finite.
    """
    if latency_s is None:
        return None
    found = {end: float(latency_s[end] if isinstance(latency_s, Mapping) else latency_s) for end in ENDS}
    if not all(0 <= one < float("inf") for one in found.values()):
        raise DataError(f"latency_s: {latency_s} is no time of a sample, a finite number of seconds was expected")
    return found


def mid_of(latency_s: float | Mapping[str, float] | None) -> float | None:
    """Return the middle of a time's band; None for none."""
    found = band_of(latency_s)
    return None if found is None else found["mid"]
