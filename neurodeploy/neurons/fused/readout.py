"""The readout in one piece: weights, batch norm, leaky integrators, and the sum over time of their softmax.

Coefficients are records of `ALPHA` to `MEAN`; classes are one block or several. In the padding, states start at
`NEVER` and stay there, which gives them no part in the softmax. Axes: B sample, T step, I input, C class.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.autograd.function import once_differentiable

from neurodeploy.neurons.fused import norms, product
from neurodeploy.neurons.fused.extents import LANES, Extent, from_records, in_parts, in_records
from neurodeploy.neurons.fused.kernel import Kernel, inlined
from neurodeploy.neurons.fused.lanes import exponential, fused, larger, largest, load, splat, store, total
from neurodeploy.neurons.fused.layer import Spikes, source_of
from neurodeploy.neurons.fused.pool import POOL
from neurodeploy.neurons.fused.product import Source

ALPHA, KEPT_OUT, SCALE, SHIFT, MEAN = range(0, 40, 8)
COEFFICIENTS = 40
OF_ALPHA, OF_DRIVE, OF_FIELD = range(0, 24, 8)
SUMS = 24
NEVER = -1e30


@Kernel
def readout_forward(
    first_sample, after_sample, n_steps, n_vectors, slab, stride, field, coefficients, start, potentials, output, state,
):  # fmt: skip
    """Run some samples through all steps.

    Args:
        start: float32 (samples * padded classes,).
        potentials: float32 plain rows; receives the potential after each step.
        output: float32 (samples * padded classes,); receives the sums.
        state: Room for one row.
    """
    size = 8 * n_vectors
    for sample in range(first_sample, after_sample):
        for at in range(sample * size, (sample + 1) * size):
            output[at] = 0.0
        for step in range(n_steps):
            row = sample * n_steps + step
            for n in range(0, size, 8):
                r = (n >> 3) * COEFFICIENTS
                x = load(field, (n >> 6) * slab + row * stride + (n & 63))
                x = x * load(coefficients, r + SCALE) + load(coefficients, r + SHIFT)
                u = load(potentials, (row - 1) * size + n) if step else load(start, sample * size + n)
                u = load(coefficients, r + ALPHA) * u + load(coefficients, r + KEPT_OUT) * x
                store(potentials, row * size + n, u)
            share = splat(np.float32(1) / _exponentials(potentials, row * size, size, state))
            for n in range(0, size, 8):
                store(output, sample * size + n, fused(load(state, n), share, load(output, sample * size + n)))


@inlined
def _exponentials(potentials, begin, size, state):
    """Write e to the power of a row less its largest number, and return the sum."""
    peaks = load(potentials, begin)
    for n in range(8, size, 8):
        peaks = larger(peaks, load(potentials, begin + n))
    peak = splat(largest(peaks))
    summed = splat(np.float32(0))
    for n in range(0, size, 8):
        value = exponential(load(potentials, begin + n) - peak)
        store(state, n, value)
        summed = summed + value
    return total(summed)


@Kernel
def readout_backward(
    first_sample, after_sample, n_steps, n_vectors, slab, stride, field, coefficients, start, potentials, grad_output,
    grad_field, sums, state,
):  # fmt: skip
    """Go back through some samples.

    Args:
        grad_output: float32 (samples * padded classes,).
        grad_field: Receives the gradient of the input current.
        sums: float32 (samples * n_vectors * SUMS,); receives each sample's.
        state: Room for two rows of padded classes.
    """
    size = 8 * n_vectors
    one = splat(np.float32(1))
    for sample in range(first_sample, after_sample):
        for at in range(size, 2 * size):
            state[at] = 0.0
        for at in range(sample * n_vectors * SUMS, (sample + 1) * n_vectors * SUMS):
            sums[at] = 0.0
        for step in range(n_steps - 1, -1, -1):
            row = sample * n_steps + step
            share = splat(np.float32(1) / _exponentials(potentials, row * size, size, state))
            summed = splat(np.float32(0))
            for n in range(0, size, 8):
                part = load(state, n) * share
                store(state, n, part)
                summed = fused(part, load(grad_output, sample * size + n), summed)
            mean = splat(total(summed))
            for n in range(0, size, 8):
                r, sums_at = (n >> 3) * COEFFICIENTS, (sample * n_vectors + (n >> 3)) * SUMS
                at = (n >> 6) * slab + row * stride + (n & 63)
                raw = load(field, at)
                x = raw * load(coefficients, r + SCALE) + load(coefficients, r + SHIFT)
                old = load(potentials, (row - 1) * size + n) if step else load(start, sample * size + n)
                of_u = fused(load(state, n), load(grad_output, sample * size + n) - mean, load(state, size + n))
                of_x = load(coefficients, r + KEPT_OUT) * of_u
                store(grad_field, at, of_x)
                store(state, size + n, load(coefficients, r + ALPHA) * of_u)
                _add(sums, sums_at + OF_ALPHA, of_u, old - x)
                _add(sums, sums_at + OF_DRIVE, of_x, one)
                _add(sums, sums_at + OF_FIELD, of_x, raw - load(coefficients, r + MEAN))


@inlined
def _add(sums, at, a, b):
    store(sums, at, fused(a, b, load(sums, at)))


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
    start = np.full((n_samples, extent.n_padded), NEVER, np.float32)
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
        table = np.zeros((COEFFICIENTS // LANES, extent.n_padded), np.float32)
        alpha = table[ALPHA // LANES]
        alpha[:] = 1  # in the padding too, where the state stays
        alpha[: extent.n_neurons] = alpha_C.detach().numpy()
        table[KEPT_OUT // LANES] = np.float32(1) - alpha
        for place, values in zip((SCALE, SHIFT, MEAN), normal[:3], strict=True):
            table[place // LANES] = values
        coefficients = in_records(table)
        potentials = POOL.array(extent.n_rows * extent.n_padded)
        output_BC = np.empty((extent.n_samples, extent.n_padded), np.float32)

        def part(first: int, after: int) -> None:
            readout_forward(
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
        sums = np.empty((extent.n_samples, extent.n_vectors * SUMS), np.float32)

        def part(first: int, after: int) -> None:
            readout_backward(
                first, after, extent.n_steps, extent.n_vectors, *layout[:2], field, ctx.coefficients, plan.start,
                potentials, grad_output.reshape(-1), grad_field, sums.reshape(-1),
                np.empty(2 * extent.n_padded, np.float32),
            )  # fmt: skip

        in_parts(extent.n_samples, part)
        total = from_records(sums.sum(axis=0, dtype=np.float64), SUMS // LANES)
        table, of_norm_weight, of_norm_bias = ctx.normal.gradients(
            total[OF_DRIVE // LANES], total[OF_FIELD // LANES], extent
        )
        weight = product.grad_of_weight(plan.source, extent, layout, field, table, grad_field)
        fed = None
        if ctx.needs_input_grad[1]:
            fed = product.grad_of_input(plan.source, weight_CI, ctx.weights, extent, layout, grad_field)
            fed = fed.view(ctx.fed_shape)
        of_alpha = torch.from_numpy(total[OF_ALPHA // LANES, : extent.n_neurons]).float()
        return None, fed, weight, of_norm_weight, of_norm_bias, of_alpha
