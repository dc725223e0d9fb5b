"""Layers whose recurrence is that of `neurons.adaptive`."""

from __future__ import annotations

import torch

from neurodeploy.fixedpoint.dynamics.adaptive import ADAPTIVE
from neurodeploy.neurons.adaptive import AdaptiveCoefficients, AdaptiveState
from neurodeploy.neurons.ssm.layer import StateSpaceLayer, drawn_like


class AdaptiveLayer(StateSpaceLayer):
    """A layer with a potential and perhaps an adaptation."""

    adapts = True
    dynamics = ADAPTIVE

    def coefficients(self) -> AdaptiveCoefficients:
        raise NotImplementedError

    def random_start(self, drive_BTN: torch.Tensor) -> AdaptiveState:
        # The order of these draws is the reference implementation's.
        u_BN = drawn_like(drive_BTN)
        w_BN = drawn_like(drive_BTN) if self.adapts else None
        return AdaptiveState(u_BN, w_BN, drawn_like(drive_BTN))
