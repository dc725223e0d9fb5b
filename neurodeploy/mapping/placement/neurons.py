"""What the neurons themselves need of a core: state words, and sets of parameters that they share.

Axes: N neurons of a layer.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from neurodeploy.hardware.chips import programmable_chips
from neurodeploy.mapping.placement.limits import Limits
from neurodeploy.memory import alike
from neurodeploy.program.dynamics import AnyLayer
from neurodeploy.program.layer import Layer

WORD_BITS = 64
"""Of neuron memory on Loihi 2: OzU-CAST/LoihiScalingEfficiency, README."""
DEFAULT_DELAY_SLOTS = 8
"""Steps that a core's accumulators look ahead: Davies et al. 2018, p. 92."""


def own_bits(layer: AnyLayer) -> int:
    """Return the bits of parameters that each neuron holds for itself, because the layer's neurons differ in them.

    What all share stands in the neuron program once.
    """
    return sum(bits for key, bits in layer.own_widths().items() if not alike(np.asarray(getattr(layer, key))))


def state_words(layer: AnyLayer) -> int:
    """Return the words of neuron memory that one neuron takes: one for each state, and its own parameters."""
    return layer.n_states + -(-own_bits(layer) // WORD_BITS)


def delay_slots(longest: int) -> int:
    """Return the accumulators that a neuron needs for its longest delay: a power of two, two more than the delay.

    >>> [delay_slots(steps) for steps in (0, 6, 7, 62)]
    [8, 8, 16, 64]
    """
    return max(DEFAULT_DELAY_SLOTS, 1 << (longest + 1).bit_length())


def codes_of(layer: Any, keys: tuple[str, ...]) -> np.ndarray | None:
    """Return a number for each neuron's set of parameters (N,); None where all neurons have the same."""
    every = [np.asarray(getattr(layer, key)) for key in keys]
    if all(alike(one) for one in every):
        return None
    values = np.stack(every)
    return np.unique(values, axis=1, return_inverse=True)[1].ravel()


def unsupported(layer: Any, limits: Limits) -> str:
    """Return in words why a chip's neurons cannot be those of a layer; empty where they can."""
    if limits.programmable or isinstance(layer, Layer):
        return ""
    kind = layer.kind.replace("_", "-")
    has, use = f"{limits.chip} has leaky integrate-and-fire only", " or ".join(programmable_chips())
    return f"{layer.name}: {kind} neurons need a neuron program, {has}; use {use}"
