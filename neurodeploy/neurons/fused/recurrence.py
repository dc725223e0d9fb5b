"""A recurrence over all steps of a batch, forward and backward, by its kernels; `scan` makes autograd a part of it.

Spikes are equal to the readable versions', because every operation of a step is rounded as torch rounds it. Axes:
B sample, T step, N neuron.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.autograd.function import once_differentiable

from neurodeploy.neurons.adaptive import without_diagonal
from neurodeploy.neurons.fused import events, product
from neurodeploy.neurons.fused.events import Events
from neurodeploy.neurons.fused.extents import (
    LANES,
    NONE_F32,
    Extent,
    Layout,
    flat,
    from_records,
    in_parts,
    in_records,
    padded,
    plain,
    rows,
)
from neurodeploy.neurons.fused.kernel import BLOCK
from neurodeploy.neurons.fused.kernel_table import Coefficients, Kernels, States, given_to_kernels
from neurodeploy.neurons.fused.pool import POOL


@dataclass(frozen=True, eq=False)
class Given:
    """What a recurrence starts from.

    Attributes:
        field: Input of all neurons, in a layout.
        coefficients: The kernels' table.
        recurrent: Weights (padded neurons, padded neurons) from row to column, flat; or empty.
        start: States before the first step (3, B, padded neurons), flat.
    """

    kernels: Kernels
    extent: Extent
    layout: Layout
    field: np.ndarray
    coefficients: np.ndarray
    recurrent: np.ndarray
    start: np.ndarray

    @property
    def sizes(self) -> tuple[int, int, int, int]:
        return self.extent.n_steps, self.extent.n_vectors, self.layout.slab, self.layout.stride


@dataclass(frozen=True, eq=False)
class Run:
    """What came of it.

    Attributes:
        fired, near: Planes: who fired, and who was so near to the threshold that the spike has a gradient.
        counts_BN: Spikes of each neuron, padding included.
        currents: With recurrent weights, the input with theirs in plain rows; otherwise empty.
    """

    fired: np.ndarray
    near: np.ndarray
    counts_BN: np.ndarray
    currents: np.ndarray


def square(recurrent_NN: torch.Tensor | None, extent: Extent) -> np.ndarray:
    """Return recurrent weights as kernels take them."""
    if recurrent_NN is None:
        return NONE_F32
    missing = extent.n_padded - extent.n_neurons
    return flat(torch.nn.functional.pad(recurrent_NN, (0, missing, 0, missing)) if missing else recurrent_NN)


def states(extent: Extent, start: tuple[torch.Tensor | None, ...] | None) -> np.ndarray:
    """Return states before the first step as kernels take them; None is zero."""
    table = np.zeros((3, extent.n_samples, extent.n_padded), np.float32)
    for row, state_BN in enumerate(start or ()):
        if state_BN is not None:
            table[row, :, : extent.n_neurons] = state_BN.detach().numpy()
    return table.reshape(-1)


def forward(given: Given) -> Run:
    """Run all samples through all steps."""
    extent = given.extent
    n_bytes = extent.n_rows * extent.n_vectors
    run = Run(
        POOL.array(n_bytes, np.uint8),
        POOL.array(n_bytes, np.uint8),
        np.empty((extent.n_samples, extent.n_padded), np.float32),
        POOL.array(extent.n_rows * extent.n_padded) if len(given.recurrent) else NONE_F32,
    )
    coefficients = in_records(given.coefficients)

    def part(first: int, after: int) -> None:
        given.kernels.forward(
            first, after, *given.sizes, given.field, coefficients, given.recurrent, given.start,
            POOL.array(given.kernels.size("FORWARD") * extent.n_vectors), POOL.array(2 * extent.n_padded),
            run.currents, run.fired, run.near, run.counts_BN.reshape(-1),
        )  # fmt: skip

    in_parts(extent.n_samples, part)
    return run


def backward(given: Given, run: Run, near: Events, grads: np.ndarray, gain: float) -> tuple[np.ndarray, np.ndarray]:
    """Go back through all steps.

    Args:
        near, grads: Where spikes have a gradient, and which.
        gain: What the gradients are multiplied by.

    Returns:
        The gradient of the input current, in the field's layout, and the kernels' sums over samples and steps, float64
        (rows, padded neurons).
    """
    extent, kernels = given.extent, given.kernels
    found = POOL.array(given.layout.size)
    sums = np.empty((extent.n_samples, extent.n_vectors * kernels.size("SUMS")), np.float32)
    width = extent.n_padded if len(given.recurrent) else min(BLOCK, extent.n_padded)
    coefficients = in_records(given.coefficients)

    def part(first: int, after: int) -> None:
        kernels.backward(
            first, after, *given.sizes, given.field, coefficients, given.recurrent, given.start,
            POOL.array(kernels.size("BACKWARD") * width // LANES), POOL.array(2 * extent.n_padded),
            POOL.array(2 * extent.n_steps * width), run.currents, run.near, near.starts, near.columns, grads, gain,
            found, sums.reshape(-1),
        )  # fmt: skip

    in_parts(extent.n_samples, part)
    return found, from_records(sums.sum(axis=0, dtype=np.float64), kernels.size("SUMS") // LANES)


def grad_of_recurrent(given: Given, run: Run, grad_field: np.ndarray) -> torch.Tensor:
    """Return the gradient (N, N) of the recurrent weights: every spike with what it met one step later."""
    extent, size = given.extent, given.extent.n_neurons
    earlier = np.zeros((extent.n_samples, extent.n_steps, extent.n_vectors), np.uint8)
    earlier[:, 1:] = run.fired.reshape(earlier.shape)[:, :-1]
    sent = events.in_plane(extent, earlier.reshape(-1), value=1.0)
    weights = product.scattered(sent, extent, given.layout, given.field, NONE_F32, grad_field)
    found = torch.from_numpy(weights).view(extent.n_blocks, size, BLOCK).permute(1, 0, 2).reshape(size, -1)[:, :size]
    started_BN = torch.from_numpy(given.start).view(3, extent.n_samples, extent.n_padded)[2, :, :size]
    first_BN = torch.from_numpy(plain(extent, given.layout, grad_field)[:, 0, :size])
    return found + started_BN.t() @ first_BN


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
        given = Given(
            kernels,
            extent,
            rows(extent),
            field,
            kernels.coefficients(parameters, extent),
            square(recurrent_NN, extent),
            states(extent, start),
        )
        ctx.given, ctx.run = given, forward(given)
        return events.spread(extent, ctx.run.fired)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_BTN: torch.Tensor) -> Any:  # type: ignore[override]
        given, run = ctx.given, ctx.run
        extent: Extent = given.extent
        near = events.in_plane(extent, run.near)
        grads = events.taken(near, grad_BTN)
        found, sums = backward(given, run, near, grads, 1.0)
        grad_drive = plain(extent, given.layout, found)[:, :, : extent.n_neurons]
        recurrent = grad_of_recurrent(given, run, found) if len(given.recurrent) else None
        grad_parameters = given.kernels.gradients(sums, extent, ctx.needs_input_grad[4:])
        return None, None, torch.from_numpy(grad_drive), recurrent, *grad_parameters


def scan(drive_BTN: torch.Tensor, coefficients: Coefficients, start: Any = None) -> torch.Tensor:
    """Return what `adaptive_trace` or `resonator_trace` gives as spikes (B, T, N); `start` gets no gradient."""
    given = given_to_kernels(coefficients, start)
    between_NN = None if given.recurrent_NN is None else without_diagonal(given.recurrent_NN)
    return _Scan.apply(given.kernels, given.states, drive_BTN, between_NN, *given.parameters)  # type: ignore[no-any-return]
