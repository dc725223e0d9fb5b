"""A shell in an empty folder, small graphs and data in it, and one trained run for all tests."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from neurodeploy.cli.app import invoke
from neurodeploy.compiled import cache_folder
from tests.cli import graphs
from tests.cli.support import TINY, Shell


@pytest.fixture
def data_folder() -> str:
    """The folder of the datasets, asked for before `shell` hides it."""
    return os.environ.get("NEURODEPLOY_DATA", "")


@pytest.fixture
def shell(
    data_folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shell:
    """A shell in an empty folder, on a machine that has no datasets of its own and no Lava."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("NEURODEPLOY_LAVA_ENV", str(tmp_path / "no-lava"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "no-cache"))
    monkeypatch.delenv("NEURODEPLOY_DATA", raising=False)
    return Shell(folder, capsys)


@pytest.fixture
def kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiled code where it is kept on this machine; asked for before `shell`, which hides that."""
    monkeypatch.setenv("NEURODEPLOY_CACHE", str(cache_folder(Path(__file__).parent).parent))


@pytest.fixture
def good(shell: Shell) -> Path:
    """A graph that every target runs with --dt 1e-3, and data.npz beside it."""
    graphs.write_data(shell.folder / "data.npz")
    return graphs.write_good(shell.folder / "good.nir")


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished tiny run; tests change copies of it only."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    assert invoke(["run", "digits", "--out", str(folder), *TINY, "--json"]) == 0
    return folder


@pytest.fixture
def run(shell: Shell, finished_run: Path) -> Path:
    """A copy of the finished run, called `run`, in the shell's folder."""
    return Path(shutil.copytree(finished_run, shell.folder / "run")).relative_to(shell.folder)
