"""What the shipped recipe for digits promises, over seeds."""

from __future__ import annotations

from pathlib import Path

import pytest

import neurodeploy

SEEDS = (0, 1, 2)


@pytest.mark.slow
def test_digits_as_shipped_reaches_its_accuracy_in_float_and_in_integers(tmp_path: Path) -> None:
    found = []
    for seed in SEEDS:
        settings = (f"training.seed={seed}", "certificate.lava=never")
        result = neurodeploy.run("digits", tmp_path / str(seed), settings=settings)
        assert result["certificate"]["passed"], result["certificate"]["failures"]
        found.append(result["accuracy"])
    assert sum(one["float"] for one in found) / len(SEEDS) >= 0.965
    assert all(one["fixed"] >= one["float"] - 0.01 for one in found)
