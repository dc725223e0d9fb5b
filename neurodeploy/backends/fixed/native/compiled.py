"""The compiled kernels, kept on disk so that the next process need not compile them.

numba renews what it keeps of a function when that function's own file changes, but not when a
file it calls does. So the folder is named after all of the kernels' sources.
"""

from __future__ import annotations

import functools
import hashlib
import os
from pathlib import Path
from typing import Any

import numba
from numba.core import config as numba_config

from neurodeploy.backends.fixed.native import steps
from neurodeploy.backends.fixed.native.jit import OPTIONS, compiler


def cache_folder() -> Path:
    """Return where compiled kernels are kept: under NEURODEPLOY_CACHE, XDG_CACHE_HOME or ~/.cache."""
    named = os.environ.get("NEURODEPLOY_CACHE")
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "neurodeploy"
    sources = sorted(Path(__file__).parent.glob("*.py"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources) + numba.__version__.encode())
    return (Path(named) if named else root) / f"kernels-{digest.hexdigest()[:16]}"


config: Any = numba_config


@functools.cache
def advance() -> Any:
    """Return `steps.advance` compiled, or to be compiled at its first call."""
    try:
        folder = cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # no home, or one that cannot be written
        return _function(cached=False)
    before = config.CACHE_DIR
    config.CACHE_DIR = str(folder)  # read when a function is decorated, and only then
    try:
        return _function(cached=True)
    except RuntimeError:
        return _function(cached=False)
    finally:
        config.CACHE_DIR = before


def _function(*, cached: bool) -> Any:
    return compiler(**OPTIONS, cache=cached)(steps.advance)
