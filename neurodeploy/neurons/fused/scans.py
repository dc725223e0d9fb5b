"""The two recurrences for a given input current, in one piece: same arguments and results as the readable versions.

Spikes are equal to theirs, because every operation of a step is rounded as torch rounds it. Axes: B sample, T step,
N neuron.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd.function import once_differentiable

from neurodeploy.neurons.adaptive import AdaptiveState, without_diagonal
from neurodeploy.neurons.fused import events, recurrence
from neurodeploy.neurons.fused.extents import Extent, flat, padded, plain, rows
from neurodeploy.neurons.fused.kernel_table import ADAPTIVE, RESONATOR, Kernels
from neurodeploy.neurons.resonator import Complex, ResonatorState

States = tuple["torch.Tensor | None", ...]


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any,
        kernels: Kernels,
        start: States | None,
        drive_BTN: torch.Tensor,
        recurrent_NN: torch.Tensor | None,
        *parameters: torch.Tensor | None,
    ) -> torch.Tensor:
        extent = Extent(*drive_BTN.shape)
        field = flat(padded(drive_BTN, extent.n_padded))
        given = recurrence.Given(
            kernels,
            extent,
            rows(extent),
            field,
            kernels.coefficients(parameters, extent),
            recurrence.square(recurrent_NN, extent),
            recurrence.states(extent, start),
        )
        ctx.given, ctx.run = given, recurrence.forward(given)
        return events.spread(extent, ctx.run.fired)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_BTN: torch.Tensor) -> Any:  # type: ignore[override]
        given, run = ctx.given, ctx.run
        extent: Extent = given.extent
        near = events.in_plane(extent, run.near)
        grads = events.taken(near, grad_BTN)
        found, sums = recurrence.backward(given, run, near, grads, 1.0)
        grad_drive = plain(extent, given.layout, found)[:, :, : extent.n_neurons]
        recurrent = recurrence.grad_of_recurrent(given, run, found) if len(given.recurrent) else None
        grad_parameters = given.kernels.gradients(sums, extent, ctx.needs_input_grad[4:])
        return None, None, torch.from_numpy(grad_drive), recurrent, *grad_parameters


def adaptive_scan(
    drive_BTN: torch.Tensor,
    recurrent_NN: torch.Tensor | None,
    alpha_N: torch.Tensor,
    beta_N: torch.Tensor | None,
    a_N: torch.Tensor | None,
    b_N: torch.Tensor | None,
    start: AdaptiveState | None = None,
) -> torch.Tensor:
    """Return what `adaptive.adaptive_scan` does; `start` gets no gradient."""
    between_NN = None if recurrent_NN is None else without_diagonal(recurrent_NN)
    return _scan(ADAPTIVE, start, drive_BTN, between_NN, alpha_N, beta_N, a_N, b_N)


def resonator_scan(
    drive_BTN: torch.Tensor,
    decay_N: Complex,
    gain_N: torch.Tensor,
    reset_N: Complex,
    read: float,
    start: ResonatorState | None = None,
) -> torch.Tensor:
    """Return what `resonator.resonator_scan` does; `start` gets no gradient."""
    states = None if start is None else (*start.u_BN, start.s_BN)
    reads_N = torch.full_like(gain_N, read, requires_grad=False)
    return _scan(RESONATOR, states, drive_BTN, None, *decay_N, gain_N, *reset_N, reads_N)


def _scan(*arguments: Any) -> torch.Tensor:
    return _Scan.apply(*arguments)  # type: ignore[no-any-return]
