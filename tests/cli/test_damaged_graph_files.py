"""Files that are no NIR graph, or were one once: one line, whatever the bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.cli import graphs
from tests.cli.support import Shell

FLIPS = 48


@pytest.fixture(params=["compile", "certify", "simulate"])
def refused(request: pytest.FixtureRequest, shell: Shell) -> Callable[..., str]:
    """Each verb that reads a .nir file, with all it needs besides."""
    graphs.write_data(shell.folder / "data.npz")
    rest = ("--out", "p.npz") if request.param == "compile" else ("--data", "data.npz")

    def call(file: str, says: str) -> str:
        return shell.refuses(request.param, file, *rest, "--dt", "1e-3", says=says)

    return call


def test_a_missing_file(refused: Callable[..., str]) -> None:
    refused("missing.nir", says="missing.nir: no such file; check the path")


def test_a_name_that_no_file_can_have(refused: Callable[..., str]) -> None:
    refused("a" * 300, says="aaa: no such file")


def test_a_folder(refused: Callable[..., str], shell: Shell) -> None:
    (shell.folder / "folder.nir").mkdir()
    refused(
        "folder.nir", says="folder.nir: is a folder without model.nir; name a finished run, or a .nir file inside it"
    )


@pytest.mark.parametrize("content", [b"", b"these are words\n", b"\x89HDF", b"\x00" * 4096])
def test_a_file_of_something_else(refused: Callable[..., str], shell: Shell, content: bytes) -> None:
    (shell.folder / "other.nir").write_bytes(content)
    refused("other.nir", says="other.nir: is not a NIR file" if content else "other.nir: is empty .0 bytes")


def test_hdf5_that_is_no_nir(refused: Callable[..., str], shell: Shell) -> None:
    with h5py.File(shell.folder / "other.nir", "w") as file:
        file["weights"] = np.ones(3)
    refused("other.nir", says="other.nir: is HDF5 but holds no NIR graph")


def test_a_size_that_the_file_cannot_hold(refused: Callable[..., str], shell: Shell) -> None:
    graphs.write_good(shell.folder / "huge.nir")
    with h5py.File(shell.folder / "huge.nir", "a") as file:
        del file["node/nodes/fc1/weight"]
        file.create_dataset("node/nodes/fc1/weight", (1 << 20, 1 << 20), chunks=(64, 64), dtype="f4")
    refused("huge.nir", says="huge.nir: claims .* bytes .* so it is damaged")


def test_an_input_that_claims_to_be_huge(refused: Callable[..., str], shell: Shell) -> None:
    graphs.write_good(shell.folder / "wide.nir")
    with h5py.File(shell.folder / "wide.nir", "a") as file:
        file["node/nodes/input/shape"][...] = 1 << 40
    refused("wide.nir", says=r"node fc1: weights are \(5, 4\), 1099511627776 inputs arrive")


@pytest.mark.parametrize("kept", [0.02, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file(refused: Callable[..., str], shell: Shell, kept: float) -> None:
    whole = graphs.write_good(shell.folder / "cut.nir").read_bytes()
    (shell.folder / "cut.nir").write_bytes(whole[: int(kept * len(whole))])
    refused("cut.nir", says="cut.nir: is damaged or not a NIR graph")


def test_flipped_bytes_give_a_result_or_one_line(shell: Shell, good: Path) -> None:
    whole = good.read_bytes()
    used = np.flatnonzero(np.frombuffer(whole, np.uint8))  # most of a small HDF5 file is padding
    rng = np.random.default_rng(1)
    statuses = []
    for _ in range(FLIPS):
        flipped = bytearray(whole)
        for place in rng.choice(used, rng.integers(1, 4)):
            flipped[place] ^= int(rng.integers(1, 256))
        (shell.folder / "flipped.nir").write_bytes(flipped)
        said = shell("simulate", "flipped.nir", "--data", "data.npz", "--dt", "1e-3", "--json")
        statuses.append(said.status)
        errors = [line for line in said.err.splitlines() if line.startswith("error: ")]
        assert (said.status, len(errors), bool(said.out)) in ((0, 0, True), (2, 1, False)), said
        assert "Traceback" not in said.err
    assert {0, 2} == set(statuses)
    assert sorted(path.name for path in shell.folder.iterdir()) == ["data.npz", "flipped.nir", "good.nir"]
