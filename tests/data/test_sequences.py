"""Pictures as sequences: psMNIST in the reference's order, and the digits in rows or pixels."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from neurodeploy.data.load import PARTS, open_part, open_samples
from neurodeploy.data.sequences import SHA256, permutation
from neurodeploy.data.settings import DataSettings
from neurodeploy.errors import DataError
from tests.data.test_idx import write_pictures


def test_the_permutation_is_the_references() -> None:
    found = permutation()
    assert found[:10].tolist() == [60, 361, 167, 578, 107, 772, 313, 626, 81, 367]
    assert found[-5:].tolist() == [160, 134, 510, 253, 588]
    assert hashlib.sha256(found.astype("<i8").tobytes()).hexdigest() == SHA256
    assert SHA256 == "270deb57c4870003ce4534865b0f04e317928a27ad60fbb85f672e2b3b340d86"


def test_a_step_is_a_pixel_of_the_permutation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEURODEPLOY_DATA", str(tmp_path))
    arrays = write_pictures(tmp_path / "mnist", 60, 20)
    found = open_samples("psmnist")
    assert (len(found), found.n_steps, found.shape, found.kind) == (20, 784, (1,), "counts")
    pictures = arrays["test-images-idx3-ubyte"].reshape(20, 784)
    assert np.array_equal(found.whole().spikes_BTI[:, :, 0], pictures[:, permutation()])
    assert any(SHA256 in note for note in found.notes)
    assert np.array_equal(
        open_samples("psmnist", n_steps=9).at([3]).spikes_BTI[0, :, 0], pictures[3, permutation()[:9]]
    )
    parts = {part: open_part(DataSettings(dataset="psmnist", validation_part=0.2), part) for part in PARTS}
    assert [len(parts[part]) for part in PARTS] == [50, 10, 20]
    trained = {one.tobytes() for part in PARTS[:2] for one in parts[part].whole().spikes_BTI}
    train = arrays["train-images-idx3-ubyte"].reshape(60, 784)[:, permutation()]
    assert trained == {one.astype(np.uint8).tobytes() for one in train}
    with pytest.raises(DataError, match=r"^data.n_steps: found 785, psmnist has 784 pixels; leave it out$"):
        open_samples("psmnist", n_steps=785)


def test_the_digits_come_in_rows_or_pixels_in_the_same_parts() -> None:
    from sklearn.datasets import load_digits

    bunch, whole = load_digits(), open_samples("digits_rows", split="all").whole()
    assert np.array_equal(whole.spikes_BTI, bunch.images)
    assert np.array_equal(whole.labels_B, bunch.target)
    pixels = open_samples("digits_rows", split="all", n_steps=64).whole().spikes_BTI
    assert np.array_equal(pixels[:, :, 0], bunch.data)
    first, second = (open_samples(name).labels_B for name in ("digits", "digits_rows"))
    assert np.array_equal(first, second)
    with pytest.raises(DataError, match=r"^data.n_steps: found 9, digits_rows is cut into 1, 2, 4, 8, 16, 32 or 64$"):
        open_samples("digits_rows", n_steps=9)
