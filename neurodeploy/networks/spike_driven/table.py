"""What a chip runs of each kind of module: a new kind is a line here."""

from typing import Any

from torch import nn

from neurodeploy.networks.blocks.attention import SpikingAttention
from neurodeploy.networks.blocks.deformed import DeformedShortcut
from neurodeploy.networks.blocks.frames import Beside, Shortcut
from neurodeploy.networks.blocks.maps import And, AnyOf, Pictures, Wired
from neurodeploy.networks.blocks.mixer import FramesLMU
from neurodeploy.networks.blocks.sdsa import OverHeads
from neurodeploy.networks.blocks.ssa import SampleMixing, SpikeProducts, SpikingSelfAttention
from neurodeploy.networks.blocks.tim import TemporalInteraction
from neurodeploy.networks.families.transformer import SpikingTransformer
from neurodeploy.networks.spike_driven import frames, pictures
from neurodeploy.networks.spike_driven.signals import NEURONS, NO_NEURON, Part
from neurodeploy.networks.spike_driven.walk import (
    INPUT,
    At,
    Rule,
    beside,
    chain,
    makes_values,
    neurons,
    nothing,
    shortcut,
    walked,
    weights,
)
from neurodeploy.neurons.lmu_layers import LinearMemory
from neurodeploy.neurons.plif import PLIF, LIFNode


def parts_of(network: Any, n_steps: int) -> list[Part]:
    """Return what each part of a network takes, in the order in which they run.

    Args:
        network: Of real input: one with `stages` and a `head`, as a `streaming.Streamable`, or a module in `RULES`.
        n_steps: Steps (frames) of a sample; attention multiplies each with each.

    Raises:
        NetworkError: a part of it is not known.
    """
    at = At("", "", n_steps, RULES)
    return list(frames.network(network, at) if hasattr(network, "stages") else walked(network, INPUT, at))


RULES: dict[type[nn.Module], Rule] = {
    nn.Sequential: chain,
    Shortcut: shortcut,
    Beside: beside,
    nn.Linear: weights,
    nn.Conv1d: weights,
    nn.BatchNorm1d: frames.norm,
    nn.Identity: nothing,
    LIFNode: neurons,
    PLIF: neurons,
    nn.ReLU: makes_values(NEURONS, frames.SIGMA_DELTA, "neurons in place of ReLU"),
    nn.GELU: makes_values(NO_NEURON, "no neuron of a chip has this activation", "ReLU or neurons in place of GELU"),
    nn.LayerNorm: makes_values(
        NO_NEURON, "it needs mean and deviation of all channels of a frame", "batch norm, which goes into the weights"
    ),
    LinearMemory: frames.memory,
    FramesLMU: frames.unit,
    SpikingAttention: frames.attention,
    SpikingTransformer: pictures.network,
    Pictures: pictures.pictures,
    nn.Conv2d: pictures.conv,
    nn.BatchNorm2d: frames.norm,
    nn.MaxPool2d: pictures.pool,
    DeformedShortcut: pictures.deformed,
    Wired: pictures.wired,
    AnyOf: pictures.any_of,
    And: pictures.both,
    OverHeads: pictures.over_heads,
    SpikingSelfAttention: pictures.attention,
    SpikeProducts: pictures.products,
    TemporalInteraction: pictures.tim,
    SampleMixing: pictures.mixing,
}
