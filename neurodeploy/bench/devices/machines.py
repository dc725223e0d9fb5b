"""The processor and the GPU that torch can use here: names, drivers, energy counters or floors, and how to wait."""

import os
import platform
import re
from dataclasses import dataclass
from importlib import metadata
from typing import Any, NamedTuple

import torch

from neurodeploy.bench import machine
from neurodeploy.bench.devices.meter import Meter, open_meter
from neurodeploy.errors import RunError, nearest
from neurodeploy.hardware.chips import chip_named
from neurodeploy.hardware.constants import Constant

CHOICES = ("auto", "cpu", "cuda")
FLOORS = {
    r"\bH100\b": ("gpu_h100", "fp32"),
    r"\bA100\b": ("gpu_a100", "fp32"),
    r"TITAN Black": ("gpu_titan_black", None),
    r"i7-4960X": ("cpu", "desktop"),
}
"""A device by its name, and the chip and energy model that hold its floor; None is the chip's only model."""


@dataclass(frozen=True)
class Device:
    """One device.

    Attributes:
        name: As its maker calls it, with the threads of a processor: other threads are another measurement.
        kind: "cpu" or "gpu".
        driver: Of a GPU with its CUDA version; of a processor, the system's kernel.
        meter: Its energy counter, if there is one.
        unmetered: Why there is none.
    """

    name: str
    kind: str
    torch: torch.device
    driver: str
    threads: int
    meter: Meter | None
    unmetered: str

    def wait(self) -> None:
        """Wait until it has done everything it was given."""
        if self.kind == "gpu":
            torch.cuda.synchronize(self.torch)

    def empty(self) -> None:
        """Give back memory that is held for nothing."""
        if self.kind == "gpu":
            torch.cuda.empty_cache()


def devices(choice: str, threads: int | None = None) -> list[Device]:
    """Return the devices to measure on: "auto" is the processor, and the GPU that torch uses where there is one.

    Raises:
        RunError: the choice is unknown, or there is no such device.
    """
    if choice not in CHOICES:
        raise RunError(f"{choice!r} is unknown", nearest(choice, CHOICES), option="device")
    if choice == "cuda" and not torch.cuda.is_available():
        raise RunError("found 'cuda', torch sees no GPU on this machine", "choose cpu or auto", option="device")
    found, threads = [], threads or torch.get_num_threads()
    if choice != "cuda":
        meter, reason = open_meter("cpu")
        name = f"{machine.describe()['cpu']}, {threads} thread{'s' if threads > 1 else ''}"
        system = f"{platform.system()} {platform.release()}"
        found.append(Device(name, "cpu", torch.device("cpu"), system, threads, meter, reason))
    if choice != "cpu" and torch.cuda.is_available():
        index = torch.cuda.current_device()
        properties: Any = torch.cuda.get_device_properties(index)
        meter, reason = open_meter("gpu", str(getattr(properties, "uuid", "")))
        driver = f"{getattr(meter, 'driver', 'unknown')}, CUDA {torch.version.cuda}"
        found.append(Device(properties.name, "gpu", torch.device("cuda", index), driver, threads, meter, reason))
    return found


def load() -> float | None:
    """Return how many programs waited for a processor in the last minute; None where the system does not say."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return None


def versions() -> dict[str, str]:
    """Return what the numbers depend on."""
    found = {"python": platform.python_version(), "torch": torch.__version__, "numpy": metadata.version("numpy")}
    if torch.version.cuda and torch.cuda.is_available():
        found["cuda"] = torch.version.cuda
    return found


class Floor(NamedTuple):
    """Datasheet joules per MAC at full load, in float32 as torch computes here: a lower bound, never called measured.

    `exact`: the device is the one that the `chip`'s number is of; else it stands in for want of a better one.
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
    exact = next((place for pattern, place in FLOORS.items() if re.search(pattern, device)), None)
    place = exact or (("cpu", "desktop") if kind == "cpu" else None)
    if place is None:  # no GPU stands in for another: their floors differ tenfold
        return None
    name, wanted = place
    model = next(one for one in chip_named(name).energy if wanted in (None, one.name))
    return Floor(name, exact is not None, model.terms["mac"])
