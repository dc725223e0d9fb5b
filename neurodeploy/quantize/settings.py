"""The [quantize] table of a recipe."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class QuantizeSettings(BaseModel):
    """How weights become integers.

    "ptq" chooses the precision on calibration samples of the training part and stops there; "qat"
    goes on to fine-tune the network on that grid.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    method: Literal["ptq", "qat"] = Field("qat", description="Calibrate only, or fine-tune on the grid too.")
    weight_bits: int = Field(8, ge=2, le=8, description="Bits of a weight, its sign included.")
    coefficient_bits: int = Field(
        12, ge=4, le=15, description="Fraction bits of the coefficients of neurons that are equations (SiLIF family)."
    )
    memory_bits: int = Field(
        16, ge=2, le=16, description="Bits of a weight into a linear memory (lmufft); two synapses hold more than 8."
    )
    epochs: int = Field(10, ge=1, description="Fine-tuning epochs (qat).")
    learning_rate: float = Field(5e-4, gt=0, description="Peak learning rate of the fine-tuning (qat).")
