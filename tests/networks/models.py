"""Settings of every network of the SiLIF paper by the name of its model."""

from __future__ import annotations

from typing import Any

from neurodeploy.networks.families.ann import LAYERS as BASELINES
from neurodeploy.networks.families.settings import NetworkSettings
from neurodeploy.networks.families.table import FAMILIES


def settings_of(model: str, **values: Any) -> NetworkSettings:
    """Return the settings of a model, with those of the values that its family has."""
    family = "s4d" if model == "s4d" else "ann" if model in BASELINES else "silif"
    made = FAMILIES[family].settings
    return made(**{key: value for key, value in {"model": model, **values}.items() if key in made.model_fields})
