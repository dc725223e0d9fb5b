"""Samples that are read batch by batch are those that are read whole, and no more of them are held."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurodeploy.data import files
from neurodeploy.data.files import open_file
from neurodeploy.data.load import open_samples
from neurodeploy.data.stream import SampleSource
from neurodeploy.errors import DataError
from tests.data.shd import break_last_lists, write_official, write_shd

DT_S = 0.01
SPIKES = (np.random.default_rng(5).random((41, 30, 70)) < 0.2).astype(np.uint8)
SPIKES[:, -1, 0] = 1  # the first samples need as many steps as all
LABELS = np.arange(41) % 4

Write = Callable[[Path], None]
FILES: dict[str, Write] = {
    "compressed": lambda path: np.savez_compressed(path, spikes=SPIKES, labels=LABELS),
    "uncompressed": lambda path: np.savez(path, spikes=SPIKES, labels=LABELS),
    "booleans": lambda path: np.savez(path, spikes=SPIKES.astype(bool), labels=LABELS),
    "floats": lambda path: np.savez_compressed(path, spikes=SPIKES.astype(np.float64), labels=LABELS),
    "pictures": lambda path: np.savez(path, spikes=SPIKES.reshape(41, 30, 2, 5, 7), labels=LABELS),
    "columns": lambda path: np.savez(path, spikes=np.asfortranarray(SPIKES), labels=LABELS),
    "float16 times": lambda path: write_official(path, SPIKES, DT_S),
    "float32 times": lambda path: write_official(path, SPIKES, DT_S, np.float32),
}


@pytest.fixture(params=FILES, ids=lambda name: name.replace(" ", "-"))
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / f"{request.param.replace(' ', '-')}.{'h5' if 'times' in request.param else 'npz'}"
    FILES[request.param](path)
    return path


def opened(path: Path, **more: Any) -> SampleSource:
    return open_file(path, dt_s=DT_S, n_channels=70, **more)


@pytest.mark.parametrize("size", [1, 7, 41, 100])
def test_batches_are_the_whole_in_parts(path: Path, size: int) -> None:
    source = opened(path)
    assert (len(source), source.n_steps, source.n_inputs) == SPIKES.shape
    assert source.shape == ((2, 5, 7) if "pictures" in str(path) else (70,))
    parts = list(source.batches(size))
    assert max(len(one) for one in parts) <= size
    np.testing.assert_array_equal(np.concatenate([one.spikes_BTI for one in parts]), SPIKES)
    np.testing.assert_array_equal(
        np.concatenate([one.labels_B for one in parts]), LABELS if path.suffix == ".npz" else 0 * LABELS
    )
    assert all(one.spikes_BTI.dtype == np.uint8 for one in parts)
    np.testing.assert_array_equal(source.whole().spikes_BTI, SPIKES)


def test_a_source_can_be_read_twice_and_in_part(path: Path) -> None:
    source = opened(path)
    for _ in range(2):
        first = next(source.batches(5))
        np.testing.assert_array_equal(first.spikes_BTI, SPIKES[:5])
    few = source.take([2, 3, 11, 40])
    np.testing.assert_array_equal(np.concatenate([one.spikes_BTI for one in few.batches(3)]), SPIKES[[2, 3, 11, 40]])


def test_a_limit_takes_the_first_samples(path: Path) -> None:
    np.testing.assert_array_equal(opened(path, limit=6).whole().spikes_BTI, SPIKES[:6])
    assert len(opened(path, limit=1000)) == 41
    with pytest.raises(DataError, match="limit: found 0, at least 1"):
        opened(path, limit=0)


@pytest.mark.parametrize("name", ["compressed", "float16 times"])
def test_only_a_batch_is_held(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "AT_ONCE", 8)
    spikes = np.zeros((400, 50, 100), np.uint8)
    spikes[:, :, 3] = 1
    path = tmp_path / "data.npz"
    if name == "compressed":
        np.savez_compressed(path, spikes=spikes, labels=np.zeros(400, int))
    else:
        write_official(path, spikes, DT_S)
    tracemalloc.start()
    source = open_file(path, dt_s=DT_S, n_channels=100)
    n_spikes = sum(int(one.spikes_BTI.sum()) for one in source.batches(8))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert n_spikes == 400 * 50
    # A batch is 40 kB, the whole 2 MB; the libraries' own needs lie between them.
    assert peak < spikes.nbytes / 4


def test_a_limit_does_not_look_at_later_lists(tmp_path: Path) -> None:
    path = tmp_path / "data.h5"
    write_official(path, SPIKES, DT_S)
    break_last_lists(path)
    np.testing.assert_array_equal(opened(path, limit=10).whole().spikes_BTI, SPIKES[:10])
    with pytest.raises(DataError, match=r"data.h5: is a damaged HDF5 file, sample (3\d|40) cannot be read"):
        opened(path)


def test_a_limit_does_not_unpack_later_arrays(tmp_path: Path) -> None:
    spikes = SPIKES.copy()
    spikes[30, 0, 0] = 7
    np.savez(tmp_path / "data.npz", spikes=spikes, labels=LABELS)
    np.testing.assert_array_equal(opened(tmp_path / "data.npz", limit=30).whole().spikes_BTI, SPIKES[:30])
    with pytest.raises(DataError, match=r"data.npz: sample 30 holds values from 0 to 7, only 0 and 1"):
        list(opened(tmp_path / "data.npz").batches(7))


def test_an_archive_that_is_damaged_in_the_middle_says_where(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    np.savez_compressed(path, spikes=np.random.default_rng(0).random((400, 50, 100)) < 0.2, labels=np.zeros(400, int))
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 40] = bytes(40)
    path.write_bytes(content)
    source = open_file(path, dt_s=None, n_channels=None)
    read: list[int] = []
    with pytest.raises(DataError, match=r"data.npz: is a damaged .npz .*samples from \d+ on cannot be read") as error:
        read.extend(len(one) for one in source.batches(8))
    assert 0 < sum(read) < 400
    assert f"samples from {sum(read)} on" in str(error.value)


def test_a_file_that_changes_while_it_is_read_says_where(tmp_path: Path) -> None:
    path = tmp_path / "data.h5"
    write_official(path, SPIKES, DT_S)
    batches = opened(path).batches(4)
    next(batches)
    break_last_lists(path)
    with pytest.raises(DataError, match=r"is a damaged HDF5 file, sample (3\d|40) cannot be read"):
        list(batches)


EVENTS: dict[str, tuple[Any, Any, str]] = {
    "a late unit": ([0.01, 0.02], [3, 70], r"sample 1 has units 3\.\.70, 0\.\.69 are allowed"),
    "a negative time": ([0.01, -0.02], [3, 4], "sample 1 has times from -0.02 to 0.01"),
    "no time": ([0.01, np.nan], [3, 4], "sample 1 has times from nan to nan"),
    "milliseconds": ([10.0, 30000.0], [3, 4], "the last event of sample 1 is at 30000 s, .* must be in seconds"),
}


@pytest.mark.parametrize("case", EVENTS, ids=lambda name: name.replace(" ", "-"))
def test_bad_events_name_their_sample(case: str, tmp_path: Path) -> None:
    times, units, says = EVENTS[case]
    write_shd(tmp_path / "data.h5", [[0.01], times], [[1], units], [0, 1])
    with pytest.raises(DataError, match=rf"data.h5: {says}"):
        opened(tmp_path / "data.h5")
    assert len(opened(tmp_path / "data.h5", limit=1)) == 1


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_named_dataset_in_batches_is_the_whole_one(split: Any) -> None:
    source = open_samples("digits", split=split)
    whole = source.whole()
    parts = list(source.batches(100))
    np.testing.assert_array_equal(np.concatenate([one.spikes_BTI for one in parts]), whole.spikes_BTI)
    np.testing.assert_array_equal(source.labels_B, whole.labels_B)
    assert parts[0].name == source.name == f"digits ({split})"
    few = open_samples("digits", split=split, limit=11)
    np.testing.assert_array_equal(few.whole().spikes_BTI, whole.spikes_BTI[:11])
