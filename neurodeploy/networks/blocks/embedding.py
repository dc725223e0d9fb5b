"""Patch embeddings: four convolutions over neighbouring frames, and a fifth beside a shortcut.

Axes: B sample, T frame, C channel.

Source: zeyuliu1037/LMUFormer (5debadd, MIT): Tokenizer, Conv1d4EB, Conv1d4EBMs; any number of frames and channels.
"""

from collections.abc import Iterator

from torch import nn

from neurodeploy.networks.blocks.frames import FrameConv, FrameNorm, Shortcut, chain, node

N_CONVOLUTIONS = 4


def tokenizer(n_inputs: int, width: int) -> nn.Sequential:
    """Return the embedding without spikes: 4 x [convolution, ReLU, batch norm] to z, then z + convolution(z).

    Args:
        n_inputs: Channels of a frame.
        width: Channels of an embedded one.
    """
    convolutions = [
        chain(**{"0": conv, "1": nn.ReLU(), "3": FrameNorm(width)}) for conv in _convolutions(n_inputs, width)
    ]
    rest = Shortcut(chain(rpe_conv=FrameConv(width, width)))
    return chain(conv_layers=nn.Sequential(*convolutions), rpe=rest)


def spiking_embedding(n_inputs: int, width: int) -> nn.Sequential:
    """Return 4 x [convolution, batch norm, neurons] to z, then z + neurons(norm(convolution(z))): 0, 1 or 2 spikes."""
    found = _spiking(n_inputs, width, N_CONVOLUTIONS)
    rest = chain(rpe_conv=FrameConv(width, width), rpe_bn=FrameNorm(width), rpe_lif=node())
    return chain(**found, rpe=Shortcut(rest))


def membrane_embedding(n_inputs: int, width: int) -> nn.Sequential:
    """Return the one whose shortcut carries potentials: the fourth convolution's z, then z + convolution(spikes of z).

    Its output is real; batch norm and neurons of the fourth stage lie on the path beside the shortcut.
    """
    found = _spiking(n_inputs, width, N_CONVOLUTIONS)
    *_, norm, neurons = found
    rest = chain(**{norm: found.pop(norm), neurons: found.pop(neurons)}, rpe_conv=FrameConv(width, width))
    return chain(**found, rpe=Shortcut(rest))


def _convolutions(n_inputs: int, width: int) -> Iterator[FrameConv]:
    for number in range(N_CONVOLUTIONS):
        yield FrameConv(width if number else n_inputs, width)


def _spiking(n_inputs: int, width: int, n_stages: int) -> dict[str, nn.Module]:
    found: dict[str, nn.Module] = {}
    for conv, number in zip(_convolutions(n_inputs, width), ("", "1", "2", "3"), strict=True):
        found |= {f"proj_conv{number}": conv, f"proj_bn{number}": FrameNorm(width), f"proj_lif{number}": node()}
    return found


EMBEDDINGS = {"tokens": tokenizer, "spikes": spiking_embedding, "membrane": membrane_embedding}
