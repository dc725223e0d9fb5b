"""The SiLIF family: hidden layers of one spiking neuron with batch norm before it, and a leaky readout.

Their arrays are called `snn.{layer}.…`, as in the published checkpoints.
"""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Literal, cast

import torch
from pydantic import Field, model_validator

from neurodeploy.errors import NetworkError
from neurodeploy.networks.families.settings import Hidden, NetworkSettings
from neurodeploy.networks.fused_forward import whole_answer
from neurodeploy.networks.sequence import Answer, SequenceNetwork
from neurodeploy.networks.spiking_layer import names_of
from neurodeploy.neurons.engine import ScanEngine
from neurodeploy.neurons.ssm.adlif import LIF, RLIF, AdLIF, CAdLIF, RadLIF, SiLIF
from neurodeploy.neurons.ssm.layer import InitialState, LayerSettings, Readout, StateSpaceLayer
from neurodeploy.neurons.ssm.resonators import RF, CSiLIF

SilifModel = Literal["lif", "rlif", "adlif", "radlif", "cadlif", "silif", "csilif", "rf"]
LAYERS: dict[str, type[StateSpaceLayer]] = {
    one.__name__.lower(): one for one in (LIF, RLIF, AdLIF, RadLIF, CAdLIF, SiLIF, CSiLIF, RF)
}
IN_PRINT = ("cAdLIF", "C-SiLIF", "SiLIF", "RF", "LIF", "RLIF", "adLIF", "RadLIF")
CALLED = {name.replace("-", "").lower(): name for name in IN_PRINT}
"""From the names of models to those in print, in the paper's order."""
PUBLISHED = ("cadlif", "csilif", "silif", "rf")
"""Models that there are published checkpoints of."""


class SilifSettings(NetworkSettings):
    """The defaults are the paper's."""

    family: Literal["silif"] = "silif"
    model: SilifModel = Field("silif", description="Neuron of the hidden layers.")
    hidden: Hidden = Field((512, 512), min_length=1, description="Neurons in each hidden layer.")
    dropout: float = Field(0.1, ge=0, lt=1, description="Share of spikes dropped in training.")
    initial_state: InitialState = Field(
        "zero",
        description="random: states start in U[0, 1), in evaluation too, as the published networks do. "
        "A new rf network learns from random only.",
    )
    bidirectional: bool = Field(False, description="Run each sequence backwards too (not silif, csilif).")
    dt_min: float = Field(0.01, gt=0, description="Smallest time step drawn at the start (csilif).")
    dt_max: float = Field(0.5, gt=0, description="Largest time step drawn at the start (csilif).")
    scan_engine: ScanEngine = Field("auto", description="Code that runs the recurrence over time.")

    @model_validator(mode="after")
    def _a_range(self) -> SilifSettings:
        if self.model == "csilif" and self.dt_min > self.dt_max:
            raise ValueError(f"dt_min {self.dt_min} is above dt_max {self.dt_max}; exchange them")
        return self

    def of_layers(self) -> LayerSettings:
        """Return what the layers of a spiking network need."""
        return LayerSettings(**self.model_dump(include={one.name for one in fields(LayerSettings)}))


class FamilyNetwork(SequenceNetwork):
    """A spiking network of the family; `layers` and `readout` are its parts."""

    @property
    def layers(self) -> list[StateSpaceLayer]:
        """Hidden layers in their order."""
        return cast(list[StateSpaceLayer], self.stack[:-1])

    @property
    def readout(self) -> Readout:
        return cast(Readout, self.stack[-1])

    @property
    def node_names(self) -> dict[str, dict[str, str]]:
        """What the graph's nodes are called, by the path of the layer and suffix."""
        *called, _ = (f"{type(one).__name__.lower()}{number}" for number, one in enumerate(self.stack, 1))
        return names_of((f"{self.stack_name}.{i}", one) for i, one in enumerate((*called, "readout")))

    def forward(self, x_BTI: torch.Tensor) -> Answer:
        """As in any sequence network; the layers run in one piece each where they can."""
        x_BTI = x_BTI.to(next(self.parameters()).dtype)
        return whole_answer(self.layers, self.readout, x_BTI) or super().forward(x_BTI)


def build(settings: SilifSettings, input_shape: tuple[int, ...], n_classes: int, dt_s: float) -> FamilyNetwork:
    """Return a new network; its initial weights come from torch's global generator.

    Raises:
        NetworkError: the model cannot be bidirectional.
    """
    kind = LAYERS[settings.model]
    if settings.bidirectional and not kind.can_be_bidirectional:
        able = ", ".join(name for name, one in LAYERS.items() if one.can_be_bidirectional)
        raise NetworkError(
            f"network: {settings.model} cannot be bidirectional; set bidirectional = false, or choose one of {able}"
        )
    shared = settings.of_layers()
    two_ways = 1 + settings.bidirectional
    n_inputs = math.prod(input_shape)
    sizes = (n_inputs, *(two_ways * size for size in settings.hidden))
    layers = [kind(before, size, shared) for before, size in zip(sizes, settings.hidden, strict=False)]
    readout = Readout(sizes[-1], n_classes, shared)
    return FamilyNetwork("snn", layers, readout, n_inputs=n_inputs, n_classes=n_classes)
