"""`frameworks setup`: what it asks the installer for. A shell script stands in for the installer."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import neurodeploy
from neurodeploy.errors import FrameworkError
from neurodeploy.verbs import frameworks

PYTHON_310, PYTHON_311 = (3, 10, 13), (3, 11, 7)


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment of Python 3.11 with snnTorch of another version alone; the file holds what was asked for."""
    there, asked = {"snntorch": "0.9.4"}, tmp_path / "asked"

    def version(name: str) -> str | None:
        wanted = dict(word.split("==") for word in asked.read_text().split() if "==" in word) if asked.exists() else {}
        return (there | wanted).get(name)

    script = tmp_path / "installer"
    script.write_text(f'#!/bin/sh\necho "$@" > {asked}\necho installed\n')
    script.chmod(0o755)
    monkeypatch.setattr(frameworks, "_version", version)
    monkeypatch.setattr(frameworks, "_installer", lambda: [str(script)])
    monkeypatch.setattr(sys, "version_info", PYTHON_311)
    return asked


def test_what_is_missing_goes_in_without_dependencies_and_what_is_there_stays(asked: Path) -> None:
    assert not neurodeploy.frameworks_status()["ready"]
    found = neurodeploy.frameworks_setup()
    assert asked.read_text().split() == [
        *("--no-deps", "norse==1.1.0", "spikingjelly==2.0.0", "nirtorch==2.6", "loguru==0.7.3"),
    ]
    assert found["ready"]
    assert found["versions"]["snntorch"] == "0.9.4"
    asked.write_text(" ".join(f"{name}=={version}" for name, version in frameworks.WANTED.items()))
    before = asked.read_bytes()
    assert neurodeploy.frameworks_setup()["ready"]
    assert asked.read_bytes() == before


def test_what_this_python_cannot_have_is_told_and_not_asked_for(asked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SpikingJelly 2.0.0 declares Python 3.11; pip would refuse the others with it."""
    monkeypatch.setattr(sys, "version_info", PYTHON_310)
    found = neurodeploy.frameworks_setup()
    assert "spikingjelly" not in asked.read_text()
    assert found["ready"]
    assert found["absent"] == {"spikingjelly": "needs Python 3.11 or later"}


@pytest.mark.usefixtures("asked")
def test_a_failed_installation_is_its_own_last_words(tmp_path: Path) -> None:
    (tmp_path / "installer").write_text('#!/bin/sh\necho "ERROR: no space left"; echo "[notice] a new pip"; exit 1\n')
    with pytest.raises(FrameworkError, match=r"^frameworks: pip failed \(ERROR: no space left\); check the network"):
        neurodeploy.frameworks_setup()


def test_without_pip_and_uv_the_way_out_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FrameworkError, match=r"^frameworks: neither pip nor uv is here; install one of them"):
        frameworks._installer()
    uv = tmp_path / "uv"
    uv.write_text("#!/bin/sh\n")
    uv.chmod(0o755)
    assert frameworks._installer() == [str(uv), "pip", "install", "--python", sys.executable]
