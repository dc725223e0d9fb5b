"""What the shipped recipe for digits promises; README has more seeds of it."""

from __future__ import annotations

from pathlib import Path

import pytest

import neurodeploy


@pytest.mark.slow
def test_digits_as_shipped_reaches_its_accuracy_in_float_and_in_integers(tmp_path: Path) -> None:
    found = neurodeploy.run("digits", out=tmp_path / "run", settings=("certificate.lava=never",))
    assert found["certificate"]["passed"], found["certificate"]["failures"]
    assert found["accuracy"]["float"] >= 0.965
    assert found["accuracy"]["fixed"] >= found["accuracy"]["float"] - 0.01
