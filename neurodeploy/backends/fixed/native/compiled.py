"""The compiled kernels, kept on disk so that the next process need not compile them."""

import functools
import gc
from pathlib import Path
from typing import Any

from neurodeploy import compiled
from neurodeploy.backends.fixed.native import steps
from neurodeploy.backends.fixed.native.jit import OPTIONS

SOURCES = Path(__file__).parent
_ENTRY: list[Any] = []
"""The machine code's own entry, once this process has it."""


def cache_folder() -> Path:
    """Return where compiled kernels are kept."""
    return compiled.cache_folder(SOURCES)


@functools.cache
def advance() -> Any:
    """Return `steps.advance` compiled, or to be compiled at its first call."""
    return compiled.kept_on_disk(steps.advance, SOURCES, OPTIONS)


def run(*arguments: Any) -> None:
    """Call the kernel.

    It exists for one set of types, which its only caller always hands over. So calls after the first go straight to
    it: numba would look at the types of forty arrays each time, which takes as long as five steps of a small network.
    """
    if _ENTRY:
        _ENTRY[0](*arguments)
        return
    kernel, collects = advance(), gc.isenabled()
    gc.disable()  # of which compiling takes a fifth longer
    try:
        kernel(*arguments)
    finally:
        if collects:
            gc.enable()
    variants = list(kernel.overloads.values())
    _ENTRY.append(variants[0].entry_point if len(variants) == 1 else kernel)
