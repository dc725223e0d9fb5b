"""Energy counters of a device: NVML's of a GPU board, RAPL's of the processor packages.

NVML comes with nvidia-ml-py (`pip install 'neurodeploy-toolkit[gpu]'`), NVIDIA's own binding, which needs nothing else.
RAPL needs no library: Linux shows its counters as files, on AMD processors too.
"""

from pathlib import Path
from typing import Any, Protocol

POWERCAP = Path("/sys/class/powercap")
MICRO, MILLI = 1e-6, 1e-3


class Meter(Protocol):
    """Joules since some moment in the past; only differences mean something.

    Attributes:
        source: "nvml" or "rapl".
        covers: What the number includes, in words.
    """

    source: str
    covers: str

    def joules(self) -> float: ...


class Unmetered(Exception):
    """A counter that is not there, or not for us; the text says why."""


class Nvml:
    """The energy counter of one GPU board, since the driver was loaded; Volta and newer.

    The counter moves every 20 to 100 ms: a window of seconds is needed.

    Args:
        uuid: As torch gives it, so that CUDA_VISIBLE_DEVICES is kept to.

    Raises:
        Unmetered: no binding, no driver, or no counter.
    """

    source = "nvml"
    covers = "the whole GPU board with its memory; not the host's processor"

    def __init__(self, uuid: str) -> None:
        try:
            import pynvml
        except ImportError:
            raise Unmetered("nvidia-ml-py is not installed (pip install 'neurodeploy-toolkit[gpu]')") from None
        self._nvml: Any = pynvml
        try:
            pynvml.nvmlInit()
            name = uuid if uuid.startswith(("GPU-", "MIG-")) else f"GPU-{uuid}"
            self._handle = pynvml.nvmlDeviceGetHandleByUUID(name)
            driver = pynvml.nvmlSystemGetDriverVersion()
            self.driver = driver.decode() if isinstance(driver, bytes) else driver
            self.joules()
        except pynvml.NVMLError as error:
            raise Unmetered(f"NVML has no energy counter for this GPU ({error})") from None

    def joules(self) -> float:
        return MILLI * float(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle))


class Rapl:
    """The energy counters of all processor packages and their memory; they wrap, and each wrap is added.

    Args:
        folder: Where Linux shows power zones.

    Raises:
        Unmetered: there are no zones, or they may not be read (Linux shows them to root alone).
    """

    source = "rapl"
    covers = "all processor packages, and memory where the system counts it, with whatever else runs on them"

    def __init__(self, folder: Path = POWERCAP) -> None:
        self._zones = [zone for zone in sorted(folder.glob("intel-rapl:*")) if _counts(zone)]
        if not self._zones:
            raise Unmetered(f"RAPL shows no processor package ({folder} has none)")
        try:
            self._range = [_number(zone / "max_energy_range_uj") for zone in self._zones]
            self._last = self._read()
        except (OSError, ValueError) as error:
            raise Unmetered(f"RAPL may not be read ({error})") from None
        self._total = 0

    def joules(self) -> float:
        now = self._read()
        for before, after, most in zip(self._last, now, self._range, strict=True):
            self._total += after - before if after >= before else after - before + most
        self._last = now
        return MICRO * self._total

    def _read(self) -> list[int]:
        return [_number(zone / "energy_uj") for zone in self._zones]


def open_meter(kind: str, uuid: str = "") -> tuple[Meter | None, str]:
    """Return a device's counter, or None and why there is none.

    Args:
        kind: "cpu" or "gpu".
        uuid: Of the GPU.
    """
    try:
        return (Rapl() if kind == "cpu" else Nvml(uuid)), ""
    except Unmetered as reason:
        return None, str(reason)


def _counts(zone: Path) -> bool:
    """Packages and memory; "core" and "uncore" are parts of a package, "psys" holds all of it."""
    try:
        name = (zone / "name").read_text(encoding="utf-8").strip()
    except OSError:
        return False
    return name.startswith("package") or name == "dram"


def _number(path: Path) -> int:
    return int(path.read_text(encoding="utf-8"))
