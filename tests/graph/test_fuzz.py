"""Valid files with bytes changed: what is in them, or one line saying why not; never a crash or another error.

Within a gigabyte of memory; 2,000 of NIR graphs, of lava-dl networks and of our Programs each, and 500 of each with
other fields, as of recipes; some of those in every run of the tests.

NEURODEPLOY_FUZZ=N in the environment runs so many cases instead of 2,000.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.graph.fuzz import CASES, fuzzed, run

MOST_MB = 1000
QUICK = 120
KINDS = {"nir": (0.05, 0.2), "net": (0.05, 0.2), "npz": (0, 0.5), "npz parts": (0.02, 0.5)} | {
    "nir parts": (0.02, 0.5),
    "net parts": (0.02, 0.5),
    "recipe parts": (0.02, 0.3),
}
"""What part of the cases is read at least, and refused at least: both ways must be taken often."""


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_any_bytes_give_a_result_or_an_error_of_ours(kind: str, tmp_path: Path) -> None:
    cases = CASES // 4 if kind.endswith("parts") else CASES  # each that is read is run too
    found = fuzzed(kind, tmp_path, cases=cases)
    assert not found["failures"], "\n".join(found["failures"])
    assert found["read"] + found["refused"] == cases
    least_read, least_refused = KINDS[kind]
    assert found["read"] >= least_read * cases
    assert found["refused"] >= least_refused * cases
    assert found["peak_mb"] < MOST_MB


@pytest.mark.parametrize("kind", [one for one in KINDS if one.endswith("parts")])
def test_any_field_gives_a_result_or_an_error_of_ours(kind: str, tmp_path: Path) -> None:
    found = run(kind, QUICK, 11, tmp_path, limited=False)
    assert not found["failures"], "\n".join(found["failures"])
    assert 0 < found["read"] < QUICK
