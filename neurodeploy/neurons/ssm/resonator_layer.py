"""Layers whose recurrence is `resonator_scan`."""

from __future__ import annotations

from typing import NamedTuple

import torch

from neurodeploy.fixedpoint.dynamics.resonator import RESONATOR
from neurodeploy.neurons import engine
from neurodeploy.neurons.resonator import Complex, ResonatorState, ResonatorTrace, resonator_trace
from neurodeploy.neurons.ssm.layer import Layer, OfKernels, drawn_like


class ResonatorCoefficients(NamedTuple):
    """Arguments of `resonator_scan`."""

    decay_N: Complex
    gain_N: torch.Tensor
    reset_N: Complex
    read: float


class ResonatorLayer(Layer):
    """A layer with one complex state."""

    dynamics = RESONATOR

    def coefficients(self) -> ResonatorCoefficients:
        raise NotImplementedError

    def of_kernels(self, start: ResonatorState | None) -> OfKernels:
        decay_N, gain_N, reset_N, read = self.coefficients()
        read_N = torch.full_like(gain_N, read, requires_grad=False)
        states = None if start is None else (*start.u_BN, start.s_BN)
        return OfKernels(None, [*decay_N, gain_N, *reset_N, read_N], states)

    def scan(self, drive_BTN: torch.Tensor, start: ResonatorState | None) -> torch.Tensor:
        return engine.resonator_scan(self.settings.scan_engine, drive_BTN, *self.coefficients(), start)

    def trace(self, drive_BTN: torch.Tensor, start: ResonatorState | None) -> ResonatorTrace:
        return resonator_trace(drive_BTN, *self.coefficients(), start)

    def random_start(self, drive_BTN: torch.Tensor) -> ResonatorState:
        # One complex draw, real and imaginary parts in turn, then the spikes: the reference implementation's order.
        pairs_BN2 = torch.rand(drive_BTN.shape[0], drive_BTN.shape[2], 2).to(drive_BTN)
        return ResonatorState(Complex(pairs_BN2[..., 0], pairs_BN2[..., 1]), drawn_like(drive_BTN))
