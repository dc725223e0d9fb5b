"""The pages of both examples, rendered once for all tests, from reports as they are read back from their files."""

from __future__ import annotations

import functools
import json
from typing import Any

from neurodeploy.report.page import render
from tests.report.example import example, old_example


def written(report: dict[str, Any]) -> dict[str, Any]:
    """Return a report as it is read back from its file."""
    found: dict[str, Any] = json.loads(json.dumps(report))
    return found


@functools.cache
def today() -> str:
    """Return the page of a report with every part."""
    return render(written(example()))


@functools.cache
def earlier() -> str:
    """Return the page of the report of an earlier version."""
    return render(written(old_example()))
