"""The MLPs of a block: two linear maps of each frame with norms and activations, in two orders.

Axes: B sample, T frame, C channel.

Source: zeyuliu1037/LMUFormer (5debadd, MIT): ConvFFN, ConvFFNMs, LinearFFN, LinearFFNMs.
"""

from typing import Literal

from torch import nn

from neurodeploy.errors import NetworkError
from neurodeploy.networks.blocks.frames import FrameNorm, chain, drawn_small, node

MlpKind = Literal["conv", "conv_ms", "linear", "linear_ms"]


def mlp(kind: MlpKind, width: int, hidden: int, *, spiking: bool) -> nn.Sequential:
    """Return an MLP width - hidden - width.

    Args:
        kind: conv: map, batch norm, activation, twice; conv_ms: batch norm, activation, map, twice, so that what leaves
            is real. linear and linear_ms have layer norms in place of batch norms.
        spiking: The activations are neurons; else GELU, then ReLU.

    Raises:
        NetworkError: layer norms before neurons.
    """
    shape, _, late = kind.partition("_")
    layered = shape == "linear"
    if layered and spiking:
        raise NetworkError(
            f"network.mlp: {kind} has layer norms, and the reference's neurons after them take other samples for the "
            "frames before, so samples would mix; take conv or conv_ms, or a model without spikes"
        )
    steps = []
    for name, before, after, activation in (("fc1", width, hidden, nn.GELU()), ("fc2", hidden, width, nn.ReLU())):
        size, linear = before if late else after, nn.Linear(before, after)
        weights = {f"{name}_{shape}": drawn_small(linear) if layered else linear}
        norm = {f"{name}_ln": nn.LayerNorm(size)} if layered else {f"{name}_bn": FrameNorm(size)}
        active = {f"{name}_lif": node() if spiking else activation}
        steps.append(norm | active | weights if late else weights | norm | active)
    return chain(**steps[0], **steps[1])
