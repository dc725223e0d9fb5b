"""Every kind of population that a Program can hold."""

from __future__ import annotations

from typing import Any

from neurodeploy.fixedpoint.dynamics.table import known
from neurodeploy.program.dynamics import DynamicsLayer, layer_type
from neurodeploy.program.layer import Layer, SigmaDelta

AnyLayer = Layer | SigmaDelta | DynamicsLayer
_WITH_A_STEP_OF_THEIR_OWN: dict[str, type[Layer] | type[SigmaDelta]] = {one.kind: one for one in (Layer, SigmaDelta)}


def type_called(kind: str, definition: dict[str, Any] | None = None) -> Any:
    """Return the class of a kind of population.

    Args:
        definition: A neuron's equations where a file brings them, as `Dynamics.to_dict` gave them.

    Raises:
        ProgramError: there is no such kind, or the file means another one by that name.
    """
    return _WITH_A_STEP_OF_THEIR_OWN.get(kind) or layer_type(known(kind, definition))
