"""The SiLIF family in one piece over time: compiled kernels on CPU, Triton on GPU.

`engine` and the family's layers come here wherever `missing` gives no reason against it, and otherwise use the
readable versions, which these are held against. float32 only.
"""

import functools
import importlib.util
from collections.abc import Iterable
from typing import Any

import torch

LARGEST_LAYER = 1 << 16
"""Places of neurons have 16 bits."""


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
