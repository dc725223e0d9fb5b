"""How long tests wait for what must come: long enough for any machine, so that only what hangs is ended by it."""

from __future__ import annotations

import time
from collections.abc import Callable

ONLY_A_HANG_S = 600
"""Ten minutes, for what takes a second on an idle machine."""


def comes_true(condition: Callable[[], object]) -> bool:
    """Wait until the condition holds; False where it never does."""
    until = time.monotonic() + ONLY_A_HANG_S
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True
