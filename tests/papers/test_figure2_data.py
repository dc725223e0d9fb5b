"""Figure 2 of the published networks: the arrays beside the picture are the recorded ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread

from neurodeploy.networks.families.silif import CALLED
from neurodeploy.neurons.poles import pole_distance
from neurodeploy.papers.silif.figure2 import SIZE_INCHES, figure2
from tests.needs import golden_file

pytestmark = pytest.mark.data

SINGLE = 1e-7
"""The recorded arrays are complex64."""


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return figure2(out=tmp_path_factory.mktemp("figure") / "fig2.png")


def test_the_data_lie_beside(drawn: dict[str, Any]) -> None:
    beside = json.loads(Path(drawn["data"]).read_text())
    assert Path(drawn["data"]).name == "fig2.json"
    assert beside == {key: value for key, value in drawn.items() if key not in ("path", "data")}
    assert imread(drawn["path"]).shape[:2] == tuple(round(300 * size) for size in reversed(SIZE_INCHES))


def test_arrays_are_the_recorded_ones(drawn: dict[str, Any]) -> None:
    golden = golden_file("silif", "fig2_eigenvalues.npz")
    found = {
        (point["network"], point["formula"], point["layer"]): np.array(point["re"]) + 1j * np.array(point["im"])
        for point in drawn["points"]
    }
    assert len(found) == 16
    with np.load(golden, allow_pickle=False) as stored:
        for name in stored.files:
            network, _, formula = name.partition("_")
            for layer, recorded in enumerate(stored[name]):
                poles = found[CALLED[network], formula or "paper", layer]
                assert pole_distance(poles, recorded.astype(np.complex128)).max() < SINGLE, (name, layer)


def test_the_summaries_tell_the_two_formulas_apart(drawn: dict[str, Any]) -> None:
    counts = {
        (point["network"], point["formula"]): (point["summary"]["complex_neurons"], point["summary"]["outside_neurons"])
        for point in drawn["points"]
        if point["layer"] == 0
    }
    assert counts["SiLIF", "paper"] == (44, 0)
    assert counts["SiLIF", "implemented"] == (242, 0)
    assert counts["cAdLIF", "paper"] == (28, 248)
    assert counts["cAdLIF", "implemented"] == (303, 0)
    assert counts["RF", "paper"] == (512, 0)
    assert counts["RF", "implemented"] == (512, 62)
    assert counts["C-SiLIF", "paper"] == counts["C-SiLIF", "implemented"] == (512, 0)
