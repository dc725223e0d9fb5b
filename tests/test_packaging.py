"""What is published: its name, its licence, its version, and a pin for every dependency on every Python."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.requirements import Requirement

import neurodeploy
from neurodeploy import toml

ROOT = Path(neurodeploy.__file__).parent.parent
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
