"""What a layer loses alone: it is on the chip's grid and hears what the float network sends, so no error adds up."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from neurodeploy.backends import reference
from neurodeploy.backends.trace import LayerTrace
from neurodeploy.fixedpoint import rules
from neurodeploy.graph.network import Network


def layers_alone(
    on_grid: Network, spikes_BTI: np.ndarray, real: Mapping[str, LayerTrace]
) -> dict[str, tuple[LayerTrace, LayerTrace]]:
    """Return each layer on the grid, and in the float network, by name.

    Args:
        on_grid: The float network on the chip's grid, real-valued.
        spikes_BTI: Samples (B, T, I).
        real: States of the float network's layers on these samples. All but a layer itself send what is in them.
    """
    plain = replace(on_grid, readout=rules.READOUTS[0], decode=None)  # of one layer, the host reads nothing
    found = {}
    for one in on_grid.populations:
        given = {name: states.spikes_BTN for name, states in real.items() if name != one.name}
        trace = reference.run(plain, spikes_BTI, record=True, given=given)
        found[one.name] = trace.layers[one.name], real[one.name]
    return found
