"""Which code runs the recurrences of the SiLIF family over time.

`reference` is the readable torch loop. `fused` does the same in one piece; `auto` is that wherever it can run.
"""

import functools
import importlib.util
from collections.abc import Iterable
from typing import Any, Literal

import torch

from neurodeploy.errors import NetworkError, nearest
from neurodeploy.neurons.adaptive import AdaptiveCoefficients, adaptive_trace
from neurodeploy.neurons.resonator import ResonatorCoefficients, resonator_trace

ScanEngine = Literal["auto", "reference", "fused"]
ENGINES: tuple[str, ...] = ("auto", "reference", "fused")
LARGEST_LAYER = 1 << 16
"""Places of neurons have 16 bits in the fused engine."""
Coefficients = AdaptiveCoefficients | ResonatorCoefficients


def scan(engine: str, drive_BTN: torch.Tensor, coefficients: Coefficients, start: Any = None) -> torch.Tensor:
    """Return the spikes (B, T, N) of `trace`, by the engine named.

    Raises:
        NetworkError: the engine is unknown, or cannot run this.
    """
    recurrent = getattr(coefficients, "recurrent_NN", None) is not None
    if not runs_fused(engine, drive_BTN, start, recurrent=recurrent):
        return trace(drive_BTN, coefficients, start).s_BTN  # type: ignore[no-any-return]
    scans = importlib.import_module(
        f"neurodeploy.neurons.fused.{'triton_scans' if drive_BTN.is_cuda else 'recurrence'}"
    )
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
    reason = missing(x_BTN, start, recurrent=recurrent)
    if reason and engine == "fused":
        raise NetworkError(f"network: scan_engine 'fused': {reason}; set 'auto' or 'reference'")
    return not reason


def missing(x_BTN: torch.Tensor, start: Iterable[Any] | None = None, *, recurrent: bool = False) -> str:
    """Return why a recurrence cannot run fused; empty where it can.

    Args:
        x_BTN: Its input.
        start: Its state before the first step, tensors and pairs of tensors.
        recurrent: Neurons of the layer drive each other.
    """
    if x_BTN.dtype != torch.float32:
        return f"the fused engine computes in float32, and this is {str(x_BTN.dtype).removeprefix('torch.')}"
    if x_BTN.ndim != 3 or not x_BTN.numel():
        return f"the fused engine needs samples, steps and neurons, and the shape is {tuple(x_BTN.shape)}"
    if x_BTN.shape[2] > LARGEST_LAYER:
        return f"the fused engine takes layers of up to {LARGEST_LAYER} neurons, and this one has {x_BTN.shape[2]}"
    if any(state.requires_grad for state in _tensors(start)):
        return "the fused engine has no gradient of the state before the first step"
    if recurrent and x_BTN.device.type != "cpu":
        return f"the fused engine runs weights between neurons on cpu only, and this is {x_BTN.device.type}"
    return _missing_on(x_BTN.device.type)


@functools.cache
def _missing_on(device: str) -> str:
    package = {"cpu": "numba", "cuda": "triton"}.get(device)
    if package is None:
        return f"the fused engine runs on cpu and cuda, and this is {device}"
    return "" if importlib.util.find_spec(package) else f"{package} is not installed"


def _tensors(values: Iterable[Any] | None) -> Iterable[torch.Tensor]:
    for value in values or ():
        if isinstance(value, torch.Tensor):
            yield value
        elif value is not None:
            yield from _tensors(value)
