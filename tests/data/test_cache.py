"""What is kept on disk is used only where it is whole and belongs to the question."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from neurodeploy.data.binning import Counts
from neurodeploy.data.cache import cache_folder, kept_arrays, kept_counts, key_of
from neurodeploy.data.mapped import StoredArray
from neurodeploy.data.stream import from_counts
from neurodeploy.errors import DataError

PIECES = (
    Counts(np.array([0, 2, 3]), np.array([1, 5, 0], np.uint16), np.array([1, 2, 9], np.uint8), 3, 2, 4),
    Counts(np.array([0, 1]), np.array([3], np.uint16), np.array([300], np.uint16), 3, 2, 1),
)
WHOLE = {"labels": np.array([1, 0, 1]), "speaker": np.array([3, 4, 3]), "names": np.array(["a", "bc"])}
DENSE = np.array([[[0, 1], [0, 0], [0, 2]], [[9, 0], [0, 0], [0, 0]], [[0, 0], [0, 300], [0, 0]]])


def give(add: Callable[[Counts], None]) -> dict[str, np.ndarray]:
    for one in PIECES:
        add(one)
    return WHOLE


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NEURODEPLOY_CACHE", str(tmp_path))
    return tmp_path / "binned"


def test_what_was_kept_comes_back_whole() -> None:
    make = mock.Mock(side_effect=give)
    kept_counts("data", key_of(a=1), make)
    found = kept_counts("data", key_of(a=1), make)
    make.assert_called_once()
    assert found.extra["names"].tolist() == ["a", "bc"]
    assert found.extra["speaker"].tolist() == [3, 4, 3]
    assert found.dropped == 5
    for one, piece in zip(found.counts, PIECES, strict=True):
        assert isinstance(one.cells, StoredArray)  # and not in memory
        assert (one.cells.dtype, one.values.dtype) == (piece.cells.dtype, piece.values.dtype)
        np.testing.assert_array_equal(one.dense(np.arange(len(piece))), piece.dense(np.arange(len(piece))))
    source = from_counts("data", found.counts, found.labels)
    assert (len(source), source.n_steps, source.shape) == (3, 3, (2,))
    order = np.array([2, 0, 1, 0])
    np.testing.assert_array_equal(source.at(order).spikes_BTI, DENSE[order])


def test_what_was_removed_while_in_use_is_one_line(folder: Path) -> None:
    found = kept_counts("data", key_of(a=1), give)
    (path,) = folder.iterdir()
    path.unlink()
    with pytest.raises(DataError, match=r"was removed or changed while in use .*; run again"):
        found.counts[0].dense(np.array([0]))


def test_another_questions_answer_is_not_taken(folder: Path) -> None:
    make = mock.Mock(side_effect=give)
    kept_counts("data", key_of(a=1), make)
    (first,) = folder.iterdir()
    kept_counts("data", key_of(a=2), make)
    (second,) = set(folder.iterdir()) - {first}
    second.write_bytes(first.read_bytes())
    kept_counts("data", key_of(a=2), make)
    assert make.call_count == 3
    assert key_of(a=1, b=2) == key_of(b=2, a=1)


@pytest.mark.parametrize(
    "changed",
    [
        {"whole/labels": np.array([1])},
        {"0/offsets": np.array([0, 2, 2])},
        {"0/cells": np.array([1, 6, 0], np.uint16)},
        {"0/values": np.array([1, 2], np.uint8)},
        {"1/sizes": None},
        {"1/offsets": None, "1/cells": None, "1/values": None, "1/sizes": None},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_arrays_that_do_not_fit_together_are_made_again(folder: Path, changed: dict[str, np.ndarray | None]) -> None:
    make = mock.Mock(side_effect=give)
    kept_counts("data", key_of(a=1), make)
    (path,) = folder.iterdir()
    with np.load(path) as stored:
        arrays = {name: array for name, array in ({**stored} | changed).items() if array is not None}
    with path.open("wb") as stream:
        np.savez(stream, **arrays)
    kept_counts("data", key_of(a=1), make)
    assert make.call_count == 2


def test_an_error_of_the_maker_leaves_nothing_behind(folder: Path) -> None:
    def fails(add: Callable[[Counts], None]) -> dict[str, np.ndarray]:
        add(PIECES[0])
        raise DataError("sample 2 is damaged")

    with pytest.raises(DataError, match="sample 2 is damaged"):
        kept_counts("data", key_of(a=1), fails)
    assert not list(folder.iterdir())


def test_arrays_are_kept_alike(folder: Path) -> None:
    make = mock.Mock(return_value={"frames": np.ones((2, 3), np.float32)})
    for _ in range(2):
        np.testing.assert_array_equal(kept_arrays("data", key_of(a=1), make)["frames"], np.ones((2, 3)))
    make.assert_called_once()
    assert cache_folder() == folder
