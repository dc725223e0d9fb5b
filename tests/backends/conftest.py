"""Lava's worker, kept alive for the tests of a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from neurodeploy.backends import lava


@pytest.fixture(scope="module")
def worker() -> Iterator[lava.Worker]:
    with lava.Worker() as kept_alive:
        yield kept_alive
