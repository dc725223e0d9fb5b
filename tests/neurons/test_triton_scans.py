"""The recurrences on a GPU against the readable ones; where there is no GPU, in Triton's interpreter."""

from __future__ import annotations

import importlib
import importlib.util
import os
from typing import Any

import pytest
import torch

from tests.neurons import test_fused_scans as shared

if not importlib.util.find_spec("triton"):
    pytest.skip("triton is not installed; it comes with torch's builds for CUDA", allow_module_level=True)
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
if DEVICE == "cpu":
    os.environ.setdefault("TRITON_INTERPRET", "1")  # read when triton is imported
scans: Any = importlib.import_module("neurodeploy.neurons.fused.triton_scans")
pytestmark = pytest.mark.filterwarnings("ignore")


def moved(value: Any) -> Any:
    """Return an argument on the device that the kernels run on."""
    if isinstance(value, torch.Tensor):
        return value.to(DEVICE)
    return type(value)(*(moved(one) for one in value)) if isinstance(value, tuple) else value


@pytest.mark.parametrize("start", [True, False], ids=["started", "zero"])
@pytest.mark.parametrize("adapts", [True, False], ids=["adaptive", "leaky"])
@pytest.mark.parametrize("extent", [(2, 30, 8), (3, 20, 100)], ids=str)
def test_the_adaptive_recurrence(extent: tuple[int, int, int], adapts: bool, start: bool) -> None:
    arguments = shared.adaptive_arguments(extent, adapts=adapts, recurrent=False, start=start)
    shared.compare(shared.readable, scans.scan, [moved(one) for one in arguments])


@pytest.mark.parametrize("start", [True, False], ids=["started", "zero"])
@pytest.mark.parametrize("extent", [(2, 30, 8), (3, 20, 100)], ids=str)
def test_the_resonating_recurrence(extent: tuple[int, int, int], start: bool) -> None:
    arguments = shared.resonator_arguments(extent, start=start)
    shared.compare(shared.readable, scans.scan, [moved(one) for one in arguments])


@pytest.mark.skipif(DEVICE == "cpu", reason="needs a GPU")
def test_layers_on_a_gpu_fire_as_on_the_cpu() -> None:
    from neurodeploy.neurons import engine

    arguments = shared.adaptive_arguments((4, 200, 256), adapts=True, recurrent=False, start=True)
    with torch.no_grad():
        assert torch.equal(engine.scan("fused", *(moved(one) for one in arguments)).cpu(), shared.readable(*arguments))
