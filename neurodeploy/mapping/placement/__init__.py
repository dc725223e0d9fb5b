"""Where the neurons of a Program go: cores, what fills them, and what would make it fewer."""

from neurodeploy.mapping.placement.place import place
from neurodeploy.mapping.placement.placement import Core, PlacedLayer, Placement

__all__ = ["Core", "PlacedLayer", "Placement", "place"]
