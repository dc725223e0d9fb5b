"""Spiking patch splitting (SPS): four convolutions of 3 by 3, perhaps with pools, and a fifth beside a shortcut.

Source: Zhou et al., ICLR 2023, and ZK-Zhou/spikformer (62126898): `spiking`; Yao et al., NeurIPS 2023, and
BICLab/Spike-Driven-Transformer (3faa8227): `membrane`.
"""

from torch import nn

from neurodeploy.networks.blocks.frames import Shortcut, chain
from neurodeploy.networks.blocks.maps import NeuronKind, Pictures, neurons, pool, stage, weighted

PARTS = (8, 4, 2, 1)
"""The width divided by this is the channels of a convolution."""


def spiking(n_inputs: int, width: int, pools: str, kind: NeuronKind) -> nn.Sequential:
    """Return 4 x [convolution, norm, neurons, pool] to z, then z + neurons(norm(convolution(z))): 0, 1 or 2 spikes.

    Args:
        n_inputs: Channels of the picture.
        width: Channels of what is given; 8 divides it.
        pools: "1" where a stage has one, as "0011".
    """
    found = _stages(n_inputs, width, pools, kind)
    return chain(**found, last=Shortcut(chain(rpe=stage(width, width, kind=kind))))


def membrane(n_inputs: int, width: int, pools: str, kind: NeuronKind, *, after: bool) -> nn.Sequential:
    """Return the one whose shortcut carries currents: z of the fourth batch norm, then z + norm(convolution(s(z))).

    Args:
        after: The fourth pool is after its neurons, not before; the shortcut then carries their spikes, and all that is
            pooled are spikes.
    """
    found = _stages(n_inputs, width, pools, kind)
    path = {"rpe": chain(map=Pictures(**weighted(width, width)))}
    if pools[-1] == "0" or not after:
        pooled = {"pool": pool()} if pools[-1] == "1" else {}
        found["proj3"] = chain(map=Pictures(**weighted(width // 2, width), **pooled))
        path = {"proj3": chain(lif=neurons(kind)), **path}
    return chain(**found, last=Shortcut(chain(**path)))


def _stages(n_inputs: int, width: int, pools: str, kind: NeuronKind) -> dict[str, nn.Module]:
    sizes = [n_inputs, *(width // part for part in PARTS)]
    pooled = ["after" if one == "1" else "" for one in pools]
    made = [stage(*sizes[n : n + 2], kind=kind, pooled=pooled[n]) for n in range(4)]  # type: ignore[arg-type]
    return {f"proj{n or ''}": one for n, one in enumerate(made)}
