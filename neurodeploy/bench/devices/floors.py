"""Datasheet floors: joules per multiply-accumulate of a device at full load, where nothing counts its energy.

No network of a user's reaches them; they are a lower bound for the device they were made for, and are never called
measured. torch computes in float32 here, so the floors are those of float32.
"""

import re
from dataclasses import dataclass

from neurodeploy.hardware.chips import chip_named
from neurodeploy.hardware.constants import Constant

_BY_NAME = {
    r"\bH100\b": ("gpu_h100", "fp32"),
    r"\bA100\b": ("gpu_a100", "fp32"),
    r"TITAN Black": ("gpu_titan_black", None),
    r"i7-4960X": ("cpu", "desktop"),
}
"""A device by its name, and the chip and energy model that hold its number; None is the chip's only model."""


@dataclass(frozen=True)
class Floor:
    """Joules per MAC.

    Attributes:
        chip: That the number comes from.
        exact: The device is the one the number is of; else it stands in for want of a better one.
    """

    chip: str
    exact: bool
    constant: Constant


def floor_of(kind: str, device: str) -> Floor | None:
    """Return the floor of a device, by its name; a processor without its own gets the one there is, marked so.

    Args:
        kind: "cpu" or "gpu".
        device: Name that the system or the driver gives.
    """
    exact = next((place for pattern, place in _BY_NAME.items() if re.search(pattern, device)), None)
    place = exact or (("cpu", "desktop") if kind == "cpu" else None)
    if place is None:  # no GPU stands in for another: their floors differ tenfold
        return None
    name, wanted = place
    models = chip_named(name).energy
    model = models[0] if wanted is None else next(one for one in models if one.name == wanted)
    return Floor(name, exact is not None, model.terms["mac"])
