"""Modules that are read as a whole, by the name of their class: what they do shows in no run of single layers.

A new one is a function, and a line of the table.
"""

from collections.abc import Callable
from typing import Any

from torch import nn
from torch.nn.utils import parametrize

from neurodeploy.errors import FrameworkError
from neurodeploy.reading.frames import of_chip_frames, of_lmuformer
from neurodeploy.reading.inputs import Sample
from neurodeploy.reading.memories import of_chip_memory, of_lmufft

Read = Callable[[nn.Module, str, Sample, float, str], dict[str, Any]]
"""From a module, the path of the one in it, a sample input, the time step in seconds and a name for the graph to the
fields of a `graph_of.GraphOf`."""
WHOLE: dict[str, Read] = {
    "LMUFFT": of_lmufft,
    "ChipMemory": of_chip_memory,
    "ChipFrames": of_chip_frames,
    "LmuFormer": of_lmuformer,
}


def read_whole(module: nn.Module, sample: Sample, dt_s: float, name: str) -> dict[str, Any] | None:
    """Return the fields of a `graph_of.GraphOf` of a module that holds one of the table, None where it holds none.

    Raises:
        FrameworkError: there are several, or one cannot be read.
    """
    kinds = ((path, parametrize.type_before_parametrizations(one).__name__) for path, one in module.named_modules())
    found = [(path, kind) for path, kind in kinds if kind in WHOLE]
    if len(found) > 1:
        (path, kind), number = found[1], len(found)
        raise FrameworkError(f"{path}: one {kind} is read of a module, found {number}; deploy them one by one")
    return WHOLE[found[0][1]](module, found[0][0], sample, dt_s, name) if found else None
