"""The readout in one piece: weights, batch norm, leaky integrators, and the sum over time of their softmax.

Axes: B sample, T step, I input, C class.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.autograd.function import once_differentiable

from neurodeploy.neurons.fused import norms, product
from neurodeploy.neurons.fused import readout_kernels as kernels
from neurodeploy.neurons.fused.extents import LANES, Extent, from_records, in_parts, in_records
from neurodeploy.neurons.fused.layer import Spikes, source_of
from neurodeploy.neurons.fused.pool import POOL
from neurodeploy.neurons.fused.product import Source


def summed_softmax(
    fed: torch.Tensor | Spikes,
    weight_CI: torch.Tensor,
    norm: nn.BatchNorm1d,
    alpha_C: torch.Tensor,
    start_BC: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the sum over time of the softmax of the potentials, (B, C).

    Args:
        fed: Input (B, T, I), or what the layer before sends.
        norm: Its parameters are trained, and in training its statistics noted, as calling it would.
        alpha_C: Part of the potential kept in a step.
        start_BC: Potential before the first step; None is zero.
    """
    source = fed.source() if isinstance(fed, Spikes) else source_of(fed)
    n_samples, n_steps = (fed.extent if isinstance(fed, Spikes) else fed.shape)[:2]
    extent = Extent(n_samples, n_steps, len(weight_CI))
    start = np.full((n_samples, extent.n_padded), kernels.NEVER, np.float32)
    start[:, : extent.n_neurons] = 0 if start_BC is None else start_BC.detach().numpy()
    plan = _Plan(source, norm, extent, start.reshape(-1))
    values = fed.near_E if isinstance(fed, Spikes) else fed
    return _Readout.apply(plan, values, weight_CI, norm.weight, norm.bias, alpha_C)  # type: ignore[no-any-return]


@dataclass(frozen=True, eq=False)
class _Plan:
    source: Source
    norm: nn.BatchNorm1d
    extent: Extent
    start: np.ndarray


class _Readout(torch.autograd.Function):
    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any,
        plan: _Plan,
        fed: torch.Tensor,
        weight_CI: torch.Tensor,
        norm_weight_C: torch.Tensor,
        norm_bias_C: torch.Tensor,
        alpha_C: torch.Tensor,
    ) -> torch.Tensor:
        extent = plan.extent
        sums = norms.room(plan.norm, extent)
        layout, field, ctx.weights = product.forward(plan.source, weight_CI, extent, sums)
        normal = norms.normalisation(plan.norm, sums, extent)
        table = np.zeros((kernels.COEFFICIENTS // LANES, extent.n_padded), np.float32)
        alpha = table[kernels.ALPHA // LANES]
        alpha[:] = 1  # in the padding too, where the state stays
        alpha[: extent.n_neurons] = alpha_C.detach().numpy()
        table[kernels.KEPT_OUT // LANES] = np.float32(1) - alpha
        for place, values in zip((kernels.SCALE, kernels.SHIFT, kernels.MEAN), normal[:3], strict=True):
            table[place // LANES] = values
        coefficients = in_records(table)
        potentials = POOL.array(extent.n_rows * extent.n_padded)
        output_BC = np.empty((extent.n_samples, extent.n_padded), np.float32)

        def part(first: int, after: int) -> None:
            kernels.readout_forward(
                first, after, extent.n_steps, extent.n_vectors, *layout[:2], field, coefficients, plan.start,
                potentials, output_BC.reshape(-1), np.empty(extent.n_padded, np.float32),
            )  # fmt: skip

        in_parts(extent.n_samples, part)
        ctx.plan, ctx.normal, ctx.layout, ctx.field, ctx.coefficients, ctx.potentials, ctx.fed_shape = (
            plan, normal, layout, field, coefficients, potentials, fed.shape,
        )  # fmt: skip
        ctx.save_for_backward(weight_CI)
        return torch.from_numpy(output_BC[:, : extent.n_neurons].copy())

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_BC: torch.Tensor) -> Any:  # type: ignore[override]
        plan, layout, field, potentials = ctx.plan, ctx.layout, ctx.field, ctx.potentials
        extent: Extent = plan.extent
        (weight_CI,) = ctx.saved_tensors
        grad_output = np.zeros((extent.n_samples, extent.n_padded), np.float32)
        grad_output[:, : extent.n_neurons] = grad_BC.numpy()
        grad_field = POOL.array(layout.size)
        sums = np.empty((extent.n_samples, extent.n_vectors * kernels.SUMS), np.float32)

        def part(first: int, after: int) -> None:
            kernels.readout_backward(
                first, after, extent.n_steps, extent.n_vectors, *layout[:2], field, ctx.coefficients, plan.start,
                potentials, grad_output.reshape(-1), grad_field, sums.reshape(-1),
                np.empty(2 * extent.n_padded, np.float32),
            )  # fmt: skip

        in_parts(extent.n_samples, part)
        total = from_records(sums.sum(axis=0, dtype=np.float64), kernels.SUMS // LANES)
        table, of_norm_weight, of_norm_bias = ctx.normal.gradients(
            total[kernels.OF_DRIVE // LANES], total[kernels.OF_FIELD // LANES], extent
        )
        weight = product.grad_of_weight(plan.source, extent, layout, field, table, grad_field)
        fed = None
        if ctx.needs_input_grad[1]:
            fed = product.grad_of_input(plan.source, weight_CI, ctx.weights, extent, layout, grad_field)
            fed = fed.view(ctx.fed_shape)
        of_alpha = torch.from_numpy(total[kernels.OF_ALPHA // LANES, : extent.n_neurons]).float()
        return None, fed, weight, of_norm_weight, of_norm_bias, of_alpha
