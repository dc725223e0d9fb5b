"""Marks that need something of the machine: skipped with the reason where it is absent."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator

import hypothesis
import pytest

from neurodeploy.backends.lava import Status, Worker, status
from tests.needs import data_folder

# Before torch is loaded: on a busy machine, small work on two threads can take ten times as long as on one.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Property tests look at the same examples each time; --hypothesis-seed=N, with the default profile, at others.
hypothesis.settings.register_profile("fixed", derandomize=True, deadline=None)
hypothesis.settings.load_profile("fixed")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a marked test, or fail it where the machine was said to have what it needs."""
    if item.get_closest_marker("data"):
        data_folder()
    if item.get_closest_marker("lava") and not lava_status().ready:
        if os.environ.get("NEURODEPLOY_REQUIRE_LAVA") == "1":
            pytest.fail(f"NEURODEPLOY_REQUIRE_LAVA=1, but {lava_status().reason}", pytrace=False)
        pytest.skip(lava_status().reason)


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    """Lava's worker; its process goes on to the next file that asks for it."""
    with Worker(keep=True) as kept:
        yield kept


@functools.cache
def lava_status() -> Status:
    """Return the status once: asking starts an interpreter."""
    return status()
