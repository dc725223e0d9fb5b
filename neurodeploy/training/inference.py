"""A network asked, not trained: the same answers each time, and its accuracy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from neurodeploy.data.stream import SampleSource
from neurodeploy.training.batches import loader
from neurodeploy.training.reading import read


@contextmanager
def asked(network: nn.Module, seed: int) -> Iterator[None]:
    """Put a network in evaluation mode, without gradients; random initial states come from `seed`.

    Afterwards every part of the network is in the mode it was in, and torch's generator where it was.
    """
    trained = [module for module in network.modules() if module.training]
    network.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield
    finally:
        for module in trained:
            module.training = True


def evaluate(network: nn.Module, data: SampleSource, batch_size: int = 256, *, seed: int = 0) -> float:
    """Return the accuracy of `network` on `data`: the largest score or most output spikes, the lowest class on a tie.

    Args:
        batch_size: With random initial states, these depend on it.
        seed: Of random initial states.
    """
    correct = 0
    device = next(network.parameters()).device
    with asked(network, seed):
        for spikes_BTI, labels_B in loader(data, batch_size):
            scores_BC = read(network(spikes_BTI.to(device))).scores_BC
            correct += int((scores_BC.argmax(dim=1).cpu() == labels_B).sum())
    return correct / len(data)
