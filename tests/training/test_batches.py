"""What training draws is the same from every kind of source, and no more than a batch of it is held."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

from neurodeploy.data.binning import Binning, Counts, count_events
from neurodeploy.data.cache import kept_counts, key_of
from neurodeploy.data.features import Frames
from neurodeploy.data.files import open_file
from neurodeploy.data.spikes import SpikeData
from neurodeploy.data.stream import SampleSource, from_bits, from_counts, from_memory, in_pieces
from neurodeploy.data.torch_dataset import from_torch
from neurodeploy.training.batches import loader
from tests.data.shd import write_official

DT_S = 0.01
SHAPE = (2, 3, 3)
SPIKES = (np.random.default_rng(2).random((23, 12, 18)) < 0.3).astype(np.uint8)
SPIKES[:, -1, 0] = 1  # files of events are as long as their last one
LABELS = np.arange(23) % 4
FLOOR = Binning(12, 12 * DT_S, counts=False, rule="floor")


def counted(first: int, after: int) -> Counts:
    lists = [np.nonzero(one) for one in SPIKES[first:after]]
    return count_events("test", [((steps + 0.5) * DT_S, units) for steps, units in lists], FLOOR, 18, first)


def memory(path: Path) -> SampleSource:
    return from_memory(SpikeData("test", SPIKES, LABELS), SHAPE)


def bits(path: Path) -> SampleSource:
    return from_bits("test", np.packbits(SPIKES.reshape(23, -1), axis=1), 12, SHAPE, LABELS)


def counts(path: Path) -> SampleSource:
    return from_counts("test", [counted(0, 5), counted(5, 23)], LABELS, binary=True, shape=SHAPE)


def counts_on_disk(path: Path) -> SampleSource:
    def make(add: Callable[[Counts], None]) -> dict[str, np.ndarray]:
        for first in range(0, 23, 4):
            add(counted(first, min(first + 4, 23)))
        return {"labels": LABELS}

    found = kept_counts("test", key_of(what="batches"), make)
    return from_counts("test", found.counts, found.labels, binary=True, shape=SHAPE)


def packed_file(path: Path) -> SampleSource:
    np.savez_compressed(path / "s.npz", spikes=SPIKES.reshape(23, 12, *SHAPE), labels=LABELS)
    return open_file(path / "s.npz", dt_s=None, n_channels=None)


def plain_file(path: Path) -> SampleSource:
    np.savez(path / "s.npz", spikes=SPIKES, labels=LABELS)
    return open_file(path / "s.npz", dt_s=None, n_channels=None)


def file_by_columns(path: Path) -> SampleSource:
    np.savez(path / "s.npz", spikes=np.asfortranarray(SPIKES), labels=LABELS)
    return open_file(path / "s.npz", dt_s=None, n_channels=None)


def timed_file(path: Path) -> SampleSource:
    write_official(path / "s.h5", SPIKES, DT_S, np.float32)
    return open_file(path / "s.h5", dt_s=DT_S, n_channels=18)


def binned_file(path: Path) -> SampleSource:
    write_official(path / "s.h5", SPIKES, DT_S, np.float32)
    return open_file(path / "s.h5", dt_s=None, n_channels=18, binning=FLOOR)


def torch_dataset(path: Path) -> SampleSource:
    return from_torch(TensorDataset(torch.from_numpy(SPIKES).reshape(23, 12, *SHAPE), torch.from_numpy(LABELS)))


def part_of_another(path: Path) -> SampleSource:
    order = np.random.default_rng(3).permutation(23)
    data = SpikeData("test", SPIKES[np.argsort(order)], LABELS[np.argsort(order)])
    return from_memory(data, SHAPE).take(order)


KINDS = (memory, bits, counts, counts_on_disk, packed_file, plain_file, file_by_columns)
MORE = (timed_file, binned_file, torch_dataset, part_of_another)


@pytest.mark.parametrize("made", [*KINDS, *MORE], ids=lambda one: one.__name__)
def test_batches_are_those_of_the_whole_array(
    made: Callable[[Path], SampleSource], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEURODEPLOY_CACHE", str(tmp_path))
    source = made(tmp_path)
    labels = torch.from_numpy(source.labels_B)  # files in SHD layout are written with one class here
    batches = loader(source, 5, seed=7)
    for epoch in (0, 1, 0):
        batches.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
        for chosen, (spikes, classes) in zip(batches.sampler, batches, strict=True):
            assert spikes.dtype == torch.float32
            assert torch.equal(spikes, torch.from_numpy(SPIKES[chosen]).float())
            assert torch.equal(classes, labels[chosen])
    in_turn = [np.array(one) for one in ([5, 3, 3], [4], [22, 2])]
    for chosen, found in zip(in_turn, source.read(in_turn), strict=True):
        np.testing.assert_array_equal(found, SPIKES[chosen])


def test_recordings_in_pieces_are_padded_alike() -> None:
    lengths = [3, 9, 5, 2, 7]
    parts = [np.full((length, 40), index + 1, np.float32) for index, length in enumerate(lengths)]

    def frames(some: slice) -> Frames:
        return Frames(np.concatenate(parts[some]), np.cumsum([0, *lengths[some]]), 6)

    read = in_pieces([frames(slice(0, 2)), frames(slice(2, 5))], np.dtype(np.float32))
    source = SampleSource("test", np.zeros(5, int), 6, (40,), read, kind="real", lengths_B=np.minimum(lengths, 6))
    found = source.at([4, 0, 1])
    assert found.spikes_BTI[:, :, 0].tolist() == [[5] * 6, [1, 1, 1, 0, 0, 0], [2] * 6]
    assert next(iter(loader(source.take([3, 0]), 2)))[0].shape == (2, 3, 40)


def test_an_epoch_holds_a_batch_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEURODEPLOY_CACHE", str(tmp_path))
    n_samples, n_steps, n_units = 800, 20, 400  # 6.4 MB as bytes, 0.2 MB a batch

    def make(add: Callable[[Counts], None]) -> dict[str, np.ndarray]:
        generator = np.random.default_rng(0)
        for _ in range(8):
            lists = [(np.sort(generator.uniform(0, 1, 40)), generator.integers(0, n_units, 40)) for _ in range(100)]
            add(count_events("test", lists, Binning(n_steps, 1.0, rule="floor"), n_units))
        return {"labels": np.arange(n_samples) % 4}

    tracemalloc.start()
    found = kept_counts("test", key_of(what="memory"), make)
    source = from_counts("test", found.counts, found.labels)
    n_events = sum(int(spikes.sum()) for spikes, _ in loader(source, 25, seed=0))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert n_events == n_samples * 40
    assert peak < n_samples * n_steps * n_units / 4
