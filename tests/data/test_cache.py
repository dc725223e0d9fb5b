"""What is kept on disk is used only where it is whole and belongs to the question."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from neurodeploy.data.binning import Counts
from neurodeploy.data.cache import Kept, cache_folder, kept_arrays, kept_counts, key_of

KEPT = Kept(
    Counts(np.array([0, 2, 3]), np.array([1, 5, 0], np.uint16), np.array([1, 2, 9], np.uint8), 3, 2, 4),
    np.array([1, 0]),
    {"speaker": np.array([3, 4]), "names": np.array(["a", "bc"])},
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NEURODEPLOY_CACHE", str(tmp_path))
    return tmp_path / "binned"


def test_what_was_kept_comes_back_whole() -> None:
    make = mock.Mock(return_value=KEPT)
    kept_counts("data", key_of(a=1), make)
    found = kept_counts("data", key_of(a=1), make)
    make.assert_called_once()
    assert found is not KEPT
    for name in ("offsets", "cells", "values"):
        np.testing.assert_array_equal(getattr(found.counts, name), getattr(KEPT.counts, name))
        assert getattr(found.counts, name).dtype == getattr(KEPT.counts, name).dtype
    assert (found.counts.n_steps, found.counts.n_channels, found.counts.dropped) == (3, 2, 4)
    assert found.extra["names"].tolist() == ["a", "bc"]
    assert found.extra["speaker"].tolist() == [3, 4]


def test_another_questions_answer_is_not_taken(folder: Path) -> None:
    make = mock.Mock(return_value=KEPT)
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
        {"labels": np.array([1])},
        {"offsets": np.array([0, 2, 2])},
        {"cells": np.array([1, 6, 0], np.uint16)},
        {"values": np.array([1, 2], np.uint8)},
        {"sizes": None},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_arrays_that_do_not_fit_together_are_made_again(folder: Path, changed: dict[str, np.ndarray | None]) -> None:
    make = mock.Mock(return_value=KEPT)
    kept_counts("data", key_of(a=1), make)
    (path,) = folder.iterdir()
    with np.load(path) as stored:
        arrays = {name: array for name, array in ({**stored} | changed).items() if array is not None}
    with path.open("wb") as stream:
        np.savez(stream, **arrays)
    kept_counts("data", key_of(a=1), make)
    assert make.call_count == 2


def test_arrays_are_kept_alike(folder: Path) -> None:
    make = mock.Mock(return_value={"frames": np.ones((2, 3), np.float32)})
    for _ in range(2):
        np.testing.assert_array_equal(kept_arrays("data", key_of(a=1), make)["frames"], np.ones((2, 3)))
    make.assert_called_once()
    assert cache_folder() == folder
