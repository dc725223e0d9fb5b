"""The compiled engine made ready before a clock starts.

Its kernels are compiled once on a machine, which takes half a minute or more, and loaded once in a process.
"""

from __future__ import annotations

import numpy as np

from neurodeploy.backends.fixed.run import AUTO, ENGINES, engine_for
from neurodeploy.program.program import Program
from neurodeploy.progress import Progress, silent

STAGE = "compiling"
_LOADED: list[bool] = []
"""Holds something once this process has the kernels."""


def is_compiled() -> bool:
    """Return whether an earlier process has left compiled kernels on this machine."""
    from neurodeploy.backends.fixed.native.compiled import cache_folder

    try:
        return any(cache_folder().rglob("*.nbc"))
    except (OSError, RuntimeError):  # no home, or one that cannot be read
        return False


def make_ready(program: Program, engine: str = AUTO, progress: Progress = silent) -> None:
    """Compile or load the kernels, where this engine has some, and tell why that takes its time.

    Args:
        engine: One of `ENGINES`, or "auto".
    """
    make = engine_for(program, engine)
    if _LOADED or make is not ENGINES["native"]:
        return
    compiled = is_compiled()
    if not compiled:
        progress(STAGE, 0, 1, "the simulator, once on this machine; it takes half a minute or more")
    nothing = np.zeros((1, 0, program.n_inputs), np.int32 if program.graded_input else np.uint8)
    make(program, 1, threads=1, goes_on=False).advance(nothing)
    if not compiled:
        progress(STAGE, 1, 1, "the simulator")
    _LOADED.append(True)
