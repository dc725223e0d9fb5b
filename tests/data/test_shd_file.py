"""Files in SHD layout that we write are read by us and by programs for SHD."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from neurodeploy.data.files import open_file, shd_file
from neurodeploy.errors import DataError

CLIPS = [([0.001, 0.5, 0.5001], [3, 699, 0]), ([], []), ([0.9], [5])]


def write(path: Path, times: str = "float16") -> Path:
    with shd_file(
        path, [1, 0, 0], keys=["no", "größer"], extra={"speaker": np.arange(3)}, settings={"seed": 3}, times=times
    ) as file:
        for index, (when, which) in enumerate(CLIPS):
            file.write(index, np.array(when), np.array(which))
    return path


def test_programs_for_shd_find_what_they_expect(tmp_path: Path) -> None:
    with h5py.File(write(tmp_path / "a.h5")) as file:
        assert file["spikes"]["times"][0].dtype == np.float16
        assert file["spikes"]["units"][0].dtype == np.uint16
        np.testing.assert_array_equal(file["spikes"]["times"][0], np.array(CLIPS[0][0], np.float16))
        assert [list(one) for one in file["spikes"]["units"]] == [which for _, which in CLIPS]
        np.testing.assert_array_equal(file["labels"][()], [1, 0, 0])
        assert file["labels"].dtype == np.uint16
        assert [key.decode() for key in file["extra/keys"]] == ["no", "größer"]
        np.testing.assert_array_equal(file["extra/speaker"], [0, 1, 2])
        assert file.attrs["seed"] == 3


@pytest.mark.parametrize("times", ["float16", "float32", "float64"])
def test_our_reader_finds_the_spikes(times: str, tmp_path: Path) -> None:
    found = open_file(write(tmp_path / "a.h5", times), dt_s=0.01, n_channels=700).whole()
    assert [tuple(one) for one in np.argwhere(found.spikes_BTI)] == [(0, 0, 3), (0, 50, 0), (0, 50, 699), (2, 90, 5)]
    np.testing.assert_array_equal(found.labels_B, [1, 0, 0])


def test_the_same_spikes_give_the_same_bytes(tmp_path: Path) -> None:
    assert write(tmp_path / "a.h5").read_bytes() == write(tmp_path / "b.h5").read_bytes()


def test_nothing_is_left_of_a_file_that_was_not_finished(tmp_path: Path) -> None:
    write(tmp_path / "a.h5")
    before = (tmp_path / "a.h5").read_bytes()
    with pytest.raises(KeyboardInterrupt), shd_file(tmp_path / "a.h5", [0], keys=["a"]):
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]
    assert (tmp_path / "a.h5").read_bytes() == before


def test_an_unknown_type_of_times_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="times: found 'int32', one of float16"):
        write(tmp_path / "a.h5", "int32")
