"""Which code runs the recurrences of the SiLIF family over time.

`reference` is the readable torch loop. `fused` does the same in one piece; `auto` is that wherever it can run.
"""

import importlib
from typing import Any, Literal

import torch

from neurodeploy.errors import NetworkError, nearest
from neurodeploy.neurons import fused
from neurodeploy.neurons.adaptive import AdaptiveCoefficients, adaptive_trace
from neurodeploy.neurons.resonator import ResonatorCoefficients, resonator_trace

ScanEngine = Literal["auto", "reference", "fused"]
ENGINES: tuple[str, ...] = ("auto", "reference", "fused")
Coefficients = AdaptiveCoefficients | ResonatorCoefficients


def scan(engine: str, drive_BTN: torch.Tensor, coefficients: Coefficients, start: Any = None) -> torch.Tensor:
    """Return the spikes (B, T, N) of `trace`, by the engine named.

    Raises:
        NetworkError: the engine is unknown, or cannot run this.
    """
    recurrent = getattr(coefficients, "recurrent_NN", None) is not None
    if not runs_fused(engine, drive_BTN, start, recurrent=recurrent):
        return trace(drive_BTN, coefficients, start).s_BTN  # type: ignore[no-any-return]
    scans = importlib.import_module(f"{fused.__name__}.{'triton_scans' if drive_BTN.is_cuda else 'scans'}")
    return scans.scan(drive_BTN, coefficients, start)  # type: ignore[no-any-return]


def trace(drive_BTN: torch.Tensor, coefficients: Coefficients, start: Any = None) -> Any:
    """Return what a layer goes through, by the readable code; see `adaptive_trace` and `resonator_trace`."""
    readable: Any = adaptive_trace if isinstance(coefficients, AdaptiveCoefficients) else resonator_trace
    return readable(drive_BTN, coefficients, start)


def runs_fused(engine: str, x_BTN: torch.Tensor, start: Any, *, recurrent: bool = False) -> bool:
    """Return whether the fused engine is the one to use for an input and a state before the first step.

    Args:
        recurrent: Neurons of the layer drive each other.

    Raises:
        NetworkError: the engine is unknown, or it is `fused` and cannot run this.
    """
    if engine not in ENGINES:
        raise NetworkError(f"network: scan_engine {engine!r} is not there; {nearest(engine, ENGINES)}")
    if engine == "reference":
        return False
    reason = fused.missing(x_BTN, start, recurrent=recurrent)
    if reason and engine == "fused":
        raise NetworkError(f"network: scan_engine 'fused': {reason}; set 'auto' or 'reference'")
    return not reason
