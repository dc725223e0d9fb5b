"""`lava setup` and `lava status`: the environment that Lava runs in."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from neurodeploy.backends.lava import environment
from neurodeploy.progress import Progress, silent


def lava_setup(python: str | Path | None = None, *, progress: Progress = silent) -> dict[str, Any]:
    """Make the environment for Lava's worker; one that is ready is left as it is.

    Args:
        python: A Python 3.10; looked for on the PATH, in pyenv's folder and through uv when None.
        progress: Hears how far the work is.

    Returns:
        As `lava_status`.

    Raises:
        LavaError: there is no Python 3.10, or the installation failed.
    """
    found = environment.setup(python, log=lambda line: progress("lava setup", 0, 0, line))
    return asdict(found)


def lava_status() -> dict[str, Any]:
    """Return whether Lava can run: `ready`, `python`, `versions`, `how`, `folder`, `reason`."""
    return asdict(environment.status())
