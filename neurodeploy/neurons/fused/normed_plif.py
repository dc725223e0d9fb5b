"""A batch norm of pictures in training and PLIF neurons behind it, in one piece: only what arrives is kept.

    y = scale x + shift;   of x = scale (of y - mean(of y) - (x - mean) mean(of y (x - mean)) / variance)

Means are over samples, steps, rows and columns of a channel. The backward pass norms anew, as it runs the neurons anew.
Axes: B sample, T step, H row, W column, C channel.

Source: Ioffe and Szegedy, ICML 2015, for the gradient of a batch norm.
"""

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.autograd.function import once_differentiable

from neurodeploy.neurons.fused.extents import flat, in_parts
from neurodeploy.neurons.fused.kernel import Kernel
from neurodeploy.neurons.fused.norms import note
from neurodeploy.neurons.fused.plif import of_rule, of_surrogate
from neurodeploy.neurons.fused.plif_kernels import NEURONS, plif_backward, plif_forward
from neurodeploy.neurons.fused.pool import POOL
from neurodeploy.neurons.plif import PlifRule

TOGETHER = 64
"""Rows that are added up in float32."""


@Kernel
def moments(x, n_channels, found):
    """Write sums of each channel's numbers less its first one, and of their squares: float64 (2, C), flat."""
    one, two = np.empty(n_channels, np.float32), np.empty(n_channels, np.float32)
    n_rows, origin = len(x) // n_channels, x[:n_channels]
    for begin in range(0, n_rows, TOGETHER):
        one[:] = 0
        two[:] = 0
        for row in range(begin, min(begin + TOGETHER, n_rows)):
            own = x[row * n_channels : (row + 1) * n_channels]
            for i in range(n_channels):
                away = own[i] - origin[i]
                one[i] += away
                two[i] += away * away
        for i in range(n_channels):
            found[i] += one[i]
            found[n_channels + i] += two[i]


@Kernel
def through_norm(first, after, n, x, by_g, by_x, beside, grad):
    """Turn the gradient of what was normed into that of what arrives: by_g grad + by_x x + beside, by channels."""
    n_channels = len(by_g)
    for row in range(first * n, after * n, n_channels):
        own, given = grad[row : row + n_channels], x[row : row + n_channels]
        for i in range(n_channels):
            own[i] = by_g[i] * own[i] + by_x[i] * given[i] + beside[i]


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any,
        x_BTHWC: torch.Tensor,
        weight_C: torch.Tensor,
        bias_C: torch.Tensor,
        k: torch.Tensor,
        norm: nn.BatchNorm2d,
        rule: PlifRule,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        n_samples, n_steps, n_channels = *x_BTHWC.shape[:2], x_BTHWC.shape[-1]
        x, n = flat(x_BTHWC), x_BTHWC[0, 0].numel()
        n_rows = len(x) // n_channels
        sums = np.zeros(2 * n_channels)
        moments(x, n_channels, sums)
        away_C, squares_C = sums.reshape(2, -1) / n_rows
        mean_C, variance_C = x[:n_channels] + away_C, np.maximum(squares_C - away_C**2, 0)
        note(norm, mean_C, variance_C * (n_rows / (n_rows - 1)))
        inverse_C = 1 / np.sqrt(variance_C + norm.eps)
        scale_C = weight_C.detach().numpy() * inverse_C
        ctx.norm = mean_C, inverse_C, scale_C
        rows = np.stack([scale_C, bias_C.detach().numpy() - mean_C * scale_C, mean_C]).astype(np.float32)
        tiled = np.tile(rows, NEURONS // n_channels + 2)[:, : n_channels + NEURONS].reshape(-1)
        ctx.given, ctx.rule = (n_steps, n_steps, (1, n, 0), *of_rule(k, rule), tiled), rule
        ctx.save_for_backward(x_BTHWC)
        out, fired = POOL.array(len(x)), np.empty(n_samples)
        in_parts(n_samples, lambda first, after: plif_forward(first, after, x, *ctx.given, out, fired))
        rate = torch.tensor([fired.sum() / len(x)], dtype=torch.float32)
        return torch.from_numpy(out).view(x_BTHWC.shape), rate

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_out: torch.Tensor, grad_rate: torch.Tensor) -> Any:  # type: ignore[override]
        (x_BTHWC,), (mean_C, inverse_C, scale_C) = ctx.saved_tensors, ctx.norm
        n_samples, n_channels, x, tiled = len(x_BTHWC), len(mean_C), flat(x_BTHWC), ctx.given[-1]
        of_x, of_k, of_out = POOL.array(len(x)), np.empty(n_samples), flat(grad_out)
        sums = np.zeros((n_samples, 2, len(tiled) // 3))
        how = *of_surrogate(ctx.rule), of_out, np.float32(float(grad_rate) / len(x)), of_x, of_k, sums.reshape(-1)
        in_parts(n_samples, lambda first, after: plif_backward(first, after, x, *ctx.given, *how))
        of_bias_C, of_away_C = np.zeros((2, n_channels))
        for begin in range(0, sums.shape[2], n_channels):
            part = sums[:, :, begin : begin + n_channels].sum(0)
            of_bias_C[: part.shape[1]] += part[0]
            of_away_C[: part.shape[1]] += part[1]
        n_rows = len(x) // n_channels
        by_x_C = -scale_C * inverse_C**2 * of_away_C / n_rows
        linear = scale_C, by_x_C, -scale_C * of_bias_C / n_rows - by_x_C * mean_C
        by = [one.astype(np.float32) for one in linear]
        n = len(x) // n_samples
        in_parts(n_samples, lambda first, after: through_norm(first, after, n, x, *by, of_x))
        of_weight_C, of_shift_C = (torch.from_numpy(one).float() for one in (of_away_C * inverse_C, of_bias_C))
        of_part = torch.tensor(of_k.sum(), dtype=torch.float32)
        return torch.from_numpy(of_x).view(x_BTHWC.shape), of_weight_C, of_shift_C, of_part, None, None


def scan(
    x_BTCHW: torch.Tensor, norm: nn.BatchNorm2d, k: torch.Tensor, rule: PlifRule
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the spikes (B, T, C, H, W), channels last in memory, and their mean rate (1,), and note the statistics."""
    x_BTHWC = x_BTCHW.permute(0, 1, 3, 4, 2).contiguous()
    spikes, rates_N = _Scan.apply(x_BTHWC, norm.weight, norm.bias, k, norm, rule)
    return spikes.permute(0, 1, 4, 2, 3), rates_N
