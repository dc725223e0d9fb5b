"""The page of the example, rendered once for all tests, from a report as it is read back from their files."""

from __future__ import annotations

import functools
import json
from typing import Any

from neurodeploy.report.page import render
from tests.report.example import example


def written(report: dict[str, Any]) -> dict[str, Any]:
    """Return a report as it is read back from its file."""
    found: dict[str, Any] = json.loads(json.dumps(report))
    return found


@functools.cache
def today() -> str:
    """Return the page of a report with every part."""
    return render(written(example()))
