"""Layers whose recurrence is `adaptive_scan`."""

from __future__ import annotations

from typing import NamedTuple

import torch

from neurodeploy.fixedpoint.dynamics.adaptive import ADAPTIVE
from neurodeploy.neurons import engine
from neurodeploy.neurons.adaptive import AdaptiveState, AdaptiveTrace, adaptive_trace
from neurodeploy.neurons.ssm.layer import Layer, OfKernels, drawn_like


class AdaptiveCoefficients(NamedTuple):
    """Arguments of `adaptive_scan`: the recurrent weights have no diagonal, None where there are none."""

    recurrent_NN: torch.Tensor | None
    alpha_N: torch.Tensor
    beta_N: torch.Tensor | None = None
    a_N: torch.Tensor | None = None
    b_N: torch.Tensor | None = None


class AdaptiveLayer(Layer):
    """A layer with a potential and perhaps an adaptation."""

    adapts = True
    dynamics = ADAPTIVE

    def coefficients(self) -> AdaptiveCoefficients:
        raise NotImplementedError

    def of_kernels(self, start: AdaptiveState | None) -> OfKernels:
        recurrent_NN, *parameters = self.coefficients()
        return OfKernels(recurrent_NN, parameters, start)

    def scan(self, drive_BTN: torch.Tensor, start: AdaptiveState | None) -> torch.Tensor:
        return engine.adaptive_scan(self.settings.scan_engine, drive_BTN, *self.coefficients(), start)

    def trace(self, drive_BTN: torch.Tensor, start: AdaptiveState | None) -> AdaptiveTrace:
        return adaptive_trace(drive_BTN, *self.coefficients(), start)

    def random_start(self, drive_BTN: torch.Tensor) -> AdaptiveState:
        # The order of these draws is the reference implementation's.
        u_BN = drawn_like(drive_BTN)
        w_BN = drawn_like(drive_BTN) if self.adapts else None
        return AdaptiveState(u_BN, w_BN, drawn_like(drive_BTN))
