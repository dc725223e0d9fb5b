"""The hand-written backward pass against autograd over the plain equations."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from neurodeploy.neurons.lif import LeakyScan, ScanSettings
from neurodeploy.neurons.surrogate import SURROGATES

B, T, N = 3, 17, 5


class Spike(torch.autograd.Function):
    """A step forward, its surrogate backward."""

    @staticmethod
    def forward(ctx: Any, v: torch.Tensor, settings: ScanSettings) -> torch.Tensor:  # type: ignore[override]
        ctx.save_for_backward(v)
        ctx.settings = settings
        return (v > 1).to(v.dtype)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> Any:  # type: ignore[override]
        (v,) = ctx.saved_tensors
        return grad * SURROGATES[ctx.settings.surrogate](v - 1, ctx.settings.slope), None


def plain(
    drive: torch.Tensor,
    recurrent: torch.Tensor | None,
    alpha: torch.Tensor,
    beta: torch.Tensor,
    settings: ScanSettings,
) -> torch.Tensor:
    """The equations of the module's head, step by step, for autograd."""
    u = v = s = torch.zeros(drive.shape[0], drive.shape[2], dtype=drive.dtype)
    found = []
    for t in range(drive.shape[1]):
        u = alpha * u + drive[:, t]
        if recurrent is not None:
            u = u + s @ recurrent.t()
        v = beta * v + u
        s = Spike.apply(v, settings)
        found.append(s)
        v = v * (1 - s.detach()) if settings.reset == "zero" else v - s.detach()
    return torch.stack(found, dim=1)


@pytest.mark.parametrize("surrogate", sorted(SURROGATES))
@pytest.mark.parametrize("reset", ["zero", "subtract"])
@pytest.mark.parametrize("recurrent", [True, False])
@pytest.mark.parametrize("per_neuron", [True, False])
def test_scan_equals_autograd(surrogate: str, reset: str, recurrent: bool, per_neuron: bool) -> None:
    generator = torch.Generator().manual_seed(1)
    settings = ScanSettings(reset, surrogate, 3.0)
    shape = (N,) if per_neuron else ()
    values = [
        torch.rand(B, T, N, generator=generator, dtype=torch.float64) * 0.8,
        torch.randn(N, N, generator=generator, dtype=torch.float64) if recurrent else None,
        torch.rand(shape, generator=generator, dtype=torch.float64) * 0.9,
        torch.rand(shape, generator=generator, dtype=torch.float64) * 0.9,
    ]
    upstream = torch.randn(B, T, N, generator=generator, dtype=torch.float64)
    results = []
    for function in (LeakyScan.apply, plain):
        inputs: list[Any] = [None if one is None else one.clone().requires_grad_() for one in values]
        drive, weights, alpha, beta = inputs
        spikes = function(drive, weights, alpha, beta, settings)
        (spikes * upstream).sum().backward()
        results.append((spikes.detach(), [None if one is None else one.grad for one in inputs]))
    assert results[0][0].sum() > 0
    torch.testing.assert_close(results[0][0], results[1][0], rtol=0, atol=0)
    for mine, autograd in zip(results[0][1], results[1][1], strict=True):
        if mine is None:
            assert autograd is None
        else:
            # Two orders of summation in float64.
            torch.testing.assert_close(mine, autograd, rtol=1e-10, atol=1e-10)
