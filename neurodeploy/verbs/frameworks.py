"""`frameworks setup` and `frameworks status`: the frameworks that networks are read from and written for."""

import functools
import importlib
import importlib.util
import shutil
import sys
from importlib import metadata
from typing import Any

from neurodeploy.errors import FrameworkError
from neurodeploy.installed import PINS, carry_out
from neurodeploy.progress import Progress, silent

WANTED = PINS | {"loguru": "0.7.3"}
"""With what SpikingJelly imports and nothing else of ours brings."""
NEEDS = {"spikingjelly": (3, 11)}
"""The first Python of a framework, where that is later than ours."""


def frameworks_setup(*, progress: Progress = silent) -> dict[str, Any]:
    """Install the frameworks that are missing into this Python's environment; those that are there stay as they are.

    They go in without their dependencies: Norse and SpikingJelly declare torchvision or torchaudio, which nothing here
    needs and which would replace torch by a build with CUDA, of several GB. What they do need comes with neurodeploy.

    Args:
        progress: Hears how far the work is.

    Returns:
        As `frameworks_status`.

    Raises:
        FrameworkError: there is neither pip nor uv, or the installation failed.
    """
    status = frameworks_status()
    missing = [f"{name}=={WANTED[name]}" for name in WANTED if _version(name) is None and name not in status["absent"]]
    if missing:
        command = [*_installer(), "--no-deps", *missing]
        told = functools.partial(progress, "frameworks setup", 0, 0)
        carry_out(command, "pip failed", told, FrameworkError, "frameworks")
        importlib.invalidate_caches()
    return frameworks_status()


def frameworks_status() -> dict[str, Any]:
    """Return which frameworks are installed.

    Returns:
        `ready`: all that this Python can have are there; `versions`: by name, of those that are there; `missing`: names
        of those that are not; `absent`: by name, why this Python cannot have it; `tested`: the versions tested with.
    """
    absent = {
        name: f"needs Python {first[0]}.{first[1]} or later"
        for name, first in NEEDS.items()
        if sys.version_info < first
    }
    found = {name: _version(name) for name in WANTED}
    return {
        "ready": all(version or name in absent for name, version in found.items()),
        "versions": {name: version for name, version in found.items() if version},
        "missing": [name for name, version in found.items() if not version and name not in absent],
        "absent": absent,
        "tested": dict(WANTED),
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _installer() -> list[str]:
    """Return the command that installs into the environment of this very Python."""
    if importlib.util.find_spec("pip"):
        quiet = ("--no-input", "--disable-pip-version-check", "--progress-bar=off")
        return [sys.executable, "-m", "pip", "install", *quiet]
    if uv := shutil.which("uv"):
        return [uv, "pip", "install", "--python", sys.executable]
    raise FrameworkError("neither pip nor uv is here", "install one of them, then run it again", where="frameworks")
