"""Which populations of a Program are AND and OR of spikes, so that their synops are logic of one bit."""

from neurodeploy.program.connection import Connection
from neurodeploy.program.layer import Layer
from neurodeploy.program.program import Program


def gates(program: Program) -> tuple[str, ...]:
    """Return the names of the layers that compare how many spikes arrive with a number, pools of spikes too.

    They keep nothing from step to step, have no bias, and each of their connections has one weight, above zero.
    """
    forget = (
        layer.name
        for layer in program.layers
        if isinstance(layer, Layer)
        and layer.name != program.output
        and not any(layer.numbers[key].any() for key in ("kept_u", "kept_v", "bias"))
    )
    return tuple(name for name in forget if all(_one_weight(one) for one in program.connections if one.target == name))


def _one_weight(connection: Connection) -> bool:
    there = connection.held[connection.held != 0]
    return bool(len(there) and there.min() == there.max() > 0)
