"""The [training] table of a recipe."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class TrainingSettings(BaseModel):
    """How a network is trained. The loss is cross-entropy on the output's firing rates."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(0, ge=0, description="Initial weights, order of the samples, augmentation.")
    epochs: int = Field(40, ge=1)
    batch_size: int = Field(64, ge=1)
    learning_rate: float = Field(5e-3, gt=0, description="Peak of a one-cycle schedule (AdamW).")
    weight_decay: float = Field(0.0, ge=0)
    logit_gain: float = Field(20.0, gt=0, description="Logit per output spike and step.")
    rate_penalty: float = Field(0.0, ge=0, description="Loss per hidden spike, neuron and step.")
    time_shift: int = Field(0, ge=0, description="Training samples move by up to this many steps.")
    time_stretch: float = Field(0.0, ge=0, lt=1, description="Their speed changes by up to this part.")
    event_drop: float = Field(0.0, ge=0, lt=1, description="Part of the training events left out.")
    threads: int = Field(1, ge=1, description="CPU threads; more slow small networks down.")
    accelerator: str = Field("cpu", description="Lightning's accelerator: cpu, gpu or auto.")
