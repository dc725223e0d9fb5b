"""Batches of spikes whose order depends on seed and epoch alone; and a network asked, not trained, on them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Sampler

from neurodeploy.data.stream import SampleSource
from neurodeploy.errors import DataError
from neurodeploy.training.processes import process, share
from neurodeploy.training.reading import read

MIXTURES = 10.0
"""Both parameters of the beta distribution of shares. Source: zeyuliu1037/LMUFormer (5debadd), after the AST."""


class Mixture(NamedTuple):
    """Samples by their indices, each mixed with another, of which it has a share; 1 where it stays alone."""

    chosen: list[int]
    others: list[int]
    shares: list[float]


class SpikeBatches(Dataset):
    """Batches that are read by a list of indices: spikes, counts or real values (B, T, I) as float32, and labels (B,).

    Where samples are of different lengths, T is that of the longest in the batch, and the others are padded with
    zeros, which a network takes for input as any other.
    """

    def __init__(self, data: SampleSource) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, indices: list[int] | Mixture) -> tuple[torch.Tensor, torch.Tensor]:
        if isinstance(indices, Mixture):
            return self._mixed(indices)
        found = self.data.at(indices)
        n_steps = None if found.lengths_B is None else int(found.lengths_B.max())
        return torch.from_numpy(found.spikes_BTI)[:, :n_steps].float(), torch.from_numpy(found.labels_B)

    def _mixed(self, drawn: Mixture) -> tuple[torch.Tensor, torch.Tensor]:
        """Return samples, and the share of each class in them (B, C)."""
        assert self.data.mixed is not None
        chosen, others, shares = (np.array(one) for one in drawn)
        x_BTI, both = self.data.at(chosen).spikes_BTI.copy(), np.flatnonzero(shares < 1)
        if len(both):
            x_BTI[both] = self.data.mixed(chosen[both], others[both], shares[both])
        shares_BC = np.zeros((len(chosen), len(self.data.class_names)), np.float32)
        for some, part in ((chosen, shares), (others, 1 - shares)):
            np.add.at(shares_BC, (np.arange(len(some)), self.data.labels_B[some]), part)
        return torch.from_numpy(x_BTI), torch.from_numpy(shares_BC)


class EpochOrder(Sampler):
    """Lists of indices; a permutation of its own for each epoch, shared by all processes, or the stored order.

    Args:
        mixup: Share of samples that are mixed with another; then these are `Mixture`s.
    """

    def __init__(self, n_samples: int, batch_size: int, seed: int | None, mixup: float = 0.0) -> None:
        self.n_samples, self.batch_size, self.seed, self.mixup = n_samples, batch_size, seed, mixup
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Lightning calls this before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-self.n_samples // self.batch_size)

    def __iter__(self) -> Iterator[list[int] | Mixture]:
        order = torch.arange(self.n_samples)
        if self.seed is not None:
            generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
            order = torch.randperm(self.n_samples, generator=generator)
        for first in range(0, self.n_samples, self.batch_size):
            some = order[first : first + self.batch_size].tolist()
            if self.seed is not None:
                some = share(some, *process())
            yield self._drawn(some, first) if self.mixup else some

    def _drawn(self, chosen: list[int], first: int) -> Mixture:
        random = np.random.default_rng([self.seed or 0, self.epoch, first + process()[0]])
        alone, others = random.random(len(chosen)) >= self.mixup, random.integers(self.n_samples, size=len(chosen))
        shares = np.where(alone, 1.0, random.beta(MIXTURES, MIXTURES, len(chosen)))
        return Mixture(chosen, others.tolist(), shares.tolist())


def loader(data: SampleSource, batch_size: int, seed: int | None = None, mixup: float = 0.0) -> DataLoader:
    """Return batches of `data`; shuffled by epoch when a seed is given.

    Args:
        mixup: Share of samples that are mixed with another of any class; labels are then shares (B, C).

    Raises:
        DataError: the samples are no recordings.
    """
    if mixup and data.mixed is None:
        raise DataError(f"training.mixup: {data.name} has no recordings that could sound together; set it to 0")
    order = EpochOrder(len(data), batch_size, seed, mixup)
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
