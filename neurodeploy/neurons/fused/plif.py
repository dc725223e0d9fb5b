"""PLIF neurons in one piece over time, of any axes, with the maximum pool of their spikes: what `plif` gives.

Axes: B sample, T step, N neuron, of any axes.
"""

import math
from typing import Any

import numpy as np
import torch
from torch.autograd.function import once_differentiable

from neurodeploy.neurons.fused.extents import NONE_F32, NONE_F64, flat, in_parts
from neurodeploy.neurons.fused.plif_kernels import plif_backward, plif_forward
from neurodeploy.neurons.fused.pool import POOL
from neurodeploy.neurons.plif import PlifRule

CURVES = {"arctan": 0, "sigmoid": 1, "fast_sigmoid": 2}


def of_rule(k: torch.Tensor, rule: PlifRule) -> tuple[np.ndarray, bool, bool]:
    """Return what both kernels take of the neurons: numbers, whether the threshold is subtracted, and the leak."""
    neuron = np.array([float(k), rule.v_threshold, rule.v_reset or 0.0], np.float32)
    return neuron, rule.v_reset is None, rule.decay_input


def of_surrogate(rule: PlifRule) -> tuple[bool, int, np.float32]:
    """Return what the backward kernel takes besides."""
    return rule.detach_reset, CURVES[rule.surrogate], np.float32(rule.slope)


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, x_BTN: torch.Tensor, k: torch.Tensor, rule: PlifRule, n_steps: int, pooled: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        n_samples, x_steps, *shape = x_BTN.shape
        n, out_shape = math.prod(shape), tuple(shape)
        sizes: tuple[int, ...] = (1, n, 0)
        if pooled:
            out_shape, sizes = (shape[0] // 2, shape[1] // 2, shape[2]), tuple(shape)
        ctx.given = x_steps, n_steps, sizes, *of_rule(k, rule), NONE_F32
        ctx.rule, ctx.n = rule, n
        ctx.save_for_backward(x_BTN)
        out, fired = POOL.array(n_samples * n_steps * math.prod(out_shape)), np.empty(n_samples)
        in_parts(n_samples, lambda first, after: plif_forward(first, after, flat(x_BTN), *ctx.given, out, fired))
        rate = torch.tensor([fired.sum() / (n_samples * n_steps * n)], dtype=torch.float32)
        return torch.from_numpy(out).view(n_samples, n_steps, *out_shape), rate

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_out: torch.Tensor, grad_rate: torch.Tensor) -> Any:  # type: ignore[override]
        (x_BTN,), rule = ctx.saved_tensors, ctx.rule
        n_samples, n_steps, (rows, width, channels) = len(x_BTN), ctx.given[1], ctx.given[2]
        of_x, of_k, of_out = POOL.array(x_BTN.numel()), np.empty(n_samples), flat(grad_out)
        if channels and (rows % 2 or width % 2):
            of_x[:] = 0  # what no window sees
        of_rate = np.float32(float(grad_rate) / (n_samples * n_steps * ctx.n))
        how = *of_surrogate(rule), of_out, of_rate, of_x, of_k, NONE_F64
        in_parts(n_samples, lambda first, after: plif_backward(first, after, flat(x_BTN), *ctx.given, *how))
        return torch.from_numpy(of_x).view(x_BTN.shape), torch.tensor(of_k.sum(), dtype=torch.float32), None, None, None


def scan(
    x_BTN: torch.Tensor, k: torch.Tensor, rule: PlifRule, n_steps: int, pooled: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what `neurons.plif.plif` does; neurons that no window of a pool sees are not run, nor counted.

    Pictures are taken with their channels last in memory, as convolutions are fastest, and given so.
    """
    if x_BTN.dim() != 5:
        return _Scan.apply(x_BTN, k, rule, n_steps, pooled)  # type: ignore[no-any-return]
    spikes, rates_N = _Scan.apply(x_BTN.permute(0, 1, 3, 4, 2), k, rule, n_steps, pooled)
    return spikes.permute(0, 1, 4, 2, 3), rates_N
