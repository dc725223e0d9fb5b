"""Batches of spikes whose order depends on seed and epoch alone; and a network asked, not trained, on them."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Sampler

from neurodeploy.data.stream import SampleSource
from neurodeploy.training.reading import read


class SpikeBatches(Dataset):
    """Batches that are read by a list of indices: spikes, counts or real values (B, T, I) as float32, and labels (B,).

    Where samples are of different lengths, T is that of the longest in the batch, and the others are padded with
    zeros, which a network takes for input as any other.
    """

    def __init__(self, data: SampleSource) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, indices: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        found = self.data.at(indices)
        n_steps = None if found.lengths_B is None else int(found.lengths_B.max())
        return torch.from_numpy(found.spikes_BTI)[:, :n_steps].float(), torch.from_numpy(found.labels_B)


class EpochOrder(Sampler):
    """Lists of indices; a permutation of its own for each epoch, or the stored order."""

    def __init__(self, n_samples: int, batch_size: int, seed: int | None) -> None:
        self.n_samples, self.batch_size, self.seed = n_samples, batch_size, seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Lightning calls this before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-self.n_samples // self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        order = torch.arange(self.n_samples)
        if self.seed is not None:
            generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
            order = torch.randperm(self.n_samples, generator=generator)
        for first in range(0, self.n_samples, self.batch_size):
            yield order[first : first + self.batch_size].tolist()


def loader(data: SampleSource, batch_size: int, seed: int | None = None) -> DataLoader:
    """Return batches of `data`; shuffled by epoch when a seed is given."""
    order = EpochOrder(len(data), batch_size, seed)
    return DataLoader(SpikeBatches(data), sampler=order, batch_size=None)


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
