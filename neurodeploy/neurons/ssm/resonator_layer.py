"""Layers whose recurrence is `resonator_scan`."""

from __future__ import annotations

from typing import NamedTuple

import torch

from neurodeploy.neurons import engine
from neurodeploy.neurons.resonator import Complex, ResonatorState, ResonatorTrace, resonator_trace
from neurodeploy.neurons.ssm.layer import Layer, drawn_like


class ResonatorCoefficients(NamedTuple):
    """Arguments of `resonator_scan`."""

    decay_N: Complex
    gain_N: torch.Tensor
    reset_N: Complex
    read: float


class ResonatorLayer(Layer):
    """A layer with one complex state."""

    def coefficients(self) -> ResonatorCoefficients:
        raise NotImplementedError

    def scan(self, drive_BTN: torch.Tensor, start: ResonatorState | None) -> torch.Tensor:
        return engine.resonator_scan(self.settings.scan_engine, drive_BTN, *self.coefficients(), start)

    def trace(self, drive_BTN: torch.Tensor, start: ResonatorState | None) -> ResonatorTrace:
        return resonator_trace(drive_BTN, *self.coefficients(), start)

    def random_start(self, drive_BTN: torch.Tensor) -> ResonatorState:
        # One complex draw, real and imaginary parts in turn, then the spikes: the reference implementation's order.
        pairs_BN2 = torch.rand(drive_BTN.shape[0], drive_BTN.shape[2], 2).to(drive_BTN)
        return ResonatorState(Complex(pairs_BN2[..., 0], pairs_BN2[..., 1]), drawn_like(drive_BTN))
