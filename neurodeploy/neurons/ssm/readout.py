"""The family's readout: leaky integrators, and the sum over time of their softmax."""

import torch

from neurodeploy.neurons.adaptive import leaky_scan
from neurodeploy.neurons.ssm.adlif import ALPHA
from neurodeploy.neurons.ssm.layer import LayerSettings, NormalisedLinear, drawn_like, uniform


class Readout(NormalisedLinear):
    """u <- alpha u + (1 - alpha) x, with `alpha` (C,) clipped to `lif.ALPHA`; no spikes, no dropout.

    Axes: B sample, T step, I input, C class.
    """

    def __init__(self, n_inputs: int, n_classes: int, settings: LayerSettings) -> None:
        super().__init__(n_inputs, n_classes)
        self.settings = settings
        self.alpha = uniform(n_classes, ALPHA)

    def coefficients(self) -> torch.Tensor:
        """Return the part of the potential kept in a step, (C,)."""
        return self.alpha.clamp(*ALPHA)

    def potentials(self, x_BTI: torch.Tensor, start_BC: torch.Tensor | None = None) -> torch.Tensor:
        """Return the potentials (B, T, C); `start_BC`, when given, is the state instead of `initial_state`."""
        drive_BTC = self.drive(x_BTI)
        if start_BC is None and self.settings.initial_state == "random":
            start_BC = drawn_like(drive_BTC)
        return leaky_scan(drive_BTC, self.coefficients(), start_BC)

    def forward(self, x_BTI: torch.Tensor, start_BC: torch.Tensor | None = None) -> torch.Tensor:
        """Return the sum over time of the softmax over classes, (B, C): every row sums to the number of steps."""
        return self.scores(self.potentials(x_BTI, start_BC))

    @staticmethod
    def scores(potentials_BTC: torch.Tensor) -> torch.Tensor:
        """Return what `forward` makes of potentials, (B, C)."""
        return potentials_BTC.softmax(dim=2).sum(dim=1)
