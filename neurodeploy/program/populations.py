"""Every kind of population that a Program can hold."""

from __future__ import annotations

from neurodeploy.program.cells import Adaptive, Cells, Resonator
from neurodeploy.program.layer import Layer, SigmaDelta

AnyLayer = Layer | SigmaDelta | Cells
KINDS: dict[str, type[Layer] | type[SigmaDelta] | type[Cells]] = {
    one.kind: one for one in (Layer, SigmaDelta, Adaptive, Resonator)
}
