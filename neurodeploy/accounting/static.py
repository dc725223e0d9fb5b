"""Static energy: what a chip takes for being on, times the time of a sample."""

from __future__ import annotations

import operator
import statistics

from neurodeploy.accounting.band import Band
from neurodeploy.accounting.routes import Traffic
from neurodeploy.hardware.chip import Chip
from neurodeploy.hardware.constants import Constant


def static(chip: Chip, traffic: Traffic, latency_s: Band | None) -> tuple[Band | None, dict[str, Constant]]:
    """Return the static energy of one sample in joules, and the constants it comes from.

    None where the time is not known, or the chip file gives no power. Whole chips and the share of the cores in use
    are two readings of one power, so the band spans them: they are not added.

    Args:
        chip: Where it runs.
        traffic: Holds the chips, 1 where they are not said, and the cores in use.
        latency_s: Time of one sample.
    """
    readings = []
    if "static_chip_w" in chip.power:
        readings.append((float(traffic.chips or 1), chip.power["static_chip_w"]))
    if "static_core_w" in chip.power and traffic.cores:
        readings.append((float(traffic.cores), chip.power["static_core_w"]))
    if latency_s is None or not readings:
        return None, {}
    watts = Band(
        low=min(number * one.least for number, one in readings),
        mid=statistics.median(number * one.value for number, one in readings),
        high=max(number * one.most for number, one in readings),
    )
    return watts.each(operator.mul, latency_s), {one.key: one for _, one in readings}
