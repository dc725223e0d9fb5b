"""Every kind of network, by its settings; a new one is a file beside this and a line here."""

from __future__ import annotations

from pydantic import BaseModel

from neurodeploy.frameworks.trained.settings import FrameworkSettings
from neurodeploy.networks.family_settings import FamilySettings
from neurodeploy.networks.spiking import NetworkSettings
from neurodeploy.pipeline.kinds.family import Family
from neurodeploy.pipeline.kinds.framework import Framework
from neurodeploy.pipeline.kinds.kind import Kind
from neurodeploy.pipeline.kinds.plain import Plain

KINDS: dict[type[BaseModel], Kind] = {
    NetworkSettings: Plain(),
    FamilySettings: Family(),
    FrameworkSettings: Framework(),
}


def kind_of(settings: BaseModel) -> Kind:
    """Return the kind of a recipe's network."""
    return KINDS[type(settings)]
