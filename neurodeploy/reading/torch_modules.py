"""torch's own modules that are read."""

from __future__ import annotations

from neurodeploy.reading import pools, torch_layers

LEAVES = torch_layers.LEAVES | pools.LEAVES
