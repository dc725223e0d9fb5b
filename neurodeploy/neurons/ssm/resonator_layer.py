"""Layers whose recurrence is that of `neurons.resonator`."""

from __future__ import annotations

import torch

from neurodeploy.fixedpoint.dynamics.resonator import RESONATOR
from neurodeploy.neurons.resonator import Complex, ResonatorCoefficients, ResonatorState
from neurodeploy.neurons.ssm.layer import StateSpaceLayer, drawn_like


class ResonatorLayer(StateSpaceLayer):
    """A layer with one complex state."""

    dynamics = RESONATOR

    def coefficients(self) -> ResonatorCoefficients:
        raise NotImplementedError

    def random_start(self, drive_BTN: torch.Tensor) -> ResonatorState:
        # One complex draw, real and imaginary parts in turn, then the spikes: the reference implementation's order.
        pairs_BN2 = torch.rand(drive_BTN.shape[0], drive_BTN.shape[2], 2).to(drive_BTN)
        return ResonatorState(Complex(pairs_BN2[..., 0], pairs_BN2[..., 1]), drawn_like(drive_BTN))
