"""Which code runs the recurrences of the SiLIF family over time.

`reference` is the readable torch loop. Engines that do the same in one piece go here, behind `auto`.
"""

from __future__ import annotations

from typing import Any, Literal

import torch

from neurodeploy.errors import NetworkError, nearest
from neurodeploy.neurons import adaptive, leaky, resonator

ScanEngine = Literal["auto", "reference", "fused"]
ENGINES: tuple[str, ...] = ("auto", "reference")


def adaptive_scan(engine: str, *arguments: Any) -> torch.Tensor:
    """Return the spikes (B, T, N) of `adaptive.adaptive_scan`, by the engine named.

    Raises:
        NetworkError: the engine is unknown.
    """
    _check(engine)
    return adaptive.adaptive_scan(*arguments)


def resonator_scan(engine: str, *arguments: Any) -> torch.Tensor:
    """Return the spikes (B, T, N) of `resonator.resonator_scan`, by the engine named.

    Raises:
        NetworkError: the engine is unknown.
    """
    _check(engine)
    return resonator.resonator_scan(*arguments)


def leaky_scan(engine: str, *arguments: Any) -> torch.Tensor:
    """Return the potentials (B, T, N) of `leaky.leaky_scan`, by the engine named.

    Raises:
        NetworkError: the engine is unknown.
    """
    _check(engine)
    return leaky.leaky_scan(*arguments)


def _check(engine: str) -> None:
    if engine not in ENGINES:
        raise NetworkError(f"network: scan_engine {engine!r} is not there; {nearest(engine, ENGINES)}")
