"""How the kernels are compiled."""

from typing import Any

from numba import njit

OPTIONS: dict[str, Any] = {"nogil": True, "_nrt": False}
"""Without Python's lock, so that threads run side by side; and without counting references to arrays,
which the caller holds anyway: counting them took a tenth of the time. numba has this second option
for itself only, so that a version without it is no reason to fail."""

compiler: Any = njit
try:
    kernel: Any = compiler(**OPTIONS)
except KeyError:  # pragma: no cover
    del OPTIONS["_nrt"]
    kernel = compiler(**OPTIONS)
inlined: Any = compiler(**OPTIONS, inline="always")
"""For loops that are called once a step: handing arrays over takes as long as some of them."""
