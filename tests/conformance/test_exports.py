"""The exports that ship with the repository are what their manifests say."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

import neurodeploy
from neurodeploy.graph.files import read_graph
from neurodeploy.graph.network import discretised
from neurodeploy.mapping.compile import compile_network

EXPORTS = sorted((Path(__file__).parents[2] / "exports").glob("*/*/manifest.json"))
SAMPLES = 64
REACHED = {"digits": (0.965, 0.01), "braille7": (0.93, 0.015)}
"""Float accuracy at least, and what the integers may lose, on the test part."""
NEEDS = {"braille7": (pytest.mark.data,)}


def manifest_of(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def exports() -> list[Any]:
    return [pytest.param(path, marks=NEEDS.get(path.parts[-3], ()), id="-".join(path.parts[-3:-1])) for path in EXPORTS]


def test_both_recipes_are_exported() -> None:
    assert {path.parts[-3] for path in EXPORTS} == {"digits", "braille7"}


@pytest.mark.parametrize("path", EXPORTS, ids=lambda path: path.parts[-3])
def test_an_export_is_the_file_of_its_manifest(path: Path) -> None:
    manifest, file = manifest_of(path), path.with_name("model.nir")
    assert hashlib.sha256(file.read_bytes()).hexdigest() == manifest["sha256"]
    assert compile_network(discretised(read_graph(file))).program.digest == manifest["program"]


@pytest.mark.parametrize("path", exports())
def test_an_export_reaches_the_accuracies_of_its_manifest(path: Path) -> None:
    manifest = manifest_of(path)
    found = neurodeploy.certify(path.with_name("model.nir"), manifest["dataset"])
    reference, fixed = found["stages"]
    assert found["passed"], found["failures"]
    assert reference["accuracy"] == manifest["accuracy"]["reference"]
    least, drop = REACHED[manifest["recipe"]]
    assert manifest["accuracy"]["float"] >= least
    assert fixed["accuracy"] >= manifest["accuracy"]["float"] - drop


@pytest.mark.lava
@pytest.mark.parametrize("path", exports())
def test_an_export_is_bit_exact_with_lava(path: Path) -> None:
    dataset = manifest_of(path)["dataset"]
    file = path.with_name("model.nir")
    found = neurodeploy.certify(file, dataset, backends=("fixed", "lava"), limit=SAMPLES)
    assert found["bit_exact"] == {"fixed/lava": True}
    assert [stage["samples"] for stage in found["stages"]] == [SAMPLES, SAMPLES]
