"""The two recurrences for a given input current, in one piece: same arguments and results as the readable versions.

Spikes are equal to theirs, because every operation of a step is rounded as torch rounds it. Axes: B sample, T step,
N neuron.
"""

from typing import Any

import torch
from torch.autograd.function import once_differentiable

from neurodeploy.neurons.adaptive import without_diagonal
from neurodeploy.neurons.fused import events, recurrence
from neurodeploy.neurons.fused.extents import Extent, flat, padded, plain, rows
from neurodeploy.neurons.fused.kernel_table import Coefficients, Kernels, States, given_to_kernels


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


def scan(drive_BTN: torch.Tensor, coefficients: Coefficients, start: Any = None) -> torch.Tensor:
    """Return what `adaptive_trace` or `resonator_trace` gives as spikes (B, T, N); `start` gets no gradient."""
    given = given_to_kernels(coefficients, start)
    between_NN = None if given.recurrent_NN is None else without_diagonal(given.recurrent_NN)
    return _Scan.apply(given.kernels, given.states, drive_BTN, between_NN, *given.parameters)  # type: ignore[no-any-return]
