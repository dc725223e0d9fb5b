"""Spiking networks of the SiLIF family: hidden layers of one neuron, and a leaky readout.

Their arrays are called `snn.{layer}.…`, as in the published checkpoints.
"""

from __future__ import annotations

from typing import cast

import torch

from neurodeploy.errors import NetworkError
from neurodeploy.networks.family_settings import FamilySettings
from neurodeploy.networks.fused_forward import whole_answer
from neurodeploy.networks.sequence import Answer, SequenceNetwork
from neurodeploy.neurons.ssm.adlif import AdLIF
from neurodeploy.neurons.ssm.cadlif import CAdLIF
from neurodeploy.neurons.ssm.csilif import CSiLIF
from neurodeploy.neurons.ssm.layer import Layer
from neurodeploy.neurons.ssm.lif import LIF
from neurodeploy.neurons.ssm.radlif import RadLIF
from neurodeploy.neurons.ssm.readout import Readout
from neurodeploy.neurons.ssm.rf import RF
from neurodeploy.neurons.ssm.rlif import RLIF
from neurodeploy.neurons.ssm.silif import SiLIF

LAYERS: dict[str, type[Layer]] = {
    "lif": LIF,
    "rlif": RLIF,
    "adlif": AdLIF,
    "radlif": RadLIF,
    "cadlif": CAdLIF,
    "silif": SiLIF,
    "csilif": CSiLIF,
    "rf": RF,
}


class FamilyNetwork(SequenceNetwork):
    """A spiking network of the family; `layers` and `readout` are its parts."""

    @property
    def layers(self) -> list[Layer]:
        """Hidden layers in their order."""
        return cast(list[Layer], self.stack[:-1])

    @property
    def readout(self) -> Readout:
        return cast(Readout, self.stack[-1])

    def forward(self, x_BTI: torch.Tensor) -> Answer:
        """As in any sequence network; the layers run in one piece each where they can."""
        x_BTI = x_BTI.to(next(self.parameters()).dtype)
        return whole_answer(self.layers, self.readout, x_BTI) or super().forward(x_BTI)


def build_spiking(settings: FamilySettings, n_inputs: int, n_classes: int) -> FamilyNetwork:
    """Return a new network; its initial weights come from torch's global generator.

    Raises:
        NetworkError: the model cannot be bidirectional.
    """
    kind = LAYERS[settings.model]
    if settings.bidirectional and not kind.can_be_bidirectional:
        raise no_bidirectional(settings.model)
    shared = settings.of_layers()
    two_ways = 1 + settings.bidirectional
    sizes = (n_inputs, *(two_ways * size for size in settings.hidden))
    layers = [kind(before, size, shared) for before, size in zip(sizes, settings.hidden, strict=False)]
    readout = Readout(sizes[-1], n_classes, shared)
    return FamilyNetwork("snn", layers, readout, n_inputs=n_inputs, n_classes=n_classes)


def no_bidirectional(model: str) -> NetworkError:
    """Return the error for a model without a backward direction."""
    able = ", ".join(name for name, kind in LAYERS.items() if kind.can_be_bidirectional)
    return NetworkError(f"network: {model} cannot be bidirectional; set bidirectional = false, or choose one of {able}")
