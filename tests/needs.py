"""What a test needs of the machine: absent, it skips with the reason, or fails where the machine must have it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import pytest

REQUIRE_DATA = "NEURODEPLOY_REQUIRE_DATA"
"""Set to 1 where all data are there, as in CI: a test of data then fails instead of skipping."""


def absent(reason: str) -> NoReturn:
    """End a test whose data are absent."""
    if os.environ.get(REQUIRE_DATA) == "1":
        pytest.fail(f"{REQUIRE_DATA}=1, but {reason}", pytrace=False)
    pytest.skip(reason)


def data_folder(*parts: str) -> Path:
    """Return the folder of the datasets, or what lies in it."""
    if not os.environ.get("NEURODEPLOY_DATA"):
        absent("NEURODEPLOY_DATA is not set; it names the folder that holds the datasets")
    found = Path(os.environ["NEURODEPLOY_DATA"]).joinpath(*parts)
    return found if found.exists() else absent(f"{found} is not there")


def golden_file(*parts: str) -> Path:
    """Return a file recorded of a reference implementation; the recordings lie beside the datasets."""
    return data_folder("..", "reference", "golden", *parts)
