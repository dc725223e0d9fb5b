"""What is published: its name, its licence, its version, and a pin for every dependency on every Python."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import neurodeploy
from neurodeploy import toml
from neurodeploy.verbs.frameworks import WANTED

ROOT = Path(neurodeploy.__file__).parent.parent
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
PROJECT = toml.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_name_on_the_index_is_ours_and_the_licence_is_there() -> None:
    """`neurodeploy` on the package index is another project."""
    assert PROJECT["name"] == "neurodeploy-toolkit"
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").lstrip().startswith("Apache License")
    assert PROJECT["license"] == "Apache-2.0"
    assert all((ROOT / name).is_file() for name in PROJECT["license-files"])
    assert (Path(neurodeploy.__file__).parent / "py.typed").is_file()


def test_the_version_is_told_the_same_everywhere() -> None:
    cited = [line for line in (ROOT / "CITATION.cff").read_text(encoding="utf-8").splitlines() if "version:" in line]
    assert cited == ["cff-version: 1.2.0", f'version: "{neurodeploy.__version__}"']
    newest = next(line for line in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines() if "## " in line)
    assert newest == f"## {neurodeploy.__version__}"


def test_every_dataset_is_in_the_notice_with_its_licence() -> None:
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    datasets = toml.loads((Path(neurodeploy.__file__).parent / "data/datasets.toml").read_text(encoding="utf-8"))
    for name, one in datasets.items():
        assert one["citation"].split()[0] in notice, name
        assert one["licence"] in notice, name


@pytest.mark.parametrize("extra", ["", *PROJECT["optional-dependencies"]])
def test_no_dependency_asks_for_torchvision(extra: str) -> None:
    """It wants the very torch that it was built with, and so replaces a CPU build by one with CUDA."""
    listed = PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]
    assert not {Requirement(one).name for one in listed} & {"torchvision", "torchaudio", "norse", "spikingjelly"}


@pytest.mark.parametrize("python", PYTHONS)
def test_every_dependency_has_one_pin_on_every_python(python: str) -> None:
    """One that is allowed, so that `-c constraints.txt` neither fails nor leaves a version to chance."""
    on = {"python_version": python, "python_full_version": f"{python}.0", "extra": ""}
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins: dict[str, list[str]] = {}
    for line in lines:
        if not line.startswith("#") and ((one := Requirement(line)).marker is None or one.marker.evaluate(on)):
            pins.setdefault(canonicalize_name(one.name), []).append(str(one.specifier).removeprefix("=="))
    listed = [*PROJECT["dependencies"], *(one for extra in PROJECT["optional-dependencies"].values() for one in extra)]
    for one in map(Requirement, listed):
        if one.marker is None or one.marker.evaluate(on):
            assert [one.specifier.contains(pin) for pin in pins[canonicalize_name(one.name)]] == [True], one.name
    assert all(len(versions) == 1 for versions in pins.values())
    assert f"Programming Language :: Python :: {python}" in PROJECT["classifiers"]
    assert not [name for name in pins if name.startswith(("nvidia-cu", "cuda", "triton"))]


def test_every_extra_and_every_python_is_on_the_page_about_installing() -> None:
    page = (ROOT / "docs/install.md").read_text(encoding="utf-8")
    assert not [extra for extra in PROJECT["optional-dependencies"] if f"[{extra}]" not in page]
    assert not [python for python in PYTHONS if python not in page]


def test_the_frameworks_that_are_installed_are_those_that_are_declared() -> None:
    declared = {one.name: one for one in map(Requirement, PROJECT["optional-dependencies"]["frameworks"])}
    assert all(one.specifier.contains(WANTED[name]) for name, one in declared.items())
    assert set(declared) < set(WANTED)
