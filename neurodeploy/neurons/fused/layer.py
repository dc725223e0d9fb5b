"""A hidden layer in one piece: weights, batch norm, recurrence, dropout.

Between layers, spikes are lists and never a dense tensor. What autograd sees of them are the spikes that have a
gradient, those near the threshold that dropout keeps, as one tensor (E,): the next layer computes the gradient of
these alone. Axes: B sample, T step, I input, N neuron, E listed spike.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.autograd.function import once_differentiable

from neurodeploy.errors import NetworkError
from neurodeploy.neurons.fused import events, norms, product, recurrence
from neurodeploy.neurons.fused.events import Events
from neurodeploy.neurons.fused.extents import NONE_BITS, Extent, flat
from neurodeploy.neurons.fused.kernel_table import Given, Kernels
from neurodeploy.neurons.fused.product import LARGEST_DENSITY, Source


@dataclass(frozen=True, eq=False)
class Dropout:
    """Which spikes are kept.

    Attributes:
        kept: Plane of the bits that are kept; empty for all.
        gain: What spikes are worth after it.
    """

    kept: np.ndarray = field(default_factory=lambda: NONE_BITS)
    gain: float = 1.0

    @classmethod
    def drawn(cls, share: float, extent: Extent) -> Dropout:
        """Return one that drops a share of the spikes, drawn from torch's global generator."""
        return cls(events.drawn(extent, 1 - share), 1 / (1 - share)) if share else cls()

    @classmethod
    def given(cls, share: float, kept_BTN: torch.Tensor) -> Dropout:
        """Return one that keeps the spikes where a mask is not zero."""
        return cls(events.packed(kept_BTN), 1 / (1 - share))


@dataclass(frozen=True, eq=False)
class Spikes:
    """What a layer sends.

    Attributes:
        fired: Plane of the spikes before dropout.
        window: Plane of what is so near to the threshold that the surrogate is 1.
        sent: The spikes after dropout; each is worth `dropout.gain`.
        near: Entries in the window that dropout keeps, which the next layer gives a gradient.
        near_E: Autograd's way through the spikes: its gradients are those of the entries in `near`; its numbers mean
            nothing.
        rates_N: Mean spikes in a step before dropout; with a gradient.
    """

    extent: Extent
    dropout: Dropout
    fired: np.ndarray
    window: np.ndarray
    sent: Events
    near: Events
    near_E: torch.Tensor
    rates_N: torch.Tensor

    def before_dropout(self) -> torch.Tensor:
        """Return the spikes before dropout, 0.0 or 1.0, (B, T, N).

        Without dropout they have their gradient. With it, those that were dropped have none, so that nothing can be
        differentiated through them, but `rates_N` has one.
        """
        if not len(self.dropout.kept):
            return self.dense()
        return _Before.apply(self, self.near_E)  # type: ignore[no-any-return]

    def kept(self) -> torch.Tensor:
        """Return where dropout keeps spikes, 0.0 or 1.0, (B, T, N)."""
        dropout = self.dropout
        return events.spread(self.extent, dropout.kept) if len(dropout.kept) else torch.ones(self.extent)

    def surrogates(self) -> torch.Tensor:
        """Return the surrogate derivative of each spike, 0.0 or 1.0, (B, T, N)."""
        return events.spread(self.extent, self.window)

    def dense(self) -> torch.Tensor:
        """Return the spikes after dropout, (B, T, N), with their gradient."""
        return _Dense.apply(self, self.near_E)  # type: ignore[no-any-return]

    def values(self) -> torch.Tensor:
        """Return the spikes after dropout, (B, T, N), without gradient."""
        dropout = self.dropout
        plane = self.fired & dropout.kept if len(dropout.kept) else self.fired
        return events.spread(self.extent, plane, dropout.gain)

    def source(self) -> Source:
        """Return the spikes as the next layer takes them."""
        if self.sent.density > LARGEST_DENSITY:
            return Source(None, self.values().flatten(0, 1), self.near)
        return Source(self.sent, None, self.near)


class _Dense(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, spikes: Spikes, near_E: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        ctx.near = spikes.near
        return spikes.values()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_BTN: torch.Tensor) -> Any:  # type: ignore[override]
        return None, torch.from_numpy(events.taken(ctx.near, grad_BTN))


