"""The machine a measurement was made on."""

import platform
from pathlib import Path
from typing import Any

from neurodeploy.memory import cores

CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


def cache_bytes() -> dict[str, int]:
    """Return the size of each cache that one core sees, such as `L2`; empty where the system does not say."""
    found = {}
    for index in sorted(CACHES.glob("index*")):
        try:
            level, kind, size = ((index / name).read_text().strip() for name in ("level", "type", "size"))
        except OSError:
            continue
        if kind != "Instruction" and size.endswith("K"):
            found[f"L{level}"] = int(size[:-1]) << 10
    return found


def describe() -> dict[str, Any]:
    return {"cpu": _cpu(), "cores": cores(), "cache": cache_bytes(), "python": platform.python_version()}


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()
