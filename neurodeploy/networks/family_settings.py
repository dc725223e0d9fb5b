"""Settings of the SiLIF family's networks and their baselines."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from neurodeploy.neurons.engine import ScanEngine
from neurodeploy.neurons.ssm.layer import InitialState, LayerSettings

FamilyModel = Literal[
    "lif", "rlif", "adlif", "radlif", "cadlif", "silif", "csilif", "rf", "mlp", "rnn", "ligru", "gru", "s4d"
]
LARGEST_LAYER = 1 << 16


class FamilySettings(BaseModel):
    """The [network] table of a recipe for one of these models; the defaults are the paper's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: FamilyModel = "silif"
    hidden: tuple[Annotated[int, Field(ge=1, le=LARGEST_LAYER)], ...] = Field(
        (512, 512), min_length=1, description="Neurons in each hidden layer."
    )
    dropout: float = Field(0.1, ge=0, lt=1, description="Share of spikes dropped in training.")
    initial_state: InitialState = Field(
        "zero",
        description="random: states start in U[0, 1), in evaluation too, as the published networks do. "
        "A new rf network learns from random only.",
    )
    bidirectional: bool = Field(False, description="Run each sequence backwards too (not silif, csilif, baselines).")
    dt_min: float = Field(0.01, gt=0, description="Smallest time step drawn at the start (csilif; s4d has 0.001).")
    dt_max: float = Field(0.5, gt=0, description="Largest time step drawn at the start (csilif, s4d).")
    state_size: int = Field(64, ge=2, le=LARGEST_LAYER, multiple_of=2, description="States of a channel (s4d).")
    scan_engine: ScanEngine = Field("auto", description="Code that runs the recurrence over time.")

    @model_validator(mode="after")
    def _a_range(self) -> FamilySettings:
        if self.model == "csilif" and self.dt_min > self.dt_max:
            raise ValueError(f"dt_min {self.dt_min} is above dt_max {self.dt_max}; exchange them")
        return self

    def of_layers(self) -> LayerSettings:
        """Return what the layers of a spiking network need."""
        return LayerSettings(
            dropout=self.dropout,
            initial_state=self.initial_state,
            bidirectional=self.bidirectional,
            scan_engine=self.scan_engine,
            dt_min=self.dt_min,
            dt_max=self.dt_max,
        )
