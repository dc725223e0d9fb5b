"""How the cochlea's functions are compiled, and whether they were before."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

from neurodeploy.compiled import kept_on_disk

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
try:
    kernel: Any = compiler(**OPTIONS)
except KeyError:  # pragma: no cover
    del OPTIONS["_nrt"]
    kernel = compiler(**OPTIONS)


SOURCES = Path(__file__).parent


def kept(function: Callable[..., Any]) -> Any:
    """Return a function compiled at its first call, from the disk where an earlier process has left it."""
    return kept_on_disk(function, SOURCES, OPTIONS)
