"""Which code runs the recurrences of the SiLIF family over time.

`reference` is the readable torch loop. `fused` does the same in one piece; `auto` is that wherever it can run.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Literal

import torch

from neurodeploy.errors import NetworkError, nearest
from neurodeploy.neurons import adaptive, fused, leaky, resonator

ScanEngine = Literal["auto", "reference", "fused"]
ENGINES: tuple[str, ...] = ("auto", "reference", "fused")


def adaptive_scan(engine: str, *arguments: Any) -> torch.Tensor:
    """Return the spikes (B, T, N) of `adaptive.adaptive_scan`, by the engine named.

    Raises:
        NetworkError: the engine is unknown, or cannot run this.
    """
    return _scan(engine, adaptive.adaptive_scan, arguments)


def resonator_scan(engine: str, *arguments: Any) -> torch.Tensor:
    """Return the spikes (B, T, N) of `resonator.resonator_scan`, by the engine named.

    Raises:
        NetworkError: the engine is unknown, or cannot run this.
    """
    return _scan(engine, resonator.resonator_scan, arguments)


def leaky_scan(engine: str, *arguments: Any) -> torch.Tensor:
    """Return the potentials (B, T, N) of `leaky.leaky_scan`, for which there is one version only.

    Raises:
        NetworkError: the engine is unknown.
    """
    check(engine)
    return leaky.leaky_scan(*arguments)


def check(engine: str) -> None:
    """Raise NetworkError where an engine is unknown."""
    if engine not in ENGINES:
        raise NetworkError(f"network: scan_engine {engine!r} is not there; {nearest(engine, ENGINES)}")


def runs_fused(engine: str, x_BTN: torch.Tensor, start: Any, *, recurrent: bool = False) -> bool:
    """Return whether the fused engine is the one to use for an input and a state before the first step.

    Args:
        recurrent: Neurons of the layer drive each other.

    Raises:
        NetworkError: the engine is unknown, or it is `fused` and cannot run this.
    """
    check(engine)
    if engine == "reference":
        return False
    reason = fused.missing(x_BTN, start, recurrent=recurrent)
    if reason and engine == "fused":
        raise NetworkError(f"network: scan_engine 'fused': {reason}; set 'auto' or 'reference'")
    return not reason


def _scan(engine: str, readable: Callable[..., torch.Tensor], arguments: tuple[Any, ...]) -> torch.Tensor:
    drive_BTN, start = arguments[0], arguments[-1]
    recurrent = readable is adaptive.adaptive_scan and arguments[1] is not None
    if not runs_fused(engine, drive_BTN, start, recurrent=recurrent):
        return readable(*arguments)
    scans = importlib.import_module(f"{fused.__name__}.{'triton_scans' if drive_BTN.is_cuda else 'scans'}")
    found: torch.Tensor = getattr(scans, readable.__name__)(*arguments)
    return found
