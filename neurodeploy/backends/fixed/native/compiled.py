"""The compiled kernels, kept on disk so that the next process need not compile them."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from neurodeploy import compiled
from neurodeploy.backends.fixed.native import steps
from neurodeploy.backends.fixed.native.jit import OPTIONS

SOURCES = Path(__file__).parent


def cache_folder() -> Path:
    """Return where compiled kernels are kept."""
    return compiled.cache_folder(SOURCES)


@functools.cache
def advance() -> Any:
    """Return `steps.advance` compiled, or to be compiled at its first call."""
    return compiled.kept_on_disk(steps.advance, SOURCES, OPTIONS)
