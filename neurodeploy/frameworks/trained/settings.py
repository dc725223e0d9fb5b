"""The [network] table of a recipe whose network is built of another framework's modules."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

FrameworkName = Literal["snntorch", "norse"]
LARGEST_LAYER = 1 << 16


class FrameworkSettings(BaseModel):
    """Linear layers of torch's and neurons of the framework's, feed-forward, reset to zero.

    snnTorch: `snn.Leaky` all the way, the class is the output neuron with most spikes. Norse: `LIFBoxCell`, and an
    `LIBoxCell` at the end, the class is the largest potential it ever has. Decays are the part kept in one step of
    the recipe's dt; they are not trained.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    framework: FrameworkName
    hidden: tuple[Annotated[int, Field(ge=1, le=LARGEST_LAYER)], ...] = Field(
        (128,), min_length=1, description="Neurons in each hidden layer."
    )
    bias: bool = True
    beta: float = Field(0.9, gt=0, lt=1, description="Potential kept in a step.")
    beta_out: float = Field(0.9, gt=0, lt=1)
    slope: float = Field(5.0, gt=0, description="Of the surrogate gradient, the framework's fast sigmoid (SuperSpike).")
    weight_gain: float = Field(1.0, gt=0, description="Multiplies torch's initial weights.")
