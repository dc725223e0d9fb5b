"""What the [network] tables of all families share."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

LARGEST_LAYER = 1 << 16
Hidden = Annotated[tuple[Annotated[int, Field(ge=1, le=LARGEST_LAYER)], ...], Field(strict=False)]
"""Neurons in each hidden layer; TOML has them as a list, which is no tuple to pydantic's strict rule."""


class NetworkSettings(BaseModel):
    """The [network] table of a recipe; `family` says which of `families.table.FAMILIES` it is of."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    family: str
