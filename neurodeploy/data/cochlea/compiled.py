"""Compiled functions, kept on disk so that the next process need not compile them.

The folder is named after this room's sources: numba itself looks at a function's own file only.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba.core import config as numba_config

OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "_nrt": False,
    "fastmath": {"contract", "nnan", "nsz"},
}
"""Without Python's lock, so that threads run side by side; without checks for division by zero, which
keep loops from becoming vector instructions; and without counting references to arrays. numba has the
last option for itself only, so that a version without it is no reason to fail."""
compiler: Any = numba.njit
config: Any = numba_config
try:
    kernel: Any = compiler(**OPTIONS)
except KeyError:  # pragma: no cover
    del OPTIONS["_nrt"]
    kernel = compiler(**OPTIONS)


def cache_folder() -> Path:
    """Return where compiled functions are kept: under NEURODEPLOY_CACHE, XDG_CACHE_HOME or ~/.cache."""
    named = os.environ.get("NEURODEPLOY_CACHE")
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "neurodeploy"
    sources = sorted(Path(__file__).parent.glob("*.py"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources) + numba.__version__.encode())
    return (Path(named) if named else root) / f"cochlea-{digest.hexdigest()[:16]}"


def is_kept() -> bool:
    """Return whether an earlier process has left compiled functions on this machine."""
    try:
        return any(cache_folder().rglob("*.nbc"))
    except (OSError, RuntimeError):  # no home, or one that cannot be read
        return False


def kept(function: Callable[..., Any]) -> Any:
    """Return a function compiled at its first call, from the disk where an earlier process has left it."""
    try:
        folder = cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # no home, or one that cannot be written
        return kernel(function)
    before = config.CACHE_DIR
    config.CACHE_DIR = str(folder)  # read when a function is decorated, and only then
    try:
        return compiler(**OPTIONS, cache=True)(function)
    except RuntimeError:
        return kernel(function)
    finally:
        config.CACHE_DIR = before
