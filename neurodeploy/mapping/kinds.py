"""Every kind of population that a Program can hold."""

from __future__ import annotations

from neurodeploy.mapping.cells import Adaptive, Cells, Resonator
from neurodeploy.mapping.layer import Layer, SigmaDelta

AnyLayer = Layer | SigmaDelta | Cells
KINDS: dict[str, type[Layer] | type[SigmaDelta] | type[Cells]] = {
    one.kind: one for one in (Layer, SigmaDelta, Adaptive, Resonator)
}
