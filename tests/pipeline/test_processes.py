"""Work in several processes: results, errors, and processes that die."""

from __future__ import annotations

import math
import multiprocessing
import os

import pytest

from neurodeploy.errors import DataError, RunError
from neurodeploy.pipeline.tasks import Workers


@pytest.mark.parametrize("processes", [1, 2])
def test_every_task_comes_back_with_its_result(processes: int) -> None:
    with Workers(processes) as workers:
        for tasks in ([1, 4, 9], [16, 25]):
            assert dict(workers.run(math.isqrt, tasks)) == {task: math.isqrt(task) for task in tasks}
    assert not multiprocessing.active_children()


def test_errors_come_back_and_nothing_is_left_running() -> None:
    with pytest.raises(ValueError, match="nonnegative"), Workers(2) as workers:
        list(workers.run(math.isqrt, [1, -1, 4]))
    assert not multiprocessing.active_children()


def test_a_process_that_dies_is_told_in_one_line() -> None:
    with pytest.raises(RunError, match=r"was killed.*mode='resume'"), Workers(2) as workers:
        list(workers.run(os._exit, [1, 1]))


def test_the_family_of_errors_keeps_its_words() -> None:
    with pytest.raises(DataError, match=r"^a: b$"), Workers(2) as workers:
        list(workers.run(_refuse, ["a: b", "a: b"]))


def _refuse(words: str) -> None:
    raise DataError(words)
