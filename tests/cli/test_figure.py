"""`figure`: made-up checkpoints drawn, and what is none refused in one line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from neurodeploy.networks.families.silif import SilifModel, SilifSettings, build
from tests.cli.support import Shell

MODELS: tuple[SilifModel, ...] = ("cadlif", "csilif", "silif", "rf")
HIDDEN = (4, 3)

Arrays = dict[str, np.ndarray]


@pytest.fixture(scope="session")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of untrained networks; tests change copies of it only."""
    folder = tmp_path_factory.mktemp("made_up")
    torch.manual_seed(0)
    for model in MODELS:
        network = build(SilifSettings(model=model, hidden=HIDDEN), (5,), 2, 4e-3)
        np.savez(folder / f"{model}.npz", **{name: value.numpy() for name, value in network.state_dict().items()})
    return folder


@pytest.fixture
def checkpoints(shell: Shell, made_up: Path) -> Path:
    return Path(shutil.copytree(made_up, shell.folder / "nets")).relative_to(shell.folder)


def change(path: Path, by: Callable[[Arrays], object]) -> None:
    with np.load(path) as stored:
        arrays = dict(stored)
    by(arrays)
    np.savez(path, **arrays)


def test_picture_and_data_are_written_with_the_same_bytes_twice(shell: Shell, checkpoints: Path) -> None:
    said = [
        shell.works("figure", "2", "--out", f"{name}.svg", "--checkpoints", checkpoints, "--layer", 1) for name in "ab"
    ]
    for suffix in ("svg", "json"):
        assert (shell.folder / f"a.{suffix}").read_bytes() == (shell.folder / f"b.{suffix}").read_bytes()
    beside = json.loads((shell.folder / "a.json").read_text())
    assert beside["points"] == said[0]["points"]
    assert [Path(said[0][key]).name for key in ("path", "data")] == ["a.svg", "a.json"]
    assert len(beside["points"]) == 2 * len(MODELS) * len(HIDDEN)
    for point in beside["points"]:
        assert np.shape(point["re"]) == np.shape(point["im"]) == (HIDDEN[point["layer"]], 2)
        assert point["summary"]["neurons"] == HIDDEN[point["layer"]]


def test_networks_are_found_with_the_datasets_and_people_get_the_summaries(
    shell: Shell, checkpoints: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.refuses("figure", "2", "--out", "a.png", says="silif_ssc_reference: is no folder.*--checkpoints DIR")
    (shell.folder / "data").mkdir()
    shutil.copytree(checkpoints, shell.folder / "data" / "silif_ssc_reference")
    monkeypatch.setenv("NEURODEPLOY_DATA", str(shell.folder / "data"))
    said = shell("figure", "2", "--out", "a.pdf")
    assert said.status == 0, said.err
    lines = said.out.splitlines()
    assert lines[0].split()[:4] == ["network", "formula", "layer", "min"]
    assert sum(line.startswith(("cAdLIF", "C-SiLIF", "SiLIF", "RF")) for line in lines) == 16
    assert any(line.startswith("implemented:") for line in lines)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--out", "a.bmp"), "a.bmp: has the suffix .bmp, pictures are .png, .svg, .pdf"),
        (("--out", "a"), "a: has no suffix"),
        (("--out", "nowhere/a.png"), "nowhere is no folder"),
        (("--out", "a.png", "--layer", "2"), "--layer: found 2, the networks have the hidden layers 0 to 1"),
        (("--out", "a.png", "--layer", "-1"), "--layer: found -1"),
        (("--out", "a.png", "--checkpoints", "nowhere"), "nowhere: is no folder.*--checkpoints DIR"),
        (("--out", "a.png", "--checkpoints", "."), "lacks cadlif.npz, csilif.npz, silif.npz, rf.npz"),
        ((), "missing option '--out'"),
    ],
)
def test_wrong_options_are_refused(shell: Shell, checkpoints: Path, options: tuple[str, ...], says: str) -> None:
    given = options if "--checkpoints" in options else (*options, "--checkpoints", str(checkpoints))
    shell.refuses("figure", "2", *given, says=says)


def test_data_beside_that_cannot_be_written_are_told_before_the_work(shell: Shell, checkpoints: Path) -> None:
    (shell.folder / "a.json").mkdir()
    shell.refuses("figure", "2", "--out", "a.png", "--checkpoints", checkpoints, says="a.json: is a folder")


def test_a_figure_that_is_none_is_refused(shell: Shell) -> None:
    shell.refuses("figure", "7", "--out", "a.png", says="no such verb '7'; choose one of 2")


CHANGES: dict[str, tuple[str, Callable[[Arrays], object], str]] = {
    "missing": ("silif", lambda arrays: arrays.pop("snn.1.beta"), "silif.npz: .*lacks .*snn.1.beta"),
    "misshapen": (
        "rf",
        lambda arrays: arrays.update({"snn.0.alpha_im": np.zeros((4, 4), np.float32)}),
        r"rf.npz: .*snn.0.alpha_im \(4, 4\)",
    ),
    "not_finite": (
        "csilif",
        lambda arrays: arrays["snn.0.log_dt"].__setitem__(1, np.nan),
        "csilif.npz: .*infinities .*snn.0.log_dt",
    ),
    "no_pole": (
        "cadlif",
        lambda arrays: arrays["snn.1.alpha"].__setitem__(2, -0.5),
        "cadlif.npz: layer 1, neuron 2 has no finite pole .alpha -0.5",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_wrong_arrays_are_refused(shell: Shell, checkpoints: Path, name: str) -> None:
    network, by, says = CHANGES[name]
    change(checkpoints / f"{network}.npz", by)
    shell.refuses("figure", "2", "--out", "a.png", "--checkpoints", checkpoints, says=says)


def test_another_network_a_damaged_and_an_absent_file_are_refused(shell: Shell, checkpoints: Path) -> None:
    call = ("figure", "2", "--out", "a.png", "--checkpoints", checkpoints)
    kept = (checkpoints / "rf.npz").read_bytes()
    shutil.copy(checkpoints / "silif.npz", checkpoints / "rf.npz")
    shell.refuses(*call, says="rf.npz: holds silif, needed is rf")
    (checkpoints / "rf.npz").write_bytes(kept[: len(kept) // 2])
    shell.refuses(*call, says="rf.npz: is a damaged .npz")
    (checkpoints / "rf.npz").unlink()
    shell.refuses(*call, says="nets: lacks rf.npz")
