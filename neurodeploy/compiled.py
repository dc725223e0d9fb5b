"""Compiled kernels, kept on disk so that the next process need not compile them.

numba renews what it keeps of a function when that function's own file changes, but not when a
file it calls does. So the folder is named after all of the kernels' sources.
"""

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

_BITS = (np.arange(256)[:, None] >> np.arange(8)) & 1
PLACES = np.argsort(1 - _BITS, axis=1, kind="stable").astype(np.uint8).ravel()
"""For every byte of eight flags, the places of those that are set, first (256 x 8)."""


def cache_folder(sources: Path) -> Path:
    """Return where the kernels of a folder of sources are kept: under NEURODEPLOY_CACHE, XDG_CACHE_HOME or ~/.cache.

    Raises:
        RuntimeError: there is no home.
    """
    import numba

    named = os.environ.get("NEURODEPLOY_CACHE")
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "neurodeploy"
    texts = b"".join(path.read_bytes() for path in sorted(sources.glob("*.py")))
    digest = hashlib.sha256(texts + numba.__version__.encode())
    return (Path(named) if named else root) / f"kernels-{digest.hexdigest()[:16]}"


def is_kept(sources: Path) -> bool:
    """Return whether an earlier process has left the kernels of a folder of sources on this machine."""
    try:
        return any(cache_folder(sources).rglob("*.nbc"))
    except (OSError, RuntimeError):  # no home, or one that cannot be read
        return False


def kept_on_disk(function: Callable[..., Any], sources: Path, options: Mapping[str, Any]) -> Any:
    """Return a function compiled, or to be compiled at its first call.

    Args:
        sources: The folder whose `*.py` the function is made of.
        options: For numba's `njit`.
    """
    from numba import njit
    from numba.core import config

    compiler: Any = njit
    settings: Any = config
    try:
        folder = cache_folder(sources)
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # no home, or one that cannot be written
        return compiler(**options)(function)
    before = settings.CACHE_DIR
    settings.CACHE_DIR = str(folder)  # read when a function is decorated, and only then
    try:
        return compiler(**options, cache=True)(function)
    except RuntimeError:
        return compiler(**options)(function)
    finally:
        settings.CACHE_DIR = before