class _Before(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, spikes: Spikes, near_E: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return events.spread(spikes.extent, spikes.fired)

    @staticmethod
    def backward(ctx: Any, grad_BTN: torch.Tensor) -> Any:  # type: ignore[override]
        raise NetworkError(
            "network: spikes before dropout have no gradient in one piece; use their rates (networks.whole.rates), or "
            "set scan_engine = 'reference'"
        )


def source_of(x_BTI: torch.Tensor) -> Source:
    """Return a tensor as a layer takes it: by its events where these are few, unless it has a gradient."""
    if not x_BTI.requires_grad:
        found = events.in_dense(x_BTI)
        if found.density <= LARGEST_DENSITY:
            return Source(found, None)
    return Source(None, x_BTI.detach().flatten(0, 1).contiguous())


def hidden(
    fed: torch.Tensor | Spikes,
    weight_NI: torch.Tensor,
    norm: nn.BatchNorm1d,
    given: Given,
    dropout: Dropout | float = 0.0,
) -> Spikes:
    """Return what a hidden layer sends.

    Args:
        fed: Input (B, T, I), or what the layer before sends.
        norm: Its parameters are trained, and in training its statistics noted, as calling it would.
        given: The recurrence, whose weights have no diagonal, and the states before the first step.
        dropout: Which spikes to keep, or the share to drop at random.
    """
    source = fed.source() if isinstance(fed, Spikes) else source_of(fed)
    n_samples, n_steps = (fed.extent if isinstance(fed, Spikes) else fed.shape)[:2]
    extent = Extent(n_samples, n_steps, len(weight_NI))
    if not isinstance(dropout, Dropout):
        dropout = Dropout.drawn(dropout, extent)
    used = [fed.near_E if isinstance(fed, Spikes) else fed, weight_NI, norm.weight, norm.bias, given.recurrent_NN]
    trains = torch.is_grad_enabled() and any(
        one is not None and one.requires_grad for one in (*used, *given.parameters)
    )
    plan = _Plan(source, norm, given.kernels, extent, recurrence.states(extent, given.states), dropout, trains)
    near_E, rates_N = _Layer.apply(plan, *used, *given.parameters)
    assert plan.run is not None
    assert plan.near is not None
    sent = events.in_plane(extent, plan.run.fired, dropout.kept, dropout.gain)
    return Spikes(extent, dropout, plan.run.fired, plan.run.near, sent, plan.near, near_E, rates_N)


@dataclass(eq=False)
class _Plan:
    """What a layer's function is given beside tensors, and what it gives."""

    source: Source
    norm: nn.BatchNorm1d
    kernels: Kernels
    extent: Extent
    start: np.ndarray
    dropout: Dropout
    trains: bool
    run: recurrence.Run | None = None
    near: Events | None = None


class _Layer(torch.autograd.Function):
    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any,
        plan: _Plan,
        fed: torch.Tensor,
        weight_NI: torch.Tensor,
        norm_weight_N: torch.Tensor,
        norm_bias_N: torch.Tensor,
        recurrent_NN: torch.Tensor | None,
        *parameters: torch.Tensor | None,
    ) -> Any:
        extent, kernels, dropout = plan.extent, plan.kernels, plan.dropout
        sums = norms.room(plan.norm, extent)
        layout, drive, ctx.weights = product.forward(plan.source, weight_NI, extent, sums)
        normal = norms.normalisation(plan.norm, sums, extent)
        table = kernels.coefficients(parameters, extent)
        for row, values in zip(("SCALE", "SHIFT", "MEAN"), normal[:3], strict=True):
            table[kernels.row(row)] = values
        recurrent = recurrence.square(recurrent_NN, extent)
        given = recurrence.Given(kernels, extent, layout, drive, table, recurrent, plan.start)
        run = plan.run = recurrence.forward(given)
        plan.near = events.in_plane(extent, run.near, dropout.kept) if plan.trains else events.nothing(extent)
        ctx.plan, ctx.normal, ctx.given, ctx.fed_shape = plan, normal, given, fed.shape
        ctx.save_for_backward(weight_NI)
        rates_N = torch.from_numpy(run.counts_BN[:, : extent.n_neurons].sum(axis=0) / extent.n_rows)
        return torch.zeros(len(plan.near.columns)), rates_N

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_near_E: torch.Tensor, grad_rates_N: torch.Tensor) -> Any:  # type: ignore[override]
        plan, given = ctx.plan, ctx.given
        extent, layout, kernels = plan.extent, given.layout, plan.kernels
        (weight_NI,) = ctx.saved_tensors
        given.coefficients[kernels.row("RATE"), : extent.n_neurons] = grad_rates_N.numpy() / extent.n_rows
        grad_field, sums = recurrence.backward(given, plan.run, plan.near, flat(grad_near_E), plan.dropout.gain)
        recurrent = recurrence.grad_of_recurrent(given, plan.run, grad_field) if len(given.recurrent) else None
        table, of_norm_weight, of_norm_bias = ctx.normal.gradients(
            sums[kernels.row("OF_DRIVE")], sums[kernels.row("OF_FIELD")], extent
        )
        weight = product.grad_of_weight(plan.source, extent, layout, given.field, table, grad_field)
        fed = None
        if ctx.needs_input_grad[1]:
            fed = product.grad_of_input(plan.source, weight_NI, ctx.weights, extent, layout, grad_field)
            fed = fed.view(ctx.fed_shape)
        grad_parameters = kernels.gradients(sums, extent, ctx.needs_input_grad[6:])
        return None, fed, weight, of_norm_weight, of_norm_bias, recurrent, *grad_parameters
