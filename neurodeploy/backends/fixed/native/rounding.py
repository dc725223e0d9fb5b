"""Floating-point rounding toward zero, for the thread that asks for it.

A leak is a product rounded toward zero. Where the processor itself rounds products toward zero,
a float32 multiplication and a truncation give it exactly: the states have 24 bits, and so has
float32. That is two instructions where integers of 32 bits take nine.
"""

import ctypes
import functools
import platform
from typing import Any

import numpy as np

TOWARD_ZERO = {"x86_64": 0xC00, "AMD64": 0xC00, "aarch64": 0xC00000, "arm64": 0xC00000}.get(platform.machine())
"""FE_TOWARDZERO of fenv.h, which C leaves to each processor; None where it is not known."""


class TowardZero:
    """Rounds toward zero inside its `with` block; entering says whether this thread now does."""

    def __enter__(self) -> bool:
        self.fenv = _fenv()
        if self.fenv is None:
            return False
        self.before = self.fenv.fegetround()
        self.fenv.fesetround(TOWARD_ZERO)
        return _works()

    def __exit__(self, *_: object) -> None:
        if self.fenv is not None:
            self.fenv.fesetround(self.before)


@functools.cache
def _works() -> bool:
    """Return whether a product obeys the mode: 8384513 * 4095 / 4096 is a little less than 8382466."""
    return bool(np.multiply(np.float32(8384513), np.float32(4095 / 4096)) < 8382466)


@functools.cache
def _fenv() -> Any:
    """Return C's library with its fenv functions, or None where this system does not offer them."""
    try:
        library = ctypes.CDLL(None)
    except (OSError, TypeError):
        return None
    return library if TOWARD_ZERO is not None and hasattr(library, "fesetround") else None
