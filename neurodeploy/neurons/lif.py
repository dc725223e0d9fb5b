"""Leaky integrate-and-fire: the input acts on the potential directly (NIR `LIF`)."""

import torch
from torch import nn

from neurodeploy.neurons.population import Numbers, Population
from neurodeploy.neurons.scan import ScanSettings, scan


class LIF(Population):
    """LIF neurons whose `beta`, the part of the potential kept in a step, they share.

    Args:
        beta: Between 0 and 1, exclusive.
        train_decays: Let training move `beta`.
        settings: Reset rule and surrogate gradient.
    """

    def __init__(self, beta: float, *, train_decays: bool, settings: ScanSettings) -> None:
        super().__init__()
        self.settings = settings
        self.beta_logit = logit_parameter(beta, train_decays)

    def trained(self) -> Numbers:
        return {"beta": torch.sigmoid(self.beta_logit)}

    def forward(self, drive_BTN: torch.Tensor, recurrent_NN: torch.Tensor | None = None) -> torch.Tensor:
        used = self.numbers()
        beta = used["beta"]
        return scan(drive_BTN, recurrent_NN, used.get("alpha", torch.zeros_like(beta)), beta, self.settings)


class CubaLIF(LIF):
    """Current-based LIF: a first-order synaptic filter before the potential (NIR `CubaLIF`).

    Args:
        alpha: Part of the current kept in a step, between 0 and 1, exclusive.
    """

    def __init__(self, alpha: float, beta: float, *, train_decays: bool, settings: ScanSettings) -> None:
        super().__init__(beta, train_decays=train_decays, settings=settings)
        self.alpha_logit = logit_parameter(alpha, train_decays)

    def trained(self) -> Numbers:
        return {"alpha": torch.sigmoid(self.alpha_logit), "beta": torch.sigmoid(self.beta_logit)}


def logit_parameter(kept: float, trainable: bool) -> nn.Parameter:
    """Return a parameter whose sigmoid is `kept`, so that training cannot leave 0..1."""
    return nn.Parameter(torch.logit(torch.tensor(kept, dtype=torch.float64)).float(), requires_grad=trainable)
