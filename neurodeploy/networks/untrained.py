"""Networks of random weights whose neurons spike, for counting and timing."""

from typing import TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


@torch.no_grad()
def normed_by(network: Network, x: torch.Tensor, shift: float | None = None) -> Network:
    """Return the network in evaluation mode, its batch norms with the statistics of one batch.

    With the statistics that they start with, few neurons of random weights spike.

    Args:
        x: The batch, as the network takes it.
        shift: Of what every batch norm gives, so that neurons spike more or less often; as it is when None.
    """
    for one in network.modules():
        if isinstance(one, nn.BatchNorm1d | nn.BatchNorm2d):
            one.momentum = None
            if shift is not None:
                nn.init.constant_(one.bias, shift)
    network.train()(x)
    return network.eval()
