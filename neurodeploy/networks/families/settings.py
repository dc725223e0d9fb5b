"""What the [network] tables of all families share."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

LARGEST_LAYER = 1 << 16
Hidden = tuple[Annotated[int, Field(ge=1, le=LARGEST_LAYER)], ...]
"""Neurons in each hidden layer."""


class NetworkSettings(BaseModel):
    """The [network] table of a recipe; `family` says which of `families.table.FAMILIES` it is of."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    family: str
