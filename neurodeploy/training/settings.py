"""The [training] table of a recipe."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Schedule = Literal["one_cycle", "plateau", "cosine", "warm_cosine", "step"]


class TrainingSettings(BaseModel):
    """How a network is trained.

    The loss is taken on the output's firing rates, or on the scores of a network that gives scores (the SiLIF family's:
    the sum over time of softmax; plif's: the mean spikes of a class's voters in a step).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    seed: int = Field(
        0, ge=0, le=(1 << 32) - 1, description="Initial weights and states, order of samples, augmentation, dropout."
    )
    epochs: int = Field(40, ge=1, description="Times that the training part is gone through.")
    batch_size: int = Field(64, ge=1, le=1 << 20, description="Samples of one update.")
    schedule: Schedule = Field(
        "one_cycle",
        description="one_cycle; plateau: lower where validation accuracy stops rising; cosine: down to 0 and up again; "
        "warm_cosine: up for `warmup_epochs`, then down for the rest; step: lower after each `step_epochs`.",
    )
    loss: Literal["cross_entropy", "mse", "bce", "tet"] = Field(
        "cross_entropy",
        description="mse: squares between the scores and 1 for the class, 0 for others; bce: each class by itself, "
        "there or not, by the logistic function of its score; tet: the mean cross-entropy of each step's scores.",
    )
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="Share of the target that all classes have (not mse).")
    tet_pull: float = Field(0.0, ge=0, le=1, description="Share of the squares between each step's scores and 1 (tet).")
    learning_rate: float = Field(5e-3, gt=0, description="Peak of one_cycle, start of the others.")
    cosine_epochs: int = Field(64, ge=1, description="Epochs from the start down to 0, and as many up again (cosine).")
    plateau_factor: float = Field(0.7, gt=0, lt=1, description="Part of the learning rate kept (plateau).")
    plateau_patience: int = Field(10, ge=0, description="Epochs without a rise that are waited for (plateau).")
    learning_rate_min: float = Field(
        1e-6, ge=0, description="Never lower (plateau); what it starts from and comes down to (warm_cosine)."
    )
    warmup_epochs: int = Field(20, ge=0, description="In which it rises evenly (warm_cosine).")
    cooldown_epochs: int = Field(0, ge=0, description="The last ones, at the lowest (warm_cosine).")
    step_epochs: int = Field(10, ge=1, description="Epochs at one learning rate (step).")
    step_factor: float = Field(0.85, gt=0, le=1, description="Part of it kept after them (step).")
    optimizer: Literal["adamw", "lamb"] = Field(
        "adamw", description="adamw is Adam without `weight_decay`; lamb is for large batches (pytorch_optimizer)."
    )
    beta1: float = Field(0.9, ge=0, lt=1, description="Part of the mean gradient kept in each update.")
    weight_decay: float = Field(0.0, ge=0, description="Part of the rate by which weights shrink in an update.")
    gradient_clip: float = Field(0.0, ge=0, description="Largest norm of an update's gradient; 0 is any.")
    average: float = Field(
        0.0, ge=0, lt=1, description="Part of the averaged weights kept in each update; 0 keeps plain weights."
    )
    logit_gain: float = Field(20.0, gt=0, description="Logit per output spike and step.")
    score_gain: float = Field(1.0, gt=0, description="Logit per unit of score, where a network gives scores.")
    rate_penalty: float = Field(0.0, ge=0, description="Loss per hidden spike, neuron and step.")
    rate_bounds_penalty: float = Field(0.0, ge=0, description="Loss per hidden neuron that fires out of bounds.")
    rate_lowest: float = Field(0.01, ge=0, le=1, description="Lower bound, spikes per step.")
    rate_highest: float = Field(0.5, ge=0, le=1, description="Upper bound, spikes per step.")
    time_shift: int = Field(0, ge=0, le=1_000_000, description="Training samples move by up to this many steps.")
    time_stretch: float = Field(0.0, ge=0, lt=1, description="Their speed changes by up to this part.")
    channel_shift: int = Field(0, ge=0, description="They move by up to this many channels.")
    channel_mix: float = Field(
        0.0, ge=0, le=1, description="Part of their channels that another sample of their class gives."
    )
    event_drop: float = Field(0.0, ge=0, lt=1, description="Part of the training events left out.")
    mixup: float = Field(
        0.0, ge=0, le=1, description="Share of recordings that sound together with another; both are then the target."
    )
    mixup_alpha: float = Field(
        0.0,
        ge=0,
        description="Pictures and frames: both parameters of the beta distribution of shares in which a batch "
        "is mixed with itself in reverse, after all other changes; 0 does not.",
    )
    mixup_batches: float = Field(1.0, ge=0, le=1, description="Share of batches that are mixed so.")
    mixup_epochs: int = Field(0, ge=0, description="The first epochs, in which they are; 0 is all.")
    time_mask: int = Field(0, ge=0, description="Fewer than this many steps in a row become 0.")
    channel_mask: int = Field(0, ge=0, description="Fewer than this many channels side by side become 0.")
    noise: float = Field(0.0, ge=0, description="Evenly drawn noise from 0, of a sample's own strength up to this.")
    time_roll: int = Field(0, ge=0, description="Samples move by up to this many steps, round the end.")
    pixel_shift: int = Field(0, ge=0, description="Pictures move by up to this many pixels, along rows and columns.")
    rotation: float = Field(0.0, ge=0, le=180, description="They turn by up to so many degrees.")
    zoom: float = Field(0.0, ge=0, lt=1, description="Their size changes by up to this part.")
    flip: bool = Field(False, description="Every second one is mirrored, left to right.")
    rand_augment: Literal["none", "restricted", "full"] = Field(
        "none",
        description="Pictures are changed as by RandAugment (kornia): of 15 changes, or of the five that "
        "Spikformer's code leaves: equalised, turned, sheared, moved along rows and columns.",
    )
    erasing: float = Field(0.0, ge=0, le=1, description="Probability that a part of a picture becomes 0 (kornia).")
    crop_area: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Pictures are cut to at least this part of their area, and enlarged again (kornia).",
    )
    precision: Literal["32-true", "16-mixed", "bf16-mixed"] = Field(
        "32-true", description="Lightning's precision; mixed ones are for GPUs."
    )
    threads: int = Field(1, ge=1, le=256, description="CPU threads; more slow small networks down.")
    accelerator: Literal["cpu", "gpu", "cuda", "mps", "auto"] = Field("cpu", description="Lightning's accelerator.")
    devices: int = Field(1, ge=1, le=1024, description="Of a machine, which share each batch.")
    nodes: int = Field(1, ge=1, le=1024, description="Machines, with so many devices each, which share each batch.")
    tracker: Literal["tensorboard", "csv", "wandb", "mlflow"] | None = Field(
        None, description="Where losses and accuracies are logged to as well; into the run's folder logs."
    )

    @property
    def changes_pictures(self) -> bool:
        """Whether pictures are changed by kornia."""
        return self.rand_augment != "none" or self.erasing > 0 or self.crop_area < 1

    @model_validator(mode="after")
    def _bounds(self) -> TrainingSettings:
        if self.rate_lowest > self.rate_highest:
            raise ValueError(f"rate_lowest {self.rate_lowest} is above rate_highest {self.rate_highest}; exchange them")
        return self
